"""Parse source files with tree-sitter and walk the tree once, without recursion and within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.optional import require
from encoders.symbols import COMMENT_LIKE, Definition, kinds_of, read_definition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tree_sitter import Node, Tree

    from encoders.types import IntArray

MAX_PARSED_BYTES: Final = 32_000_000
"""A tree takes about ten times its source; longer files are cut by lines."""

# The parser reports after every hundred steps. Real code takes 3 to 5 reports a
# kilobyte, so the limit stops only what runs away, and stops it at the same place
# on every machine, which a clock would not.
_REPORTS_AT_LEAST: Final = 20_000
_REPORTS_PER_KB: Final = 60
_READ_BYTES: Final = 1 << 16
_SMALLEST_PARENT_BYTES: Final = 12
_DEEPEST: Final = 100


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
    defines: IntArray
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
    tree = _parse(source, language)
    return _Walk(source, kinds_of(language)).run(tree)


def _parse(source: bytes, language: str) -> Tree:
    if len(source) > MAX_PARSED_BYTES:
        raise ParsingStoppedError(f"{len(source)} bytes are more than the {MAX_PARSED_BYTES} that are parsed")
    grammars = require("tree_sitter_language_pack", extra="local")
    parser = require("tree_sitter", extra="local").Parser(grammars.get_language(language))
    reports = _REPORTS_AT_LEAST + _REPORTS_PER_KB * len(source) // 1000
    left = reports

    def stop(offset: int, has_error: bool) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    def read(offset: int, point: object) -> bytes:
        return source[offset : offset + _READ_BYTES]

    try:
        tree: Tree = parser.parse(read, progress_callback=stop)
    except ValueError as error:
        raise ParsingStoppedError(f"the {language} parser was stopped after {reports} reports") from error
    return tree


@dataclass(slots=True)
class _Walk:
    """One pass over a tree with a cursor; `_runs` and `_scopes` are the only memory of where it is."""

    source: bytes
    kinds: Mapping[str, str]
    starts: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    defines: list[bool] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=dict)
    definitions: list[Definition] = field(default_factory=list)
    _scopes: list[Definition] = field(default_factory=list)
    _runs: dict[int, tuple[int, int]] = field(default_factory=dict)

    def run(self, tree: Tree) -> Outline:
        cursor = tree.walk()
        depth = 0
        descend = cursor.goto_first_child()
        while True:
            if descend:
                depth += 1
                self._runs.pop(depth, None)
            node = cursor.node
            descend = (
                depth > 0 and node is not None and self._visit(node, depth) and cursor.goto_first_child()
            )
            if descend:
                continue
            while depth and not cursor.goto_next_sibling():
                cursor.goto_parent()
                depth -= 1
            if not depth:
                return self._outline(tree)

    def _visit(self, node: Node, depth: int) -> bool:
        """Note one node; return whether to look inside."""
        if not node.is_named:
            return False
        start, end, kind = node.start_byte, node.end_byte, node.type
        if kind in COMMENT_LIKE:
            self._note_comment(start, end, depth)
            return False
        run = self._runs.pop(depth, None)
        if run is not None and self.source.count(b"\n", run[1], start) <= 1:
            self.moved[start] = run[0]
        defines = kind in self.kinds and self._define(node)
        self.starts.append(start)
        self.depths.append(depth)
        self.defines.append(defines)
        return (defines or end - start > _SMALLEST_PARENT_BYTES) and depth < _DEEPEST

    def _note_comment(self, start: int, end: int, depth: int) -> None:
        line = self.source.rfind(b"\n", 0, start) + 1
        if self.source[line:start].strip():
            return  # behind code in the same line: it describes that
        run = self._runs.get(depth)
        if run is not None and self.source.count(b"\n", run[1], start) <= 1:
            self._runs[depth] = (run[0], end)
            return
        self._runs[depth] = (start, end)
        self.starts.append(start)
        self.depths.append(depth)
        self.defines.append(False)

    def _define(self, node: Node) -> bool:
        while self._scopes and self._scopes[-1].end <= node.start_byte:
            self._scopes.pop()
        definition = read_definition(node, self.source, self._scopes[-1] if self._scopes else None)
        if definition is None:
            return False
        self._scopes.append(definition)
        self.definitions.append(definition)
        return True

    def _outline(self, tree: Tree) -> Outline:
        return Outline(
            np.array(self.starts, dtype=np.int64),
            np.array(self.depths, dtype=np.int64),
            np.array(self.defines, dtype=np.int64),
            self.moved,
            tuple(self.definitions),
            tree.root_node.has_error,
        )
