"""Where a span lies, read off the marks of its text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from encoders.types import Location, Span
from indexers.boxes import boxes_within, joined_boxes
from indexers.cells import joined_range, rows_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Literal

    from encoders.types import Mark, MarkKind, PageBox


class MarkIndex:
    """The marks of one text, to be asked many times.

    Pages, turns, times, sheets, cells and slides follow one another, so their marks
    at a position are found by bisection; headings and symbols nest.

    Args:
        marks: in order of start.
    """

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._marks: dict[str, list[Mark]] = {}
        for mark in marks:
            self._marks.setdefault(mark.kind, []).append(mark)
        self._starts = {kind: [mark.span.start for mark in each] for kind, each in self._marks.items()}

    def locate(self, span: Span, line_of: Callable[[int], int]) -> Location:
        """Return what the marks say of a span.

        Args:
            span: of the text; an empty one stands for its position.
            line_of: the line of a position, from 1.
        """
        last = max(span.start, span.end - 1)
        if not self._marks:
            return Location(line_start=line_of(span.start), line_end=line_of(last))
        pages, slides = self._touching("page", span.start, last), self._touching("slide", span.start, last)
        times = self._touching("time", span.start, last)
        sheets = self._touching("sheet", span.start, last)
        symbols = self._symbols(span)
        return Location(
            line_start=line_of(span.start),
            line_end=line_of(last),
            page_start=_number(_holding(pages, span.start)),
            page_end=_number(_holding(pages, last)),
            boxes=joined_boxes(self._boxes(pages, span.start, last)),
            text_source=self._source(pages, span.start, last),
            heading_path=tuple(str(mark.value) for mark in self._around("heading", span.start)),
            symbol=symbols[-1] if symbols else None,
            symbol_path=symbols,
            speaker=_names(self._touching("speaker", span.start, last)),
            time_start=next((float(mark.value) for mark in times if mark.level == 0), None),
            time_end=_end_of(times),
            sheet=_names(sheets),
            cell_range=self._cells(span.start, last, len(sheets), line_of),
            slide=_number(_holding(slides, span.start)),
        )

    def _touching(self, kind: MarkKind, start: int, last: int) -> Sequence[Mark]:
        """Return the marks of a kind that share a character with ``[start, last]``, in order."""
        starts = self._starts.get(kind)
        if starts is None:
            return ()
        # The mark that holds ``start`` is the last to begin at or before it, with its twin at the same place.
        before = bisect_right(starts, start)
        low = bisect_left(starts, starts[before - 1]) if before else 0
        marks = self._marks.get(kind, [])[low : bisect_right(starts, last)]
        return [mark for mark in marks if mark.span.end > start]

    def _boxes(self, pages: Sequence[Mark], start: int, last: int) -> Iterator[PageBox]:
        """Yield the box of each printed line of a span."""
        for mark in self._touching("boxes", start, last):
            offset = mark.span.start
            page = _number(_holding(pages, max(start, offset)))
            if page is not None:
                yield from boxes_within(str(mark.value), page, start - offset, last + 1 - offset)

    def _source(self, pages: Sequence[Mark], start: int, last: int) -> Literal["native", "recognised"] | None:
        if self._touching("recognised", start, last):
            return "recognised"
        return "native" if pages else None

    def _around(self, kind: MarkKind, position: int) -> list[Mark]:
        """Return the marks of a kind that hold a position, the outermost first."""
        found = [mark for mark in self._marks.get(kind, []) if mark.span.start <= position < mark.span.end]
        return sorted(found, key=lambda mark: mark.level)

    def _symbols(self, span: Span) -> tuple[str, ...]:
        """Return the signatures of the definition that a span is about and of those around it."""
        span = Span(span.start, max(span.end, span.start + 1))
        touching = [mark for mark in self._marks.get("symbol", []) if mark.span.overlap(span)]
        for chosen in (
            [mark for mark in touching if 2 * mark.span.overlap(span) >= len(span)],
            [mark for mark in touching if mark.span.start <= span.start],
            touching[:1],
        ):
            if chosen:
                about = max(chosen, key=lambda mark: mark.level)
                around = [
                    mark for mark in self._around("symbol", about.span.start) if mark.level < about.level
                ]
                return (*(str(mark.value) for mark in around), str(about.value))
        return ()

    def _cells(self, start: int, last: int, sheets: int, line_of: Callable[[int], int]) -> str | None:
        """Return the rows of a span; None when it reaches over tables that are not of one sheet."""
        runs = self._touching("cells", start, last)
        if not runs or sheets > 1 or (len(runs) > 1 and sheets == 0):
            return None
        parts = []
        for run in runs:
            top = line_of(run.span.start)
            low = line_of(max(start, run.span.start)) - top
            high = line_of(min(last, run.span.end - 1)) - top
            parts.append(rows_within(str(run.value), low, high))
        return joined_range(parts)


def _holding(marks: Sequence[Mark], position: int) -> Mark | None:
    return next((mark for mark in marks if mark.span.start <= position < mark.span.end), None)


def _number(mark: Mark | None) -> int | None:
    return None if mark is None else int(mark.value)


def _names(marks: Sequence[Mark]) -> str | None:
    """Return the different values in order of appearance: a span over two turns names both speakers."""
    return ", ".join(dict.fromkeys(str(mark.value) for mark in marks)) or None


def _end_of(times: Sequence[Mark]) -> float | None:
    """Return when the last cue ends; None when that is not known."""
    if not times:
        return None
    last = times[-1].span.start
    return next((float(mark.value) for mark in times if mark.span.start == last and mark.level == 1), None)
