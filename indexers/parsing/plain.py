"""Text that is its own canonical form: plain text, Markdown, reStructuredText, source code."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from indexers.parsing.builder import section_marks
from indexers.parsing.codepages import likely_page
from indexers.parsing.types import Parsed, UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encoders.types import Mark
    from indexers.parsing.types import ParseOptions, Source

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_NULS = 0.01
_GUESS_BYTES = 1 << 20
_NOT_ASCII = ["cp037", "cp1026", "cp1140", "cp273", "cp424", "cp500", "cp875"]
"""No file of today is in these, and short odd text passes for them."""
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*")


def parse_text(source: Source, options: ParseOptions) -> Parsed:
    """Read text as it stands."""
    text, notes = decoded(source.data)
    if len(text) > options.limits.characters:
        raise UnparsableError(
            f"{len(text):,} characters are more than {options.limits.characters:,}; "
            "raise the limit or split it"
        )
    return Parsed(text=text, notes=notes)


def parse_markdown(source: Source, options: ParseOptions) -> Parsed:
    """Read Markdown as it stands, with its headings."""
    from encoders.markdown import heading_marks

    parsed = parse_text(source, options)
    return _with_headings(parsed, heading_marks(parsed.text))


def parse_rst(source: Source, options: ParseOptions) -> Parsed:
    """Read reStructuredText as it stands, with its section titles."""
    parsed = parse_text(source, options)
    return _with_headings(parsed, tuple(rst_marks(parsed.text)))


def rst_marks(text: str) -> list[Mark]:
    """Return one heading mark per section title, each spanning its section.

    Levels follow the order in which the styles of underlining first appear.

    Source:
        reStructuredText Markup Specification, "Sections".
    """
    levels: dict[str, int] = {}
    headings = []
    for start, style, title in _rst_titles(text):
        headings.append((start, levels.setdefault(style, len(levels) + 1), title))
    return section_marks(headings, len(text))


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode text, or say that it is none.

    Raises:
        UnparsableError: binary content.
    """
    if (found := decode(data)) is None:
        raise UnparsableError("binary content")
    return found


def decode(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """Decode text: by byte order mark, as UTF-8, or by the most likely encoding, which is noted.

    Returns:
        The text with notes, or None for binary content.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding), ()
            except UnicodeDecodeError:
                break
    if data.count(0) > _MOST_NULS * len(data):
        return None
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        return _guessed(data, error.start)


def _guessed(data: bytes, first_odd_byte: int) -> tuple[str, tuple[str, ...]] | None:
    start = max(0, first_odd_byte - _GUESS_BYTES // 2)
    window = data[start : start + _GUESS_BYTES]
    encoding = likely_page(window, first_odd_byte - start) or _likeliest(window)
    if encoding is None:
        return None
    text = data.decode(encoding, errors="replace")
    lost = text.count("\N{REPLACEMENT CHARACTER}")
    notes = [f"not UTF-8, read as {encoding}"]
    notes += [f"{lost} bytes are not {encoding} and became U+FFFD"] if lost else []
    return text, tuple(notes)


def _likeliest(data: bytes) -> str | None:
    import charset_normalizer

    guess = charset_normalizer.from_bytes(data, cp_exclusion=_NOT_ASCII).best()
    return None if guess is None else str(guess.encoding)


def _with_headings(parsed: Parsed, marks: tuple[Mark, ...]) -> Parsed:
    title = next((str(mark.value) for mark in marks if mark.level == 1), "")
    return Parsed(text=parsed.text, marks=marks, title=title, notes=parsed.notes)


def _rst_titles(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield start, style and title; of three lines only the middle is a title if the outer two agree."""
    over, over_start = "", 0
    title, title_start = "", 0
    position = 0
    for line in text.splitlines(keepends=True):
        bare = line.rstrip()
        match = _ADORNMENT.fullmatch(bare)
        if match is None:
            over = over if title == "" else ""
            title, title_start = bare, position
        elif title and len(bare) >= len(title.strip()):
            if over == bare:
                yield over_start, "over" + bare[0], title.strip()
            elif not title[0].isspace() and not over:
                yield title_start, bare[0], title.strip()
            over, title = "", ""
        else:
            over, over_start, title = bare, position, ""
        position += len(line)
