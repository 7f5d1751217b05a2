"""Tables of their own: CSV and spreadsheets, a row to a line."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

from encoders.optional import require
from indexers.parsing.builder import TextBuilder
from indexers.parsing.container import Container
from indexers.parsing.plain import decoded
from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexers.parsing.types import Parsed, ParseOptions, Source

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_EMPTY_FORMULA = re.compile(rb"<f\b[^>]*(?:/>|>[^<]*</f>)(?:<v\s*/>|<v></v>)?(?=</c>)")


def parse_csv(source: Source, options: ParseOptions) -> Parsed:
    """Read comma-, semicolon-, tab- or bar-separated values."""
    text, notes = decoded(source.data)
    builder = TextBuilder(options.limits.characters)
    for note in notes:
        builder.note(note)
    csv.field_size_limit(options.limits.characters)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, source))
    try:
        builder.rows(reader)
    except csv.Error as error:
        raise UnparsableError(f"damaged CSV in line {reader.line_num}: {error}") from error
    return builder.parsed()


def parse_xlsx(source: Source, options: ParseOptions) -> Parsed:
    """Read every sheet of a workbook: the values as stored, dates in ISO form."""
    container = Container(source.data, options.limits)
    openpyxl = require("openpyxl", extra="parsers")
    builder = TextBuilder(options.limits.characters)
    try:
        book = openpyxl.load_workbook(io.BytesIO(source.data), read_only=True, data_only=True)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, zipfile.BadZipFile) as error:
        raise UnparsableError(f"damaged workbook: {error}") from error
    if len(book.sheetnames) > options.limits.pages:
        raise UnparsableError(f"{len(book.sheetnames):,} sheets are more than {options.limits.pages:,}")
    for sheet in book.worksheets:
        _write_sheet(sheet, builder)
    for note in _notes(container):
        builder.note(note)
    return builder.parsed(title=str(book.properties.title or ""))


def _write_sheet(sheet: Any, builder: TextBuilder) -> None:
    builder.paragraph_break()
    start = builder.length
    builder.heading(sheet.title, 1)
    sheet.reset_dimensions()  # a stated size of a million empty columns would be filled up
    builder.rows([_shown(value) for value in row] for row in sheet.iter_rows(values_only=True))
    builder.paragraph_break()
    builder.mark("sheet", start, sheet.title)
    if sheet.sheet_state != "visible":
        builder.note(f"the sheet {sheet.title!r} is hidden in the workbook and was read all the same")


def _notes(container: Container) -> Iterator[str]:
    sheets = [name for name in container.names if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
    formulas = sum(len(_EMPTY_FORMULA.findall(container.read(name))) for name in sheets)
    if formulas:
        yield f"{formulas:,} formulas have no stored value and were left empty; save the workbook once"
    if pictures := container.count("xl/media/"):
        yield f"{pictures} pictures left out"
    if charts := container.count("xl/charts/chart"):
        yield f"{charts} charts left out"
    if comments := container.count("xl/comments"):
        yield f"comments of {comments} sheets left out"


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _delimiter(text: str, source: Source) -> str:
    """Return the delimiter that stands equally often, and most often, in the first lines."""
    if source.media_type == "text/tab-separated-values":
        return "\t"
    lines = [re.sub(r'"[^"]*"', "", line) for line in text[: 1 << 16].splitlines()[:_SAMPLE_LINES] if line]
    counts = {each: [line.count(each) for line in lines] for each in _DELIMITERS}
    return max(_DELIMITERS, key=lambda each: (_agreement(counts[each]), sum(counts[each])))


def _agreement(counts: list[int]) -> float:
    usual = max(set(counts), key=counts.count, default=0)
    return counts.count(usual) / len(counts) if usual else 0.0
