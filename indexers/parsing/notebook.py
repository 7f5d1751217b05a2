"""Jupyter notebooks as Markdown: text cells as they stand, code in fences, results behind it.

Source:
    nbformat 4 (and 3, whose cells lie in worksheets).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from encoders.markdown import heading_marks
from indexers.parsing.builder import TextBuilder
from indexers.parsing.html import HtmlWriter
from indexers.parsing.plain import decoded
from indexers.parsing.types import Parsed, UnparsableError

if TYPE_CHECKING:
    from indexers.parsing.types import ParseOptions, Source

_FENCE = "`"


def parse(source: Source, options: ParseOptions) -> Parsed:
    """Read a notebook."""
    book = _loaded(source.data)
    builder = TextBuilder(options.limits.characters)
    language = _language(book)
    sheets = book.get("worksheets") or [book]
    cells = [cell for sheet in _objects(sheets) for cell in _objects(sheet.get("cells"))]
    if not cells:
        raise UnparsableError("a notebook without cells")
    for cell in cells:
        _write_cell(cell, language, builder)
    written = builder.parsed()
    marks = heading_marks(written.text)
    title = next((str(mark.value) for mark in marks if mark.level == 1), "")
    return Parsed(
        text=written.text, marks=marks, title=title, notes=written.notes, media_type="text/markdown"
    )


def _loaded(data: bytes) -> dict[str, Any]:
    try:
        book = json.loads(decoded(data)[0])
    except (ValueError, RecursionError) as error:
        raise UnparsableError(f"damaged notebook: {error}") from error
    if not isinstance(book, dict):
        raise UnparsableError("damaged notebook: no JSON object")
    return book


def _write_cell(cell: dict[str, Any], language: str, builder: TextBuilder) -> None:
    kind = cell.get("cell_type")
    text = _joined(cell.get("source", cell.get("input")))
    if kind == "heading":
        builder.paragraph(f"{'#' * int(cell.get('level') or 1)} {text}")
    elif kind != "code":
        builder.paragraph(text)
    else:
        _write_fenced(text, language, builder)
        for output in _objects(cell.get("outputs")):
            _write_output(output, builder)


def _write_output(output: dict[str, Any], builder: TextBuilder) -> None:
    data = output.get("data", output)
    data = data if isinstance(data, dict) else {}
    if output.get("output_type") in ("pyerr", "error"):
        text = f"{output.get('ename', '')}: {output.get('evalue', '')}"
    elif (plain := data.get("text/plain", data.get("text"))) is not None:
        text = _joined(plain)
    elif (page := data.get("text/html", data.get("html"))) is not None:
        text = _page_text(_joined(page), builder)
    else:
        text = ""
        builder.note("results of the cells that are not text were left out")
    if any(str(kind).startswith(("image/", "png", "jpeg")) for kind in data):
        builder.note("pictures among the results of the cells were left out")
    _write_fenced(text, "", builder)


def _write_fenced(text: str, language: str, builder: TextBuilder) -> None:
    if not text.strip():
        return
    fence = _FENCE * 3
    while fence in text:
        fence += _FENCE
    builder.paragraph_break()
    builder.write(f"{fence}{language}\n{text.rstrip()}\n{fence}")
    builder.paragraph_break()


def _page_text(page: str, outer: TextBuilder) -> str:
    builder = TextBuilder(outer.most_characters)
    writer = HtmlWriter(builder)
    writer.feed(page)
    writer.close()
    return builder.parsed().text


def _language(book: dict[str, Any]) -> str:
    metadata = book.get("metadata")
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and name.isidentifier() else "python"


def _joined(source: object) -> str:
    """Return a multi-line string, which notebooks store as one string or as a list of lines."""
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
