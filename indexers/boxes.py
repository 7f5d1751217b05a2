"""Where lines of text stand on a page, as the value of a ``boxes`` mark.

A mark covers its page; its value lists a box for every printed line in the order of the
text: first and last offset within the mark, then left, bottom, right and top in points
from the page's lower left corner. One mark a page keeps a book of 10,000 pages small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from encoders.types import PageBox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHARED_WIDTH = 0.3
_LINE_GAP = 1.0


def written(lines: Iterable[tuple[int, int, PageBox]]) -> str:
    """Return the value of a mark from each line's offsets and box."""
    return ";".join(
        f"{start} {end} {box.x0:.1f} {box.y0:.1f} {box.x1:.1f} {box.y1:.1f}" for start, end, box in lines
    )


def boxes_within(value: str, page: int, start: int, end: int) -> Iterator[PageBox]:
    """Yield the boxes of the lines that hold a part of ``[start, end)``, offsets within the mark."""
    for line in filter(None, value.split(";")):
        first, last, *corners = line.split(" ")
        if int(first) < end and start < int(last):
            x0, y0, x1, y1 = map(float, corners)
            yield PageBox(page=page, x0=x0, y0=y0, x1=x1, y1=y1)


def joined_boxes(boxes: Iterable[PageBox]) -> tuple[PageBox, ...]:
    """Join boxes of lines under one another, so that a paragraph has one and two columns have two."""
    joined: list[PageBox] = []
    for box in boxes:
        if joined and _belongs(joined[-1], box):
            above = joined[-1]
            joined[-1] = PageBox(
                page=box.page,
                x0=min(above.x0, box.x0),
                y0=min(above.y0, box.y0),
                x1=max(above.x1, box.x1),
                y1=max(above.y1, box.y1),
            )
        else:
            joined.append(box)
    return tuple(joined)


def _belongs(above: PageBox, line: PageBox) -> bool:
    if above.page != line.page:
        return False
    height = line.y1 - line.y0
    shared = min(above.x1, line.x1) - max(above.x0, line.x0)
    narrower = min(above.x1 - above.x0, line.x1 - line.x0)
    near = line.y1 > above.y0 - _LINE_GAP * height and line.y0 < above.y1
    beside = abs(line.y0 - above.y0) < height / 2
    return near and (beside or shared >= _SHARED_WIDTH * narrower)
