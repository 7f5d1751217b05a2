"""HTML and SVG elements as strings: text is always escaped, elements never."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_VOID = frozenset({"input", "br", "meta"})


class Markup(str):
    """A string that is markup already."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | float) -> Markup:
    """Make an element; ``class_`` stands for ``class`` and ``_`` in names for ``-``."""
    pairs = "".join(f' {_name(key)}="{escape(_value(value))}"' for key, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{pairs}>")
    inner = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    return Markup(f"<{tag}{pairs}>{inner}</{tag}>")


def join(parts: Iterable[str]) -> Markup:
    """Put elements and texts side by side."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Markup:
    """Lay out a table whose first column names the row; it scrolls sideways where it is too wide."""
    return grouped_table(header, {"": rows})


def grouped_table(header: Iterable[str], groups: Mapping[str, Iterable[Iterable[str]]]) -> Markup:
    """Lay out rows in groups under one header, so that columns stand below each other.

    A group whose name is not empty has it in a line of its own.
    """
    names = list(header)
    parts = [element("thead", element("tr", *(element("th", name, scope="col") for name in names)))]
    for group, rows in groups.items():
        heading = element("th", group, scope="rowgroup", colspan=str(len(names)))
        body = [element("tr", heading)] if group else []
        body += [
            element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
            for first, *rest in rows
        ]
        parts.append(element("tbody", *body))
    return element("div", element("table", *parts), class_="wide")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
