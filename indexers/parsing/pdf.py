"""PDF by PDFium: text page by page, headings from the outline, pictures of text by OCR when asked.

Each page's text comes in the order in which the file draws it, with a line break at the
end of each line; lines that a column's gutter cuts are put into columns
(`indexers.parsing.pdf_columns`). Where each line stands on its page is kept in a
``boxes`` mark (`indexers.boxes`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from encoders.optional import require
from encoders.types import PageBox
from indexers.boxes import written as written_boxes
from indexers.parsing.builder import TextBuilder
from indexers.parsing.ocr import recognise_pixels
from indexers.parsing.pdf_columns import Box, around, arranged, layout_of, lines_of
from indexers.parsing.pdf_lines import HYPHEN, Line, joined_hyphens, repeated_lines
from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexers.parsing.types import Parsed, ParseOptions, Source

_OCR_DPI = 300
_POINTS_PER_INCH = 72
_MOST_PIXELS = 50_000_000
_IMAGE = 3
_LIST_SHOWN = 20
_MOST_RECTS = 10_000
_ODD = dict.fromkeys(chain(range(0x20), [0x7F, 0xFFFE, 0xFFFF]))
for _kept in (0x02, 0x09, 0x0A):
    del _ODD[_kept]
_LINE = re.compile(r"(?P<text>[^\r\n]*)(?P<end>\r\n|\r|\n|$)")


@dataclass(slots=True)
class _Page:
    """The text of one page.

    Attributes:
        recognised: read from a picture.
        pictures: it holds pictures.
        damaged: it could not be opened.
    """

    lines: list[Line] = field(default_factory=list)
    recognised: bool = False
    pictures: bool = False
    damaged: bool = False

    @property
    def filled(self) -> bool:
        """Whether there is more than white space."""
        return any(line.text.strip() for line in self.lines)


def parse(source: Source, options: ParseOptions) -> Parsed:
    """Read a PDF."""
    document = _opened(source.data)
    try:
        count = len(document)
        if count > options.limits.pages:
            raise UnparsableError(f"{count:,} pages are more than {options.limits.pages:,}")
        pages = list(_pages(document, count, options))
        outline = list(_outline(document, count))
        title = document.get_metadata_value("Title") or ""
    finally:
        document.close()
    builder = TextBuilder(options.limits.characters)
    _check_text(pages, options)
    _clean(pages, options, builder)
    _write(pages, outline, builder)
    _note_pictures(pages, options, builder)
    return builder.parsed(title=title.translate(_ODD))


def _opened(data: bytes) -> Any:
    pdfium = require("pypdfium2", extra="parsers")
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "assword" in str(error):
            raise UnparsableError("encrypted; remove the password and index it again") from error
        raise UnparsableError(f"damaged PDF: {error}") from error


def _pages(document: Any, count: int, options: ParseOptions) -> Iterator[_Page]:
    pdfium = require("pypdfium2", extra="parsers")
    characters = 0
    for number in range(count):
        try:
            page = document[number]
        except pdfium.PdfiumError:
            yield _Page(damaged=True)
            continue
        try:
            read = _read_page(page, options)
        finally:
            page.close()
        characters += sum(len(line.text) + 1 for line in read.lines)
        if characters > options.limits.characters:
            raise UnparsableError(f"more than {options.limits.characters:,} characters of text")
        yield read


def _read_page(page: Any, options: ParseOptions) -> _Page:
    page.set_rotation(0)  # a turned page is read as it was written, not as it is shown
    text_page = page.get_textpage()
    try:
        read = _Page(_ordered_lines(text_page) if text_page.count_chars() else [])
    finally:
        text_page.close()
    if read.filled:
        return read
    pictures = next(iter(page.get_objects(filter=[_IMAGE], max_depth=3)), None) is not None
    if not (pictures and options.ocr):
        return _Page(pictures=pictures)
    lines = [Line(line) for line in _recognised(page, options).split("\n")]
    return _Page(lines, recognised=True, pictures=True)


def _ordered_lines(text_page: Any) -> list[Line]:
    boxes = [Box(*text_page.get_rect(number)) for number in range(min(text_page.count_rects(), _MOST_RECTS))]
    layout = layout_of(boxes)
    if layout.order == "drawn":
        return list(_drawn_lines(text_page, boxed=len(boxes) < _MOST_RECTS))
    return [Line(_clean_text(line.text), (line,)) for line in arranged(list(_pieces(text_page)), layout)]


def _drawn_lines(text_page: Any, *, boxed: bool) -> Iterator[Line]:
    """Yield the lines as PDFium writes them, each with the boxes of the printed lines it is made of."""
    raw = require("pypdfium2.raw", extra="parsers")
    drawn: str = text_page.get_text_range()
    place = 0
    for match in _LINE.finditer(drawn):
        text = match["text"]
        units = len(text) + sum(character > "\uffff" for character in text)
        boxes: tuple[Box, ...] = ()
        if boxed and text.strip():
            first = raw.FPDFText_GetCharIndexFromTextIndex(text_page, place)
            last = raw.FPDFText_GetCharIndexFromTextIndex(text_page, place + units - 1)
            if 0 <= first <= last:
                boxes = _line_boxes(text_page, first, last - first + 1)
        place += units + len(match["end"])
        yield Line(_clean_text(text), boxes)


def _line_boxes(text_page: Any, first: int, count: int) -> tuple[Box, ...]:
    rects = [Box(*text_page.get_rect(number)) for number in range(text_page.count_rects(first, count))]
    return tuple(around(line) for line in lines_of(rects))


def _clean_text(text: str) -> str:
    return text.replace("\ufffe", HYPHEN).translate(_ODD)


def _pieces(text_page: Any) -> Iterator[Box]:
    """Yield what stands together on one line; a gap wider than a letter's height parts it."""
    raw = require("pypdfium2.raw", extra="parsers")
    text, box = "", None
    for number in range(text_page.count_chars()):
        code = raw.FPDFText_GetUnicode(text_page, number)
        if chr(code).isspace():
            text += " " if text else ""  # often made up by PDFium and without a place of its own
            continue
        left, bottom, right, top = text_page.get_charbox(number, loose=True)
        if box is not None and (abs(bottom - box.bottom) > 2 or not -2 < left - box.right < top - bottom):
            yield replace(box, text=text)
            text, box = "", None
        box = Box(left, bottom, right, top) if box is None else replace(box, right=max(right, box.right))
        text += chr(code)
    if box is not None:
        yield replace(box, text=text)


