"""Parse source files with tree-sitter and walk the tree once, without recursion and within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.optional import require
from encoders.symbols import COMMENT_LIKE, WRAPPERS, Definition, kinds_of, read_definition

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

    from encoders.types import BoolArray, IntArray

MAX_PARSED_BYTES: Final = 32_000_000
"""A tree takes about ten times its source; longer files are cut by lines."""

# The parser reports after every hundred steps. Real code takes 3 to 5 reports a
# kilobyte, so the first limit stops only what runs away, and at the same place on
# every machine. The clock is for what makes single steps slow.
_REPORTS_AT_LEAST: Final = 1_000
_REPORTS_PER_KB: Final = 40
_SECONDS_AT_LEAST: Final = 10.0
_SECONDS_PER_MB: Final = 4.0
_CRASHING: Final = frozenset({"perl"})  # its scanner ends the process on unbalanced quotes
_YAML_LEVELS: Final = 100
_READ_BYTES: Final = 1 << 16
_SMALL_BYTES: Final = 100
_DEEPEST: Final = 100
_UNNAMED, _COMMENT, _PLAIN, _WRAPS, _DEFINES = range(5)  # what a node is to the walk, in order of interest


class ParsingStoppedError(Exception):
    """A file is too long or too hard to parse; the message says which. Stays inside this room."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What the walk saw. Offsets are bytes of the UTF-8 source.

    Attributes:
        starts: ``(n,)`` where named nodes begin, in no order, an offset may repeat.
        depths: ``(n,)`` how deep each lies; 1 is a child of the root.
        defines: ``(n,)`` bool, the node defines something.
        moved: from the start of a node to the start of the comments and decorators right before it.
        definitions: in order of start.
        has_errors: the parser met text that does not belong to the language and went on after it.
    """

    starts: IntArray
    depths: IntArray
    defines: BoolArray
    moved: dict[int, int]
    definitions: tuple[Definition, ...]
    has_errors: bool


def read_outline(source: bytes, language: str) -> Outline:
    """Parse ``source`` and read its outline.

    Raises:
        ParsingStoppedError: the source is longer than `MAX_PARSED_BYTES`, or the parser needs more steps
            than any real file of its length.
        MissingDependencyError: the grammars are not installed.
    """
    tree = parse(source, language)
    return _Walk(source, _roles(language)).run(tree)


def parse(source: bytes, language: str) -> Tree:
    """Parse ``source`` within the limits of `read_outline`."""
    if len(source) > MAX_PARSED_BYTES:
        raise ParsingStoppedError(f"{len(source)} bytes are more than the {MAX_PARSED_BYTES} that are parsed")
    if language in _CRASHING:
        raise ParsingStoppedError(f"the {language} grammar is not safe to run on any text")
    if language == "yaml" and _nests_too_deep(source):
        raise ParsingStoppedError("its lines nest deeper than the yaml grammar can hold")
    grammars = require("tree_sitter_language_pack", extra="local")
    parser = require("tree_sitter", extra="local").Parser(grammars.get_language(language))
    left = _REPORTS_AT_LEAST + _REPORTS_PER_KB * len(source) // 1000
    deadline = monotonic() + _SECONDS_AT_LEAST + _SECONDS_PER_MB * len(source) / 1e6

    def stop(offset: int, has_error: bool) -> bool:
        nonlocal left
        left -= 1
        return left < 0 or monotonic() > deadline

    def read(offset: int, point: object) -> bytes:
        return source[offset : offset + _READ_BYTES]

    try:
        tree: Tree = parser.parse(read, progress_callback=stop)
    except ValueError as error:
        raise ParsingStoppedError(
            f"the {language} parser was stopped: {len(source)} bytes of real code take far fewer steps"
        ) from error
    return tree


def _nests_too_deep(source: bytes) -> bool:
    """Tell whether YAML may open more than 250 blocks at once: there the scanner writes past its buffer.

    A line opens blocks only at its indicators, and keeps open only those left of its indentation.
    """
    for line in source.splitlines():
        if len(line) > _YAML_LEVELS:
            indicators = sum(line.count(sign) for sign in (b"- ", b"-\t", b"? ", b"?\t", b": ", b":\t"))
            if indicators > _YAML_LEVELS or not line[:_YAML_LEVELS].strip():
                return True
    return False


@lru_cache(maxsize=64)
def _roles(language: str) -> bytes:
    """Return the role of every node type of a language at its id; 65535 is the id of an error."""
    grammar = require("tree_sitter_language_pack", extra="local").get_language(language)
    kinds = kinds_of(language)
    roles = bytearray([_PLAIN]) * (1 << 16)
    for number in range(grammar.node_kind_count):
        name = grammar.node_kind_for_id(number)
        if not grammar.node_kind_is_named(number):
            roles[number] = _UNNAMED
        elif name in COMMENT_LIKE:
            roles[number] = _COMMENT
        elif name in kinds:
            roles[number] = _DEFINES
        elif name in WRAPPERS:
            roles[number] = _WRAPS
    return bytes(roles)


class _Walk:
    """One pass over a tree; runs of comments and open scopes are its only memory of where it is."""

    def __init__(self, source: bytes, roles: bytes) -> None:
        self._source = source
        self._roles = roles
        self._starts: list[int] = []
        self._depths: list[int] = []
        self._defining: list[int] = []
        self._moved: dict[int, int] = {}
        self._definitions: list[Definition] = []
        self._scopes: list[Definition] = []
        self._runs: dict[int, tuple[int, int]] = {}

    def run(self, tree: Tree) -> Outline:
        """Walk ``tree``; this loop sees every node of every file, so it calls little."""
        roles, starts, depths, runs = self._roles, self._starts, self._depths, self._runs
        cursor = tree.walk()
        depth = int(cursor.goto_first_child())
        in_definition = [False] * (_DEEPEST + 2)
        while depth:
            node = cursor.node
            role = _UNNAMED if node is None else roles[node.kind_id]
            if node is not None and role > _COMMENT:
                start = node.start_byte
                if runs:
                    self._attach(start, depth)
                if role == _DEFINES:
                    self._define(node, len(starts))
                starts.append(start)
                depths.append(depth)
                look = role > _PLAIN or in_definition[depth] or node.end_byte - start > _SMALL_BYTES
                if look and depth < _DEEPEST and cursor.goto_first_child():
                    depth += 1
                    in_definition[depth] = role == _DEFINES
                    continue
            elif node is not None and role == _COMMENT:
                self._note_comment(node.start_byte, node.end_byte, depth)
            while depth and not cursor.goto_next_sibling():
                cursor.goto_parent()
                if runs:
                    runs.pop(depth, None)
                depth -= 1
        return self._outline(tree)

    def _attach(self, start: int, depth: int) -> None:
        """Give the comments that end right before ``start`` to the node there."""
        run = self._runs.pop(depth, None)
        if run is not None and self._source.count(b"\n", run[1], start) <= 1:
            self._moved[start] = self._moved.get(run[0], run[0])

    def _note_comment(self, start: int, end: int, depth: int) -> None:
        line = self._source.rfind(b"\n", 0, start) + 1
        if self._source[line:start].strip():
            return  # behind code in the same line: it describes that
        run = self._runs.get(depth)
        if run is not None and self._source.count(b"\n", run[1], start) <= 1:
            self._runs[depth] = (run[0], end)
            return
        self._runs[depth] = (start, end)
        self._starts.append(start)
        self._depths.append(depth)

    def _define(self, node: Node, place: int) -> None:
        while self._scopes and self._scopes[-1].end <= node.start_byte:
            self._scopes.pop()
        definition = read_definition(node, self._source, self._scopes[-1] if self._scopes else None)
        if definition is not None:
            self._scopes.append(definition)
            self._definitions.append(definition)
            self._defining.append(place)

    def _outline(self, tree: Tree) -> Outline:
        defines = np.zeros(len(self._starts), dtype=np.bool_)
        defines[self._defining] = True
        return Outline(
            np.array(self._starts, dtype=np.int64),
            np.array(self._depths, dtype=np.int64),
            defines,
            self._moved,
            tuple(self._definitions),
            tree.root_node.has_error,
        )
