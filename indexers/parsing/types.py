"""Values of parsing. Standard library only: the parser process loads them first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from encoders.types import Mark

__all__ = ["FoundFile", "ParseLimits", "ParseOptions", "Parsed", "Skipped", "Source", "UnparsableError"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that holds no text to index, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to index and the id its document gets."""

    path: Path
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """What one file may cost; a file that needs more is skipped with a reason, never cut.

    Attributes:
        file_bytes: size of the file itself.
        unpacked_bytes: what a container (office file, book, archive) may unpack to.
        entries: files in a container.
        characters: length of the canonical text.
        pages: pages, slides or sheets.
        depth: attachments and archives inside each other.
        timeout_s: wall-clock seconds in the parser process.
        memory_bytes: address space of the parser process.
    """

    file_bytes: int = 512 * _MIB
    unpacked_bytes: int = 1024 * _MIB
    entries: int = 20_000
    characters: int = 200_000_000
    pages: int = 20_000
    depth: int = 2
    timeout_s: float = 120.0
    memory_bytes: int = 4096 * _MIB

    def __post_init__(self) -> None:
        for name in ("file_bytes", "unpacked_bytes", "entries", "characters", "pages", "memory_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least 1")
        if self.depth < 0 or not self.timeout_s > 0:
            raise ValueError(f"depth {self.depth} and timeout_s {self.timeout_s} must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseOptions:
    """How files are read.

    Attributes:
        limits: what one file may cost.
        ocr: read pictures of text with the system's tesseract; what it reads is marked ``recognised``.
        ocr_languages: tesseract's names of the languages to expect, joined by ``+``.
        drop_repeated: leave out page headers and footers that repeat, keeping the first of each.
    """

    limits: ParseLimits = field(default_factory=ParseLimits)
    ocr: bool = False
    ocr_languages: str = "eng"
    drop_repeated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Bytes to parse.

    Attributes:
        data: the file's content.
        name: file name or id, for titles and suffixes.
        media_type: what the bytes are.
        depth: how many containers it came out of.
    """

    data: bytes
    name: str
    media_type: str
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a parser made of the bytes.

    Attributes:
        text: canonical text.
        marks: structure, in order of start.
        title: empty when the file states none.
        notes: what was changed or left out, one sentence each.
        media_type: of ``text`` where it differs from the source's, else empty.
    """

    text: str
    marks: tuple[Mark, ...] = ()
    title: str = ""
    notes: tuple[str, ...] = ()
    media_type: str = ""


class UnparsableError(Exception):
    """No text can be had of these bytes; the message is the reason. It never leaves this package."""
