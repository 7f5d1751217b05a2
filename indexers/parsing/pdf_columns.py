"""The reading order of a page whose file draws it in another one.

Most files draw a page as it is read. Two do not: columns of prose drawn line by line
across the page, which would read as nonsense, and tables drawn column by column, whose
rows would fall apart. Both show in the boxes of what is drawn; every other page stays
as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Literal, TypeAlias

from indexers.parsing.builder import CELL_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Order: TypeAlias = Literal["drawn", "columns", "rows"]

_NARROWEST_GUTTER = 8
_MOST_CROSSING = 0.15
_FEWEST_LINES = 6
_FEWEST_ROWS = 3
_PROSE_FILL = 0.6
_SAME_LINE = 0.5
_MOST_BOXES = 5_000


@dataclass(frozen=True, slots=True)
class Box:
    """Something drawn, in points from the lower left corner; ``text`` may be empty."""

    left: float
    bottom: float
    right: float
    top: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a page is to be read.

    Attributes:
        order: as drawn, column by column, or row by row.
        gutters: the middle of the space between each two columns, ascending.
    """

    order: Order
    gutters: tuple[float, ...] = ()

    def column(self, box: Box) -> int | None:
        """Return which column a box lies in, None when it reaches over several."""
        first = sum(gutter <= box.left for gutter in self.gutters)
        return first if first == sum(gutter < box.right for gutter in self.gutters) else None


_AS_DRAWN = Layout("drawn")


def layout_of(boxes: Sequence[Box]) -> Layout:
    """Tell how a page is to be read from its boxes in the order of drawing."""
    if not _FEWEST_ROWS * 2 <= len(boxes) <= _MOST_BOXES:
        return _AS_DRAWN
    lines = lines_of(boxes)
    gutters = _gutters(boxes, len(lines))
    if not gutters:
        return _AS_DRAWN
    layout = Layout("drawn", gutters)
    shared = [line for line in lines if len({layout.column(box) for box in line} - {None}) > 1]
    drawn = [column for box in boxes if (column := layout.column(box)) is not None]
    changes = sum(first != second for first, second in pairwise(drawn))
    if _is_prose(shared, layout):
        return Layout("columns", gutters) if 2 * changes >= len(shared) else layout
    by_columns = len(shared) >= _FEWEST_ROWS and changes <= 2 * len(gutters)
    return Layout("rows", gutters) if by_columns else layout


def arranged(boxes: Sequence[Box], layout: Layout) -> list[Box]:
    """Return the lines of a page in the order of ``layout``, each with its text and the box around it."""
    lines = lines_of(boxes)
    if layout.order == "rows":
        return [around(line, _row(line, layout)) for line in lines]
    written: list[Box] = []
    band: list[list[Box]] = [[] for _ in range(len(layout.gutters) + 1)]
    for line in lines:
        columns = [layout.column(box) for box in line]
        if None in columns:
            written += _flushed(band)
            written.append(around(line, _joined(line)))
            continue
        for box, column in zip(line, columns, strict=True):
            band[column or 0].append(box)
    return [*written, *_flushed(band)]


def around(boxes: Sequence[Box], text: str = "") -> Box:
    """Return the smallest box that holds all of ``boxes``."""
    return Box(
        min(box.left for box in boxes),
        min(box.bottom for box in boxes),
        max(box.right for box in boxes),
        max(box.top for box in boxes),
        text,
    )


def _flushed(band: list[list[Box]]) -> list[Box]:
    """Return the lines of a band of columns, one column after the other, and empty the band."""
    lines = [around(line, _joined(line)) for column in band for line in lines_of(column)]
    for column in band:
        column.clear()
    return lines


def _row(line: Iterable[Box], layout: Layout) -> str:
    cells: dict[int, list[Box]] = {}
    for box in line:
        cells.setdefault(layout.column(box) or 0, []).append(box)
    return CELL_SEPARATOR.join(_joined(cells.get(number, [])) for number in range(len(layout.gutters) + 1))


def _joined(line: Iterable[Box]) -> str:
    return " ".join(box.text.strip() for box in line if box.text.strip())


def lines_of(boxes: Sequence[Box]) -> list[list[Box]]:
    """Group boxes whose middles are on one height, from the top, each group from the left."""
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda each: -(each.top + each.bottom)):
        middle = (box.top + box.bottom) / 2
        above = lines[-1][0] if lines else None
        height = min(above.top - above.bottom, box.top - box.bottom) if above is not None else 0.0
        if above is not None and (above.top + above.bottom) / 2 - middle <= _SAME_LINE * height:
            lines[-1].append(box)
        else:
            lines.append([box])
    return [sorted(line, key=lambda each: each.left) for line in lines]


def _gutters(boxes: Sequence[Box], lines: int) -> tuple[float, ...]:
    """Find the upright strips that hardly any box reaches into, with boxes on both sides."""
    left = int(min(box.left for box in boxes))
    width = int(max(box.right for box in boxes)) - left + 1
    steps = [0] * (width + 2)
    for box in boxes:
        steps[max(0, int(box.left) - left)] += 1
        steps[min(width, int(box.right) - left) + 1] -= 1
    most, depth, start = _MOST_CROSSING * lines, 0, 0
    gutters = []
    for place in range(width):
        depth += steps[place]
        if depth <= most:
            continue
        if start and place - start >= _NARROWEST_GUTTER:
            gutters.append(left + (start + place) / 2)
        start = place + 1
    return tuple(gutters)


def _is_prose(lines: Sequence[Sequence[Box]], layout: Layout) -> bool:
    """Tell columns of prose, whose lines fill them, from columns of a table."""
    if len(lines) < _FEWEST_LINES:
        return False
    for column in range(len(layout.gutters) + 1):
        inside = [[box for box in line if layout.column(box) == column] for line in lines]
        widths = [line[-1].right - line[0].left for line in inside if line]
        if not widths or median(widths) < _PROSE_FILL * max(widths) or max(widths) < 100:
            return False
    return True
