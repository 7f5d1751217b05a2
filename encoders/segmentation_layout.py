"""What is known about a document before it is packed: cuts, breadcrumbs, kinds, symbols."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from encoders.boundaries import Cuts, line_cuts, make_cuts, mark_cuts, merge_cuts, prose_cuts
from encoders.breadcrumbs import Breadcrumbs
from encoders.markdown import heading_cuts, heading_marks, markdown_blocks, markdown_cuts
from encoders.types import Document, SegmentKind, Span, Symbol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.boundaries import CutFinder


@dataclass(frozen=True, slots=True)
class Regions:
    """Parts of a text that are of another kind than the rest; ascending and apart."""

    spans: Sequence[Span] = ()
    kinds: Sequence[SegmentKind] = ()

    def kind_of(self, span: Span, default: SegmentKind) -> SegmentKind:
        """Return the kind of the region that covers at least half of ``span``, else ``default``."""
        place = max(0, bisect_right(self.spans, span.start, key=lambda each: each.start) - 1)
        covered: dict[SegmentKind, int] = {}
        while place < len(self.spans) and self.spans[place].start < span.end:
            kind = self.kinds[place]
            covered[kind] = covered.get(kind, 0) + self.spans[place].overlap(span)
            place += 1
        best = max(covered, key=lambda kind: covered[kind], default=default)
        return best if 2 * covered.get(best, 0) >= len(span) else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The structure of one document, ready for the packer.

    Attributes:
        rules: which rules found it: ``prose``, ``markdown``, ``lines`` or ``syntax``.
        find_cuts: cuts that are read off a part of the text.
        fixed: cuts of the whole text, known beforehand.
        kind: what a tile holds if no region says otherwise.
        symbols: what is defined where, in order of offset.
        reason: why weaker rules than asked for were used; empty when they were not.
    """

    rules: str
    find_cuts: CutFinder
    fixed: Cuts = field(default_factory=lambda: make_cuts((), 0.0))
    kind: SegmentKind = "prose"
    breadcrumbs: Breadcrumbs = field(default_factory=Breadcrumbs)
    regions: Regions = field(default_factory=Regions)
    symbols: tuple[tuple[int, Symbol], ...] = ()
    language: str = ""
    reason: str = ""

    def cuts(self, text: str, start: int, end: int) -> Cuts:
        """Return all cuts in ``[start, end]``."""
        return merge_cuts([self.find_cuts(text, start, end), self.fixed.within(start, end)])


def prose_layout(document: Document) -> Layout:
    """Lay out plain text by paragraphs, lines and sentences, and by the document's marks."""
    fixed = merge_cuts([mark_cuts(document.marks), heading_cuts(document.marks)])
    return Layout(rules="prose", find_cuts=prose_cuts, fixed=fixed, regions=_table_regions(document))


def markdown_layout(document: Document) -> Layout:
    """Lay out Markdown; headings are the document's marks, or read off the text if it has none."""
    marks = document.marks
    if not any(mark.kind == "heading" for mark in marks):
        marks += heading_marks(document.text)
    blocks = markdown_blocks(document.text)

    def find_cuts(text: str, start: int, end: int) -> Cuts:
        return markdown_cuts(text, blocks, start, end)

    return Layout(
        rules="markdown",
        find_cuts=find_cuts,
        fixed=merge_cuts([mark_cuts(document.marks), heading_cuts(marks)]),
        regions=Regions([block.span for block in blocks], [block.kind for block in blocks]),
    )


def lines_layout(document: Document) -> Layout:
    """Lay out code, or any text of lines, by lines and blank lines alone."""
    return Layout(rules="lines", find_cuts=line_cuts, fixed=mark_cuts(document.marks), kind="code")


def _table_regions(document: Document) -> Regions:
    spans = sorted({mark.span for mark in document.marks if mark.kind in ("sheet", "cells")})
    apart: list[Span] = []
    for span in spans:
        if apart and span.start < apart[-1].end:
            apart[-1] = Span(apart[-1].start, max(apart[-1].end, span.end))
        else:
            apart.append(span)
    kinds: list[SegmentKind] = ["table"] * len(apart)
    return Regions(apart, kinds)
