"""JSON and JSON lines.

JSON that people wrote in lines stays as it is, so that lines are the file's. JSON in
one long line, and every JSON-lines file, is written anew: one ``path: value`` to a
line, strings without their escapes, one paragraph to a record.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from indexers.parsing.builder import TextBuilder
from indexers.parsing.plain import decoded
from indexers.parsing.types import Parsed, UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexers.parsing.types import ParseOptions, Source

RECORDS = "application/jsonl"
_LONG_LINE = 1_000


def parse_json(source: Source, options: ParseOptions) -> Parsed:
    """Read JSON; what is not JSON in spite of its name is read as text."""
    text, notes = decoded(source.data)
    builder = TextBuilder(options.limits.characters)
    if len(text) > _LONG_LINE and max(map(len, text.splitlines())) > _LONG_LINE:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            return Parsed(text=text, notes=(*notes, f"read as text, not as JSON: {error}"))
        records = value if isinstance(value, list) else [value]
        for number, record in enumerate(records):
            _write_record(record, f"$[{number}]" if isinstance(value, list) else "", builder)
        builder.note("written anew from JSON in long lines: lines are those of the text, not of the file")
        return _with_notes(builder, notes)
    builder.write(text)
    return _with_notes(builder, notes, media_type="")


def parse_lines(source: Source, options: ParseOptions) -> Parsed:
    """Read JSON lines, one record to a line."""
    text, notes = decoded(source.data)
    builder = TextBuilder(options.limits.characters)
    damaged = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            damaged.append(number)
            record = line
        _write_record(record, f"line {number}", builder)
    if damaged:
        shown = ", ".join(map(str, damaged[:10])) + ("…" if len(damaged) > 10 else "")
        builder.note(f"{len(damaged):,} lines are not JSON and were read as text: {shown}")
    if builder.length == 0:
        raise UnparsableError("no record")
    return _with_notes(builder, notes)


def _with_notes(builder: TextBuilder, notes: tuple[str, ...], media_type: str = RECORDS) -> Parsed:
    for note in notes:
        builder.note(note)
    return builder.parsed(media_type=media_type)


def _write_record(record: Any, name: str, builder: TextBuilder) -> None:
    builder.paragraph_break()
    start = builder.length
    for path, value in _leaves(record):
        builder.write(f"{path}: {value}\n" if path else f"{value}\n")
    if name and builder.length > start:
        builder.mark("symbol", start, name, 1)


def _leaves(record: Any) -> Iterator[tuple[str, str]]:
    """Yield path and value of every leaf, in order; iteratively, for JSON nests as deep as it likes."""
    waiting: list[tuple[str, Any]] = [("", record)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            pairs = [(f"{path}.{key}" if path else str(key), one) for key, one in value.items()]
            waiting.extend(reversed(pairs))
        elif isinstance(value, list) and value:
            waiting.extend(reversed([(f"{path}[{number}]", one) for number, one in enumerate(value)]))
        else:
            yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
