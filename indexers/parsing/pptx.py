"""Presentations: slides in order, titles as headings, tables, speaker notes.

Source:
    ECMA-376 part 1, PresentationML and DrawingML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexers.parsing.builder import TextBuilder
from indexers.parsing.container import Container, attribute, local_name, relations
from indexers.parsing.docx import core_title
from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from indexers.parsing.types import Parsed, ParseOptions, Source

_MAIN = "ppt/presentation.xml"
_TITLES = frozenset({"title", "ctrTitle"})
_NOT_TEXT = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})


def parse(source: Source, options: ParseOptions) -> Parsed:
    """Read a presentation."""
    container = Container(source.data, options.limits)
    builder = TextBuilder(options.limits.characters)
    slides = _slides(container)
    if len(slides) > options.limits.pages:
        raise UnparsableError(f"{len(slides):,} slides are more than {options.limits.pages:,}")
    for number, path in enumerate(slides, 1):
        _write_slide(container, path, number, builder)
    if pictures := container.count("ppt/media/"):
        builder.note(f"{pictures} pictures left out")
    if charts := container.count("ppt/charts/chart"):
        builder.note(f"{charts} charts left out")
    return builder.parsed(title=core_title(container))


def _slides(container: Container) -> list[str]:
    targets = relations(container, _MAIN)
    found = []
    for element in container.xml(_MAIN).iter():
        if local_name(element.tag) == "sldId":
            ids = [value for key, value in element.items() if key.endswith("}id")]
            found += [targets[one] for one in ids if one in targets]
    return found


def _write_slide(container: Container, path: str, number: int, builder: TextBuilder) -> None:
    slide = container.xml(path)
    builder.paragraph_break()
    start = builder.length
    _write_shapes(slide, builder)
    targets = relations(container, path).values()
    for diagram in sorted(target for target in targets if target.startswith("ppt/diagrams/data")):
        for line in _paragraphs(container.xml(diagram)):
            builder.paragraph(line)
    for notes in sorted(target for target in targets if target.startswith("ppt/notesSlides/")):
        builder.paragraph("Notes: " + "\n".join(_shape_lines(container.xml(notes))))
    builder.paragraph_break()
    if builder.length > start:
        builder.mark("slide", start, number)
    if slide.get("show") == "0":
        builder.note(f"slide {number} is hidden and was read all the same")


def _write_shapes(slide: Element, builder: TextBuilder) -> None:
    # The title comes first whatever its place in the drawing order.
    shapes = sorted(_shapes(slide), key=lambda shape: _placeholder(shape) not in _TITLES)
    for shape in shapes:
        kind = _placeholder(shape)
        if local_name(shape.tag) == "tbl":
            builder.paragraph_break()
            builder.rows(_rows(shape))
            builder.paragraph_break()
        elif kind in _TITLES:
            builder.heading(" ".join(_paragraphs(shape)), 1)
        elif kind not in _NOT_TEXT:
            builder.paragraph("\n".join(_paragraphs(shape)))


def _shapes(element: Element) -> Iterator[Element]:
    for child in element:
        if local_name(child.tag) in ("sp", "tbl", "cxnSp"):
            yield child
        elif local_name(child.tag) != "Fallback":
            yield from _shapes(child)


def _shape_lines(slide: Element) -> Iterator[str]:
    for shape in _shapes(slide):
        if _placeholder(shape) not in _NOT_TEXT:
            yield from _paragraphs(shape)


def _placeholder(shape: Element) -> str:
    return next((attribute(one, "type") for one in shape.iter() if local_name(one.tag) == "ph"), "")


def _rows(table: Element) -> Iterator[list[str]]:
    for row in table:
        if local_name(row.tag) == "tr":
            yield [" ".join(_paragraphs(cell)) for cell in row if local_name(cell.tag) == "tc"]


def _paragraphs(element: Element) -> Iterator[str]:
    for paragraph in element.iter():
        if local_name(paragraph.tag) == "p":
            text = "".join(_runs(paragraph))
            if text.strip():
                yield text.strip()


def _runs(paragraph: Element) -> Iterator[str]:
    for one in paragraph.iter():
        name = local_name(one.tag)
        if name == "t":
            yield one.text or ""
        elif name == "br":
            yield "\n"
