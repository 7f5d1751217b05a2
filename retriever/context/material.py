"""What a context is packed from: found spans with the text around them.

It holds everything that packing reads, so that packing needs no store and gives the
same wherever it runs: in the process of the store, or in the caller's, whose own
tokenizer and template cannot travel.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from encoders.types import Location, Mark, SegmentKind, Span
from indexers.locating import MarkIndex
from retriever.context.types import CitedDocument, Dropped
from retriever.types import Warned

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of a document's text.

    Attributes:
        start: offset of its first code point in the document.
        first_line: the line that ``start`` lies in, from 1.
        marks: all that touch it.
        lines: line of the start of marks that begin before it.
        borders: where segments begin inside it, in order; empty when not asked for.
        last: it ends where the document ends.
    """

    start: int
    text: str
    first_line: int = 1
    marks: tuple[Mark, ...] = ()
    lines: tuple[tuple[int, int], ...] = ()
    borders: tuple[int, ...] = ()
    last: bool = False

    @property
    def end(self) -> int:
        """One past its last code point."""
        return self.start + len(self.text)

    def of(self, span: Span) -> str:
        """Return the text under a span of the document."""
        return self.text[span.start - self.start : span.end - self.start]

    def holds(self, span: Span) -> bool:
        """Tell whether a span lies inside."""
        return self.start <= span.start and span.end <= self.end

    def locate(self, span: Span) -> Location:
        """Return where a span of the document lies."""
        return self._index.locate(span, self._line)

    def _line(self, position: int) -> int:
        if position < self.start:
            return dict(self.lines)[position]
        return self.first_line + bisect_right(self._breaks, position - self.start)

    @cached_property
    def found_borders(self) -> dict[tuple[float, bool], list[int]]:
        """Where sentences, lines and paragraphs begin, as far as `growing` has looked."""
        return {}

    @cached_property
    def _index(self) -> MarkIndex:
        return MarkIndex(self.marks)

    @cached_property
    def _breaks(self) -> list[int]:
        return [found.end() for found in _LINE_BREAK.finditer(self.text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A version of a document with the parts of its text that may be shown; they do not overlap."""

    document: CitedDocument
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A found span.

    Attributes:
        source: place of its document in `Material.sources`.
        query: place of the query that found it; -1 for one given by its id.
        score: of the evidence, comparable within one query.
    """

    evidence_id: str
    source: int
    start: int
    end: int
    query: int = -1
    score: float = 0.0
    kind: SegmentKind = "prose"
    relevance: float | None = None

    @property
    def span(self) -> Span:
        """Where it lies in its document."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything that a context can be made of; pieces are in the order of their worth.

    Attributes:
        collection: its name, for links.
    """

    collection: str
    queries: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    pieces: tuple[Piece, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    answerable: float | None = None
    warnings: tuple[Warned, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
