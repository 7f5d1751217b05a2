"""Word documents: paragraphs, headings, tables, notes, and pages as Word last laid them out.

Read from the XML itself, because inserted text of tracked changes, text boxes and
footnotes are text of the document too.

Source:
    ECMA-376 part 1, WordprocessingML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexers.parsing.builder import TextBuilder, one_line
from indexers.parsing.container import Container, attribute, local_name
from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from indexers.parsing.types import Parsed, ParseOptions, Source

_MAIN = "word/document.xml"
_PAGE_BREAK = "\f"
_CHARACTERS = {"tab": "\t", "cr": "\n", "noBreakHyphen": "\N{NON-BREAKING HYPHEN}"}
_PASSED_OVER = frozenset({"del", "moveFrom", "Fallback", "instrText", "delText", "pPr", "rPr"})
_HEADING_NAME = re.compile(r"heading ([1-9])", re.IGNORECASE)
_BODY_LEVEL = 9
_QUOTED = 120


def parse(source: Source, options: ParseOptions) -> Parsed:
    """Read a Word document."""
    container = Container(source.data, options.limits)
    builder = TextBuilder(options.limits.characters)
    main = container.xml(_MAIN)
    writer = _Writer(builder, _heading_levels(container), _laid_out(main))
    writer.blocks(main)
    for name in ("footnotes", "endnotes"):
        if f"word/{name}.xml" in container:
            writer.notes(container.xml(f"word/{name}.xml"))
    writer.finish(options.limits.pages)
    for note in _notes(container, main):
        builder.note(note)
    return builder.parsed(title=core_title(container) or writer.title)


def core_title(container: Container) -> str:
    """Return the title in an office file's properties, empty when there is none."""
    if "docProps/core.xml" not in container:
        return ""
    found = (one.text for one in container.xml("docProps/core.xml") if local_name(one.tag) == "title")
    return one_line(next(found, None) or "")


class _Writer:
    """Writes the blocks of a document.

    Args:
        builder: takes the text.
        levels: heading level by style id.
        laid_out: whether Word recorded where its pages broke; else only hard breaks count.
    """

    def __init__(self, builder: TextBuilder, levels: dict[str, int], laid_out: bool) -> None:
        self.title = ""
        self._out = builder
        self._levels = levels
        self._laid_out = laid_out
        self._pages: list[int] = [0]

    def blocks(self, parent: Element) -> None:
        """Write every paragraph and table below ``parent``."""
        for child in parent:
            name = local_name(child.tag)
            if name == "p":
                self._paragraph(child)
            elif name == "tbl":
                self._table(child)
            elif name not in _PASSED_OVER:
                self.blocks(child)

    def notes(self, part: Element) -> None:
        """Write footnotes or endnotes behind the text, each with the number it is called by."""
        for note in part:
            if attribute(note, "type") in ("separator", "continuationSeparator", "continuationNotice"):
                continue
            text = one_line(" ".join(_text(each, self._laid_out) for each in note))
            self._out.paragraph(f"[{attribute(note, 'id')}] {text}" if text else "")

    def finish(self, most_pages: int) -> None:
        """Mark the pages, where any break is known."""
        if len(self._pages) > most_pages:
            raise UnparsableError(f"{len(self._pages):,} pages are more than {most_pages:,}")
        if len(self._pages) == 1:
            return
        ends = [*self._pages[1:], self._out.length]
        for number, (start, end) in enumerate(zip(self._pages, ends, strict=True), 1):
            self._out.mark_span("page", start, end, number)
        self._out.note("pages as the word processor last laid them out")

    def _paragraph(self, element: Element) -> None:
        text = _text(element, self._laid_out)
        style = _style(element)
        level = _own_level(element) or self._levels.get(style, 0)
        if level and level <= _BODY_LEVEL:
            self._breaks(text.count(_PAGE_BREAK))
            self._out.heading(text.replace(_PAGE_BREAK, " "), level)
        else:
            if style.lower() == "title" and not self.title:
                self.title = one_line(text)
            self._body(text, listed=_is_listed(element))
        for box in _text_boxes(element):
            self.blocks(box)

    def _body(self, text: str, *, listed: bool) -> None:
        parts = text.split(_PAGE_BREAK)
        if "".join(parts).strip():
            self._out.line_break() if listed else self._out.paragraph_break()
            self._out.write("- " if listed else "")
        for number, part in enumerate(parts):
            self._breaks(number > 0)
            self._out.write(part.lstrip() if self._out.at_line_start else part)
        if listed:
            self._out.line_break()
        else:
            self._out.paragraph_break()

    def _table(self, table: Element) -> None:
        self._out.paragraph_break()
        self._out.rows(self._rows(table))
        self._out.paragraph_break()

    def _rows(self, table: Element) -> Iterator[list[str]]:
        for row in _below(table, "tr", "tbl"):
            cells = [_text(cell, self._laid_out, boxes=True) for cell in _below(row, "tc", "tbl")]
            # The builder has written all rows before this one, so a page that breaks in it begins here.
            self._breaks(sum(cell.count(_PAGE_BREAK) for cell in cells))
            yield [cell.replace(_PAGE_BREAK, " ") for cell in cells]

    def _breaks(self, count: int) -> None:
        for _ in range(count):
            if self._out.length > self._pages[-1]:
                self._pages.append(self._out.length)