def _recognised(page: Any, options: ParseOptions) -> str:
    width, height = page.get_size()
    scale = _OCR_DPI / _POINTS_PER_INCH
    scale = min(scale, (_MOST_PIXELS / max(1.0, width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        rows = bytes(bitmap.buffer)
        tight = b"".join(
            rows[row * bitmap.stride : row * bitmap.stride + bitmap.width] for row in range(bitmap.height)
        )
        return recognise_pixels(tight, bitmap.width, bitmap.height, options.ocr_languages)
    finally:
        bitmap.close()


def _outline(document: Any, count: int) -> Iterator[tuple[int, int, str]]:
    """Yield page, level and title of each entry whose page is known, as the outline orders them."""
    for entry in document.get_toc(max_depth=8):
        destination = entry.get_dest()
        page = None if destination is None else destination.get_index()
        title = (entry.get_title() or "").translate(_ODD).strip()
        if title and page is not None and 0 <= page < count:
            yield page, entry.level + 1, title


def _check_text(pages: list[_Page], options: ParseOptions) -> None:
    if any(page.filled for page in pages):
        return
    pictures = sum(page.pictures for page in pages)
    if damaged := sum(page.damaged for page in pages):
        raise UnparsableError(
            f"damaged PDF: {damaged} of {len(pages)} pages cannot be opened, no text on the rest"
        )
    if pictures == 0:
        raise UnparsableError(f"no text on {len(pages)} pages")
    advice = "OCR found none either" if options.ocr else "switch OCR on to read them"
    raise UnparsableError(f"scanned: {pictures} of {len(pages)} pages are pictures without text; {advice}")


def _clean(pages: list[_Page], options: ParseOptions, builder: TextBuilder) -> None:
    """Join hyphenated words and leave out repeated page headers and footers, with a note."""
    cleaned = joined_hyphens([page.lines for page in pages])
    if options.drop_repeated:
        repeated = repeated_lines([[line.text for line in lines] for lines in cleaned])
        cleaned = repeated.without(cleaned)
        for note in repeated.notes:
            builder.note(note)
    for page, lines in zip(pages, cleaned, strict=True):
        page.lines = lines


def _write(pages: list[_Page], outline: list[tuple[int, int, str]], builder: TextBuilder) -> None:
    sections: list[tuple[int, int, str]] = []
    by_page: dict[int, list[tuple[int, str]]] = {}
    for number, level, title in outline:
        by_page.setdefault(number, []).append((level, title))
    for number, page in enumerate(pages):
        start = builder.length
        lines = _trimmed(page.lines)
        text = "\n".join(line.text for line in lines)
        builder.write(text + "\n\n" if text.strip() else "")
        if builder.length > start:
            builder.mark("page", start, number + 1)
            if boxes := written_boxes(_boxes(lines, number + 1)):
                builder.mark("boxes", start, boxes)
            if page.recognised:
                builder.mark("recognised", start, "tesseract")
        sections += [
            (start + place, level, title) for place, level, title in _placed(text, by_page.get(number, []))
        ]
    for start, level, title in sections:
        builder.open_section(title, level, start=start)


def _trimmed(lines: list[Line]) -> list[Line]:
    """Leave out empty lines at the top and the bottom."""
    filled = [place for place, line in enumerate(lines) if line.text]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def _boxes(lines: list[Line], page: int) -> Iterator[tuple[int, int, PageBox]]:
    place = 0
    for line in lines:
        for box in line.boxes:
            where = PageBox(page=page, x0=box.left, y0=box.bottom, x1=box.right, y1=box.top)
            yield place, place + len(line.text), where
        place += len(line.text) + 1


def _placed(text: str, entries: list[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """Find where on its page each heading stands; one that is not found begins with the one before it."""
    place = 0
    for level, title in entries:
        words = r"\s+".join(map(re.escape, title.split()))
        match = re.compile(rf"^(?:[\dA-Z.]+\s+)?{words}\s*$", re.MULTILINE | re.IGNORECASE).search(
            text, place
        )
        if match is not None:
            place = match.start()
        yield place, level, title


def _note_pictures(pages: list[_Page], options: ParseOptions, builder: TextBuilder) -> None:
    textless = [(number, page) for number, page in enumerate(pages, 1) if not page.filled]
    empty = [number for number, page in textless if page.pictures]
    damaged = [number for number, page in textless if page.damaged]
    blank = [number for number, page in textless if not (page.pictures or page.damaged)]
    if empty:
        advice = "OCR found none" if options.ocr else "OCR is off"
        builder.note(f"{len(empty)} pages are pictures without text ({advice}): {_listed(empty)}")
    if damaged:
        builder.note(f"{len(damaged)} pages are damaged and were left out: {_listed(damaged)}")
    if blank:
        builder.note(f"{len(blank)} pages are empty: {_listed(blank)}")


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:_LIST_SHOWN])) + ("…" if len(numbers) > _LIST_SHOWN else "")
