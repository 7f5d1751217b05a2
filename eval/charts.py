"""Charts as SVG, readable without colour: every cell and bar carries its number, every line a shape.

Colours are those of Okabe and Ito for categories, and steps of cividis for heat maps.

Source:
    Okabe & Ito 2008, "Color Universal Design"; Nuñez et al. 2018, doi:10.1371/journal.pone.0199239.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from eval.markup import Markup, element, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f")
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
_SCALE = ((0, 34, 78), (59, 73, 107), (112, 114, 115), (165, 155, 118), (213, 196, 96), (254, 232, 56))
_INK, _GRID, _QUIET = "#1a1a1a", "#d9d9d9", "#595959"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A value with its interval; ``solid`` marks it among others of `forest`."""

    label: str
    value: float
    low: float
    high: float
    solid: bool = True


def heat_map(title: str, grid: Mapping[str, Mapping[str, float]], *, x_title: str, y_title: str) -> Markup:
    """Draw rows by columns of shares from 0 to 1, dark for 0 and light for 1.

    Args:
        title: said above, and read to those who do not see.
        grid: column name -> row name -> share; a missing cell stays blank.
        x_title: what columns are.
        y_title: what rows are.
    """
    columns = list(grid)
    rows = list(dict.fromkeys(row for cells in grid.values() for row in cells))
    width, height, left, top = 72, 38, 92, 40
    parts = [_text(left, 20, title, weight="600", anchor="start", size=15)]
    for x, column in enumerate(columns):
        parts.append(_text(left + (x + 0.5) * width, top + len(rows) * height + 18, column))
        for y, row in enumerate(rows):
            if row in grid[column]:
                parts.append(_cell(left + x * width, top + y * height, width, height, grid[column][row]))
    for y, row in enumerate(rows):
        parts.append(_text(left - 8, top + (y + 0.5) * height + 5, row, anchor="end"))
    middle = top + len(rows) * height / 2
    parts.append(_text(left + len(columns) * width / 2, top + len(rows) * height + 40, x_title, fill=_QUIET))
    parts.append(_text(18, middle, y_title, fill=_QUIET, rotate=True))
    return _svg(left + len(columns) * width + 12, top + len(rows) * height + 52, title, parts)


def bars(title: str, groups: Mapping[str, Sequence[Bar]], *, maximum: float = 1.0) -> Markup:
    """Draw horizontal bars in groups with their intervals and numbers; a label keeps its colour.

    A group of the name ``""`` has no heading, and all its bars are of one colour.
    """
    labels = list(dict.fromkeys(bar.label for name, members in groups.items() if name for bar in members))
    colours = {label: CATEGORIES[n % len(CATEGORIES)] for n, label in enumerate(labels)}
    left = _label_width(bar.label for members in groups.values() for bar in members)
    span, thick, y = 280, 20, 40
    drawn: list[Markup] = []
    for group, members in groups.items():
        if group:
            drawn.append(_text(0, y + 15, group, anchor="start", weight="600"))
            y += 24
        for bar in members:
            drawn += _bar(bar, left, y, span, thick, maximum, colours.get(bar.label, CATEGORIES[0]))
            y += thick + 6
        y += 8
    ticks = {f"{maximum * step / 4:g}": left + span * step / 4 for step in range(5)}
    parts = [_text(0, 20, title, weight="600", anchor="start", size=15), *_ticks(ticks, 34, y - 6)]
    return _svg(left + span + 64, y + 20, title, [*parts, *drawn])


def forest(title: str, rows: Sequence[Bar], *, left_end: str, right_end: str) -> Markup:
    """Draw differences as points with their intervals around 0, on one axis.

    A point is filled where `Bar.solid` holds and hollow elsewhere.

    Args:
        title: said above, and read to those who do not see.
        rows: differences with their intervals.
        left_end: what a difference below 0 means.
        right_end: what one above 0 means.
    """
    reach = max([0.01, *(abs(end) for row in rows for end in (row.low, row.high))])
    step = next(size for size in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if reach <= 2 * size or size == 1.0)
    left, span, height, top = _label_width(row.label for row in rows), 280, 30, 62
    bottom = top + height * len(rows)

    def at(value: float) -> float:
        return left + span * (value + 2 * step) / (4 * step)

    ticks = {_signed(step * place, 2): at(step * place) for place in (-2, -1, 0, 1, 2)}
    parts = [
        _text(0, 20, title, weight="600", anchor="start", size=15),
        _text(at(0) - 10, 46, f"\N{LEFTWARDS ARROW} {left_end}", anchor="end", fill=_QUIET),
        _text(at(0) + 10, 46, f"{right_end} \N{RIGHTWARDS ARROW}", anchor="start", fill=_QUIET),
        *_ticks(ticks, top - 6, bottom),
        element("line", x1=at(0), x2=at(0), y1=top - 6, y2=bottom, stroke=_INK, stroke_width=1.5),
    ]
    for place, row in enumerate(rows):
        y, blue = top + height * (place + 0.5), CATEGORIES[0]
        fill = blue if row.solid else "#ffffff"
        parts += [
            _text(left - 12, y + 5, row.label, anchor="end"),
            element("line", x1=at(row.low), x2=at(row.high), y1=y, y2=y, stroke=blue, stroke_width=2),
            element("circle", cx=at(row.value), cy=y, r=5.5, stroke=blue, stroke_width=2, fill=fill),
            _text(left + span + 12, y + 5, _signed(row.value, 3), anchor="start"),
        ]
    return _svg(left + span + 72, bottom + 28, title, parts)


