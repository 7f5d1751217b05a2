"""Bytes to documents: the door to all parsers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from encoders.errors import MissingDependencyError
from encoders.types import Document
from indexers.documents import canonical
from indexers.locations import normal
from indexers.media_types import media_type_of
from indexers.parsing.formats import format_of, read
from indexers.parsing.isolation import ParserProcess
from indexers.parsing.plain import decode
from indexers.parsing.transcripts import TRANSCRIPT, looks_like_turns
from indexers.parsing.types import FoundFile, ParseOptions, Skipped, Source, UnparsableError

if TYPE_CHECKING:
    from types import TracebackType

    from encoders.types import Mark
    from indexers.parsing.types import Parsed

_LOOK_BYTES = 1 << 16
_NO_TITLES = frozenset(
    {"", "(anonymous)", "document", "powerpoint presentation", "untitled", "word document"}
)
"""What programs write as a title when nobody gave one."""


class FileParser:
    """Parses many files with one parser process; use it as a context manager.

    Every file becomes a `Document` or a `Skipped` with a reason; none raises for what
    its bytes hold.

    Args:
        options: how files are read and what one may cost.
    """

    def __init__(self, options: ParseOptions | None = None) -> None:
        self._options = options or ParseOptions()
        self._process = ParserProcess(self._options)

    def parse_file(self, file: FoundFile) -> Document | Skipped:
        """Read one file.

        Raises:
            OSError: the file cannot be read.
        """
        size, most = file.path.stat().st_size, self._options.limits.file_bytes
        if size > most:
            return Skipped(file.id, f"{size:,} bytes are more than {most:,}; raise the limit")
        return self.parse(file.path.read_bytes(), doc_id=file.id, source=str(normal(file.path)))

    def parse(
        self, data: bytes, *, doc_id: str, source: str = "", media_type: str = ""
    ) -> Document | Skipped:
        """Turn bytes into a document.

        Args:
            data: the file's content.
            doc_id: the document's id; its suffix helps to tell the type when ``media_type`` is empty.
            source: where the bytes came from.
            media_type: overrides the guess.
        """
        kind = media_type or _kind(doc_id, data)
        given = Source(data=data, name=doc_id, media_type=kind)
        try:
            isolated = bool(data.strip()) and format_of(kind).isolated
            parsed = self._process.parse(given) if isolated else read(given, self._options)
        except (UnparsableError, MissingDependencyError) as error:
            return Skipped(doc_id, str(error))
        return _document(parsed, given, source)

    def close(self) -> None:
        """End the parser process."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def parse_file(file: FoundFile, options: ParseOptions | None = None) -> Document | Skipped:
    """Read one file; for many, a `FileParser` is faster.

    Raises:
        OSError: the file cannot be read.
    """
    with FileParser(options) as parser:
        return parser.parse_file(file)


def parse(
    data: bytes, *, doc_id: str, source: str = "", media_type: str = "", options: ParseOptions | None = None
) -> Document | Skipped:
    """Turn bytes into a document, as `FileParser.parse` does."""
    with FileParser(options) as parser:
        return parser.parse(data, doc_id=doc_id, source=source, media_type=media_type)


def _kind(name: str, data: bytes) -> str:
    kind = media_type_of(name, data)
    if kind != "text/plain":
        return kind
    decoded = decode(data[:_LOOK_BYTES])
    return TRANSCRIPT if decoded is not None and looks_like_turns(decoded[0]) else kind


def _document(parsed: Parsed, given: Source, source: str) -> Document:
    text, replaced = canonical(parsed.text)
    return Document(
        id=given.name,
        text=text,
        title=_title(parsed, given),
        source=source,
        media_type=parsed.media_type or given.media_type,
        marks=tuple(_storable(parsed)),
        notes=(*parsed.notes, *([replaced] if replaced else [])),
    )


def _title(parsed: Parsed, given: Source) -> str:
    stated = canonical(parsed.title)[0]
    return Path(given.name).name if stated.lower() in _NO_TITLES else stated


def _storable(parsed: Parsed) -> list[Mark]:
    return [
        replace(mark, value=canonical(mark.value)[0]) if isinstance(mark.value, str) else mark
        for mark in parsed.marks
    ]
