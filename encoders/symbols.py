"""Which syntax nodes define something, and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tree_sitter import Node

_KINDS: Final[dict[str, str]] = {
    "class": "class class_declaration class_definition class_specifier abstract_class_declaration "
    "object_declaration object_definition companion_object actor_declaration",
    "struct": "struct_declaration struct_item struct_specifier union_item union_specifier "
    "record_declaration record_struct_declaration",
    "interface": "interface_declaration trait_item trait_declaration trait_definition protocol_declaration "
    "annotation_type_declaration",
    "enum": "enum_declaration enum_definition enum_item enum_specifier",
    "implementation": "impl_item",
    "module": "module mod_item namespace_declaration namespace_definition internal_module "
    "file_scoped_namespace_declaration",
    "function": "function_declaration function_definition function_item generator_function_declaration "
    "function_signature function_signature_item variable_declarator assignment_statement "
    "preproc_function_def macro_definition create_function create_procedure",
    "method": "method method_declaration method_definition method_signature singleton_method "
    "abstract_method_signature constructor_declaration destructor_declaration init_declaration "
    "deinit_declaration protocol_function_declaration public_field_definition",
    "property": "property_declaration",
    "type": "type_spec type_alias_declaration type_alias type_item type_definition create_type",
    "table": "create_table create_view create_materialized_view table table_array_element",
    "trigger": "create_trigger",
    "rule": "rule_set media_statement keyframes_statement",
    "key": "pair block_mapping_pair",
}
KIND_OF_NODE: Final = {node: kind for kind, nodes in _KINDS.items() for node in nodes.split()}
"""Node types of all grammars; a name stands for the same kind of thing wherever it occurs."""

DATA_LANGUAGES: Final = frozenset({"json", "toml", "yaml"})
_CODE_KINDS: Final = {node: kind for node, kind in KIND_OF_NODE.items() if kind not in ("key", "table")}

COMMENT_LIKE: Final = frozenset(
    {
        "annotation",
        "attribute_item",
        "block_comment",
        "comment",
        "decorator",
        "doc_comment",
        "documentation_comment",
        "line_comment",
        "marginalia",
        "multiline_comment",
    }
)
"""Nodes that stand before what they describe and are kept with it."""

WRAPPERS: Final = frozenset(
    {
        "block_mapping",
        "block_node",
        "body_statement",
        "declaration",
        "declaration_list",
        "decorated_definition",
        "export_statement",
        "lexical_declaration",
        "statement",
        "template_declaration",
        "type_declaration",
        "variable_declaration",
    }
)
"""Nodes that may do no more than hold a definition, so they are opened however short they are."""

_SCOPES: Final = frozenset({"class", "struct", "interface", "enum", "implementation", "type"})
_NEEDS_BODY: Final = frozenset({"class_specifier", "struct_specifier", "union_specifier", "enum_specifier"})
_NEEDS_FUNCTION: Final = frozenset({"variable_declarator", "assignment_statement", "public_field_definition"})
_FUNCTIONS: Final = frozenset(
    {
        "arrow_function",
        "function",
        "function_expression",
        "generator_function",
        "function_definition",
        "class",
    }
)
_KEYWORD_KINDS: Final = {
    "struct": "struct",
    "enum": "enum",
    "extension": "implementation",
    "interface": "interface",
}
_NAME_FIELDS: Final = ("name", "declarator", "key")
_NAME_TYPES: Final = re.compile(
    r"identifier|_name$|^name$|^constant$|^word$|object_reference|_key$|selectors|query$|declarator$"
)
_LONGEST_NAME: Final = 120
_LONGEST_SIGNATURE: Final = 160
_SMALLEST_KEY_BYTES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Something a source file defines.

    Attributes:
        name: as written, with its qualifier where the definition has one.
        kind: class, function, method and so on; see this module's table.
        signature: its first lines up to the body, in one line.
        start: first byte or character, whichever the reader counts in.
        end: one past the last.
        level: 1 is outermost.
    """

    name: str
    kind: str
    signature: str
    start: int
    end: int
    level: int


