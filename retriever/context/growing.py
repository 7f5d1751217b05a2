"""How far a found span may grow: to its sentence, its neighbours, its section, and beyond."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from encoders.boundaries import PARAGRAPH, SENTENCE, line_cuts, prose_cuts
from encoders.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encoders.types import SegmentKind
    from retriever.context.material import Window
    from retriever.context.types import Expand

_SENTENCE_REACH: Final = 600
_SECTIONS: Final = ("heading", "symbol", "slide", "sheet")
_STEPS: Final[dict[str, int]] = {"none": 0, "sentence": 1, "segment": 2, "section": 3, "parent": 4}


def levels(window: Window, span: Span, kind: SegmentKind, expand: Expand) -> list[Span]:
    """Return what a span may grow to, each larger than the one before, the span itself first.

    ``sentence`` completes the first and the last sentence, or line of code or table.
    ``segment`` adds the segment before and the one after. ``section`` is the innermost
    heading's section, function, slide or sheet that holds it all, or else its paragraphs;
    ``parent`` the next one around that, or else the document as far as the window goes.
    """
    grown = [trimmed(window, span, kind)]
    steps = _STEPS[expand]
    if steps >= 1:
        grown.append(_sentence(window, span, kind))
    if expand == "segment":
        grown.append(_neighbours(window, span, kind))
    if steps >= 3:
        grown += [trimmed(window, one, kind) for one in _sections(window, grown[-1])[: steps - 2]]
    return _rising(grown)


def steps_within(window: Window, span: Span, limit: Span, kind: SegmentKind) -> Iterator[Span]:
    """Yield ``span`` grown by one sentence or line after another, the next before the previous.

    It never leaves ``limit``; what is yielded last holds all of it but for white space at
    its ends. A side that is at the limit, or beyond it by white space, stays.
    """
    borders = _borders(window, kind)
    start, end = span.start, span.end
    while start > limit.start or end < limit.end:
        if end < limit.end:
            end = min(_after(borders, end + 1, limit.end), limit.end)
            yield trimmed(window, Span(start, end), kind)
        if start > limit.start:
            start = max(_before(borders, start - 1, limit.start), limit.start)
            yield trimmed(window, Span(start, end), kind)


def sentences_in(window: Window, span: Span, kind: SegmentKind) -> list[Span]:
    """Cut a span at the borders of its sentences or lines."""
    borders = _borders(window, kind)
    inner = borders[bisect_right(borders, span.start) : bisect_left(borders, span.end)]
    ends = [span.start, *inner, span.end]
    parts = [trimmed(window, Span(a, b), kind) for a, b in pairwise(ends)]
    return [part for part in parts if len(part)]


def whole_sentences(window: Window, span: Span, kind: SegmentKind) -> Span:
    """Return the sentences or lines that a span holds completely; the span itself when it holds none."""
    borders = _borders(window, kind)
    start, end = _after(borders, span.start, span.end), _before(borders, span.end, span.start)
    following = _after(borders, span.end, -1)
    if following >= 0 and not window.of(Span(span.end, following)).strip():
        end = span.end
    held = trimmed(window, Span(start, end), kind) if start < end else span
    return held if len(held) else span


def trimmed(window: Window, span: Span, kind: SegmentKind) -> Span:
    """Leave white space at both ends out, but for the indentation of a first line of code.

    A span of nothing else becomes empty.
    """
    text = window.of(span)
    lead = len(text) - len(text.lstrip())
    if kind != "prose" and lead < len(text):
        lead = 1 + max(text.rfind("\n", 0, lead), text.rfind("\r", 0, lead))
    start = span.start + lead
    return Span(start, max(start, span.end - (len(text) - len(text.rstrip()))))


def _sentence(window: Window, span: Span, kind: SegmentKind) -> Span:
    borders = _borders(window, kind)
    low, high = max(window.start, span.start - _SENTENCE_REACH), min(window.end, span.end + _SENTENCE_REACH)
    start, end = _before(borders, span.start, -1), _after(borders, span.end, -1)
    found = Span(start if start >= low else span.start, end if 0 <= end <= high else span.end)
    return trimmed(window, found, kind)


def _neighbours(window: Window, span: Span, kind: SegmentKind) -> Span:
    borders = [window.start, *window.borders, window.end]
    start = max(0, bisect_right(borders, span.start) - 2)
    end = min(len(borders) - 1, bisect_left(borders, span.end) + 1)
    found = Span(min(borders[start], span.start), max(borders[end], span.end))
    return trimmed(window, found, kind)


def _sections(window: Window, span: Span) -> list[Span]:
    """Return the section and its parent, clipped to the window."""
    around = {
        Span(max(mark.span.start, window.start), min(mark.span.end, window.end))
        for mark in window.marks
        if mark.kind in _SECTIONS and mark.span.start <= span.start and mark.span.end >= span.end
    }
    found = sorted(around, key=len)
    if not found:
        found = [_paragraphs(window, span)]
    return [*found, Span(window.start, window.end)]


def _paragraphs(window: Window, span: Span) -> Span:
    borders = _positions(window, PARAGRAPH, "prose")
    return Span(_before(borders, span.start, window.start), _after(borders, span.end, window.end))


def _borders(window: Window, kind: SegmentKind) -> list[int]:
    return _positions(window, SENTENCE if kind == "prose" else 0.0, kind)


def _positions(window: Window, strength: float, kind: SegmentKind) -> list[int]:
    """Return offsets in the document where something of at least this strength begins."""
    key = (strength, kind == "prose")
    if key not in window.found_borders:
        window.found_borders[key] = _find_positions(window, strength, kind)
    return window.found_borders[key]


def _find_positions(window: Window, strength: float, kind: SegmentKind) -> list[int]:
    cuts = (prose_cuts if kind == "prose" else line_cuts)(window.text, 0, len(window.text))
    strong = cuts.positions[cuts.strengths >= strength].tolist()
    first = [0] if window.start == 0 else []
    last = [len(window.text)] if window.last else []
    return sorted({window.start + position for position in (*first, *strong, *last)})


def _before(borders: list[int], position: int, default: int) -> int:
    """Return the last border at or before a position."""
    place = bisect_right(borders, position)
    return borders[place - 1] if place else default


def _after(borders: list[int], position: int, default: int) -> int:
    """Return the first border at or after a position."""
    place = bisect_left(borders, position)
    return borders[place] if place < len(borders) else default


def _rising(spans: list[Span]) -> list[Span]:
    """Keep spans that hold the one before and more; each takes in what the one before had."""
    rising = spans[:1]
    for span in spans[1:]:
        last = rising[-1]
        joined = Span(min(last.start, span.start), max(last.end, span.end))
        if len(joined) > len(last):
            rising.append(joined)
    return rising