def lines(
    title: str, series: Mapping[str, Mapping[float, float]], *, x_title: str, maximum: float = 100.0
) -> Markup:
    """Draw curves over a logarithmic axis, each with its own colour, dash and marker."""
    xs = sorted({x for points in series.values() for x in points})
    left, top, width, height = 52, 44, 460, 250
    low, high = math.log2(xs[0]), math.log2(xs[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log2(x) - low) / (high - low) if high > low else 0.5
        return left + share * width, top + height - y / maximum * height

    parts = [_text(left - 40, 20, title, weight="600", anchor="start", size=15)]
    for step in range(5):
        _, y = place(xs[0], maximum * step / 4)
        parts.append(element("line", x1=left, x2=left + width, y1=y, y2=y, stroke=_GRID))
        parts.append(_text(left - 8, y + 5, f"{maximum * step / 4:g}", anchor="end", fill=_QUIET))
    for x in xs:
        parts.append(_text(place(x, 0)[0], top + height + 20, f"{x:,.0f}", fill=_QUIET))
    parts.append(_text(left + width / 2, top + height + 42, x_title, fill=_QUIET))
    for number, (name, points) in enumerate(series.items()):
        spots = [place(x, y) for x, y in sorted(points.items())]
        parts += _curve(spots, number)
        parts += _legend(name, number, left, top + height + 66 + 22 * number)
    right = max(24.0, _label_width([f"{xs[-1]:,.0f}"]) / 2)
    return _svg(left + width + right, top + height + 66 + 22 * len(series), title, parts)


def colour_of(share: float) -> str:
    """Return the colour of a share on the scale; values outside 0 to 1 take its ends."""
    place = min(max(share, 0.0), 1.0) * (len(_SCALE) - 1)
    below = min(int(place), len(_SCALE) - 2)
    mixed = (
        round(a + (b - a) * (place - below)) for a, b in zip(_SCALE[below], _SCALE[below + 1], strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _ticks(ticks: Mapping[str, float], top: float, bottom: float) -> list[Markup]:
    return [
        part
        for name, x in ticks.items()
        for part in (
            element("line", x1=x, x2=x, y1=top, y2=bottom, stroke=_GRID),
            _text(x, bottom + 18, name, fill=_QUIET, size=12),
        )
    ]


def _label_width(labels: Iterable[str]) -> float:
    return 16 + 7.2 * max(map(len, labels), default=0)


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if float(f"{value:.{digits}f}") else f"{0:.{digits}f}"


def _cell(x: float, y: float, width: float, height: float, share: float) -> Markup:
    fill = element("rect", x=x + 1, y=y + 1, width=width - 2, height=height - 2, rx=3, fill=colour_of(share))
    ink = "#ffffff" if share < 0.55 else _INK
    return join([fill, _text(x + width / 2, y + height / 2 + 5, f"{100 * share:.0f}", fill=ink)])


def _bar(
    bar: Bar, left: float, y: float, span: float, thick: float, maximum: float, colour: str
) -> list[Markup]:
    def at(value: float) -> float:
        return left + span * min(max(value, 0.0), maximum) / maximum

    middle = y + thick / 2
    return [
        _text(left - 8, middle + 5, bar.label, anchor="end"),
        element("rect", x=left, y=y, width=max(at(bar.value) - left, 1), height=thick, rx=2, fill=colour),
        element(
            "line", x1=at(bar.low), x2=at(bar.high), y1=middle, y2=middle, stroke="#ffffff", stroke_width=5
        ),
        element("line", x1=at(bar.low), x2=at(bar.high), y1=middle, y2=middle, stroke=_INK, stroke_width=2),
        _text(at(max(bar.value, bar.high)) + 8, middle + 5, f"{bar.value:.3f}", anchor="start"),
    ]


def _curve(spots: Sequence[tuple[float, float]], number: int) -> list[Markup]:
    colour = CATEGORIES[number % len(CATEGORIES)]
    dash = _DASHES[number % len(_DASHES)]
    parts = [
        element(
            "line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], stroke=colour, stroke_width=2.5, stroke_dasharray=dash
        )
        for a, b in pairwise(spots)
    ]
    return [*parts, *(_marker(x, y, number, colour) for x, y in spots)]


def _legend(name: str, number: int, x: float, y: float) -> list[Markup]:
    return [*_curve([(x, y - 5), (x + 44, y - 5)], number), _text(x + 54, y, name, anchor="start")]


def _marker(x: float, y: float, number: int, colour: str) -> Markup:
    if number % 3 == 0:
        return element("circle", cx=x, cy=y, r=4.5, fill=colour)
    if number % 3 == 1:
        return element("rect", x=x - 4, y=y - 4, width=8, height=8, fill=colour)
    return element("polygon", points=f"{x},{y - 6} {x + 5.5},{y + 4} {x - 5.5},{y + 4}", fill=colour)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "middle",
    fill: str = _INK,
    weight: str = "400",
    size: int = 13,
    rotate: bool = False,
) -> Markup:
    turned = {"transform": f"rotate(-90 {x:g} {y:g})"} if rotate else {}
    return element(
        "text", text, x=x, y=y, text_anchor=anchor, fill=fill, font_weight=weight, font_size=size, **turned
    )


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    background = element("rect", width="100%", height="100%", fill="#ffffff")
    return element(
        "svg",
        element("title", title),
        background,
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        role="img",
        font_family="system-ui, sans-serif",
        style=f"max-width:100%;height:auto;display:block;max-height:{max(height, 200):g}px",
    )