def kinds_of(language: str) -> Mapping[str, str]:
    """Return the node types of ``language`` that may define; a pair is a definition only in data files."""
    return KIND_OF_NODE if language in (*DATA_LANGUAGES, "sql") else _CODE_KINDS


def read_definition(node: Node, source: bytes, outer: Definition | None) -> Definition | None:
    """Return what ``node``, of a type in `KIND_OF_NODE`, defines; None where it only mentions or assigns."""
    kind = KIND_OF_NODE[node.type]
    body = _body(node)
    if kind == "key" and node.end_byte - node.start_byte < _SMALLEST_KEY_BYTES:
        return None
    if node.type in _NEEDS_BODY and body is None:
        return None
    if node.type in _NEEDS_FUNCTION and body is None:
        return None
    name = _name(node, source)
    if not name:
        return None
    if kind == "function" and outer is not None and outer.kind in _SCOPES:
        kind = "method"
    return Definition(
        name=name,
        kind=_kind_by_keyword(node, kind),
        signature=_signature(node, body, source, name),
        start=node.start_byte,
        end=node.end_byte,
        level=1 if outer is None else outer.level + 1,
    )


def _kind_by_keyword(node: Node, kind: str) -> str:
    """Read the keyword where one node type serves several (`class_declaration` of Swift and Kotlin)."""
    if kind != "class":
        return kind
    words = (child.type for child in node.children[:3] if not child.is_named)
    return next((_KEYWORD_KINDS[word] for word in words if word in _KEYWORD_KINDS), kind)


def _body(node: Node) -> Node | None:
    if node.type in _NEEDS_FUNCTION:
        value = node.child_by_field_name("value") or _child_of(node, ("expression_list",))
        if value is not None and value.type == "expression_list":
            value = value.named_child(0)
        return value if value is not None and value.type in _FUNCTIONS else None
    return node.child_by_field_name("body") or _child_of(
        node, ("body", "block", "declaration_list", "fields")
    )


def _child_of(node: Node, endings: tuple[str, ...]) -> Node | None:
    return next((child for child in node.named_children if child.type.endswith(endings)), None)


def _name(node: Node, source: bytes) -> str:
    if node.type == "impl_item":
        found = node.child_by_field_name("type")
    else:
        found = _named(node)
    if found is None:
        return {"init_declaration": "init", "deinit_declaration": "deinit"}.get(node.type, "")
    return _one_line(source[found.start_byte : found.end_byte], _LONGEST_NAME).strip("\"'")


def _named(node: Node) -> Node | None:
    """Follow the fields that lead to a name; C hides it under pointers and parameter lists."""
    found: Node | None = node
    while found is not None and (found is node or found.type.endswith("declarator")):
        step = next(
            (child for f in _NAME_FIELDS if (child := found.child_by_field_name(f)) is not None), None
        )
        found = step or next((c for c in found.named_children if _NAME_TYPES.search(c.type)), None)
    return found


def _signature(node: Node, body: Node | None, source: bytes, name: str) -> str:
    if KIND_OF_NODE[node.type] in ("key", "table", "rule"):
        return name
    if body is not None and body.type in _FUNCTIONS:
        body = body.child_by_field_name("body")
    comments = (child.start_byte for child in node.named_children if child.type in COMMENT_LIKE)
    end = min([node.end_byte if body is None else body.start_byte, *comments])
    head = source[node.start_byte : min(end, node.start_byte + 4 * _LONGEST_SIGNATURE)]
    if body is None:
        head = head.partition(b"{")[0]
    line = _one_line(head, _LONGEST_SIGNATURE).rstrip(" :{=;>-")
    return line if name in line else f"{line} {name}".strip()


def _one_line(code: bytes, longest: int) -> str:
    line = " ".join(code.decode("utf-8", "replace").split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