def _text(element: Element, laid_out: bool, *, boxes: bool = False) -> str:
    return "".join(_pieces(element, laid_out, boxes))


def _pieces(element: Element, laid_out: bool, boxes: bool) -> Iterator[str]:
    for child in element:
        name = local_name(child.tag)
        if name == "t":
            yield child.text or ""
        elif name in _CHARACTERS:
            yield _CHARACTERS[name]
        elif name == "br":
            is_page = attribute(child, "type") == "page"
            yield (_PAGE_BREAK if is_page and not laid_out else "\n")
        elif name == "lastRenderedPageBreak":
            yield _PAGE_BREAK
        elif name in ("footnoteReference", "endnoteReference"):
            yield f"[{attribute(child, 'id')}]"
        elif name not in _PASSED_OVER and (boxes or name != "txbxContent"):
            yield from _pieces(child, laid_out, boxes)
            yield " " if name in ("p", "tc") else ""


def _text_boxes(element: Element) -> Iterator[Element]:
    for child in element:
        name = local_name(child.tag)
        if name == "txbxContent":
            yield child
        elif name not in _PASSED_OVER:
            yield from _text_boxes(child)


def _below(element: Element, name: str, stop: str) -> Iterator[Element]:
    """Yield the nearest descendants called ``name``, none of those inside ``stop``."""
    for child in element:
        if local_name(child.tag) == name:
            yield child
        elif local_name(child.tag) not in (stop, *_PASSED_OVER):
            yield from _below(child, name, stop)


def _property(element: Element, name: str) -> Element | None:
    for child in element:
        if local_name(child.tag) == "pPr":
            return next((one for one in child if local_name(one.tag) == name), None)
    return None


def _style(element: Element) -> str:
    found = _property(element, "pStyle")
    return "" if found is None else attribute(found, "val")


def _is_listed(element: Element) -> bool:
    return _property(element, "numPr") is not None or _style(element).startswith("List")


def _own_level(element: Element) -> int:
    found = _property(element, "outlineLvl")
    value = "" if found is None else attribute(found, "val")
    return int(value) + 1 if value.isdecimal() else 0


def _heading_levels(container: Container) -> dict[str, int]:
    """Return the heading level of each paragraph style that has one, its own or that of its base."""
    if "word/styles.xml" not in container:
        return {}
    levels: dict[str, int] = {}
    bases: dict[str, str] = {}
    for style in container.xml("word/styles.xml"):
        style_id = attribute(style, "styleId")
        names = {local_name(one.tag): attribute(one, "val") for one in style}
        bases[style_id] = names.get("basedOn", "")
        match = _HEADING_NAME.fullmatch(names.get("name", ""))
        level = int(match[1]) if match else _own_level(style)
        if level:
            levels[style_id] = level
    for style_id in bases:
        seen, base = {style_id}, bases[style_id]
        while base and base not in seen and style_id not in levels:
            seen.add(base)
            if base in levels:
                levels[style_id] = levels[base]
            base = bases.get(base, "")
    return levels


def _laid_out(main: Element) -> bool:
    return any(local_name(one.tag) == "lastRenderedPageBreak" for one in main.iter())


def _notes(container: Container, main: Element) -> Iterator[str]:
    tags = [local_name(one.tag) for one in main.iter()]
    if deleted := sum(len(one.text or "") for one in main.iter() if local_name(one.tag) == "delText"):
        yield f"deleted text of tracked changes left out: {deleted:,} characters"
    if inserted := tags.count("ins"):
        yield f"{inserted} insertions of tracked changes were read as text"
    if "numPr" in tags:
        yield "numbers that the word processor counts by itself are not in the text"
    if "word/comments.xml" in container:
        yield f"{len(container.xml('word/comments.xml'))} comments left out"
    if pictures := container.count("word/media/"):
        yield f"{pictures} pictures left out"
    parts = [name for name in container.names if re.fullmatch(r"word/(?:header|footer)\d*\.xml", name)]
    edges = {one_line(_text(container.xml(name), False)) for name in parts} - {""}
    for text in sorted(edges):
        yield f"page header or footer left out: {text[:_QUOTED]!r}{'…' if len(text) > _QUOTED else ''}"
