"""Write canonical text piece by piece and mark its structure on the way.

Every parser writes through a `TextBuilder`, so a mark's offsets are right by
construction: they are positions of the text that was written, not found again in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from encoders.types import Mark, Span
from indexers.cells import cell_range
from indexers.parsing.types import Parsed, UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from encoders.types import MarkKind

CELL_SEPARATOR = " | "
_SPACE = re.compile(r"\s+")


@dataclass(slots=True)
class TextBuilder:
    """Collects text, marks and notes.

    Args:
        most_characters: `write` raises beyond.
    """

    most_characters: int
    length: int = 0
    _parts: list[str] = field(default_factory=list)
    _marks: list[Mark] = field(default_factory=list)
    _headings: list[tuple[int, int, str]] = field(default_factory=list)
    _notes: dict[str, None] = field(default_factory=dict)
    _tail: str = "\n\n"

    def write(self, text: str) -> None:
        """Append ``text`` as it is.

        Raises:
            UnparsableError: the text grows beyond its limit.
        """
        if not text:
            return
        self.length += len(text)
        if self.length > self.most_characters:
            raise UnparsableError(
                f"more than {self.most_characters:,} characters of text; raise the limit or split the file"
            )
        self._parts.append(text)
        self._tail = (self._tail + text)[-2:] if len(text) < 2 else text[-2:]

    def line_break(self) -> None:
        """End the line, unless it is empty."""
        if self._tail[-1] != "\n":
            self.write("\n")

    def paragraph_break(self) -> None:
        """Leave one blank line, unless there is one."""
        self.line_break()
        if self._tail != "\n\n":
            self.write("\n")

    def paragraph(self, text: str) -> None:
        """Write a paragraph of its own; nothing for white space alone."""
        if text.strip():
            self.paragraph_break()
            self.write(text.strip())
            self.paragraph_break()

    def heading(self, text: str, level: int) -> None:
        """Write a heading; its section ends at the next one of the same or a higher level."""
        title = one_line(text)
        if title:
            self.paragraph_break()
            self.open_section(title, level)
            self.write(title)
            self.paragraph_break()

    def open_section(self, title: str, level: int, *, start: int | None = None) -> None:
        """Start a section whose heading the caller writes, here or at ``start``; in order of start."""
        self._headings.append((self.length if start is None else start, level, title))

    @property
    def at_line_start(self) -> bool:
        """Whether the last character written was a line break, or none was."""
        return self._tail[-1] == "\n"

    def mark(self, kind: MarkKind, start: int, value: str | float, level: int = 0) -> None:
        """Mark what was written since ``start``."""
        self.mark_span(kind, start, self.length, value, level)

    def mark_span(self, kind: MarkKind, start: int, end: int, value: str | float, level: int = 0) -> None:
        """Mark a part of what was written."""
        self._marks.append(Mark(kind, Span(start, end), value, level))

    def note(self, sentence: str) -> None:
        """Remember what was changed or left out."""
        self._notes[sentence] = None

    def rows(self, rows: Iterable[Sequence[str]], *, first_row: int = 1) -> None:
        """Write a table, one row to a line; each run of rows that are not empty gets a ``cells`` mark.

        Args:
            rows: the cells as text; white space and line breaks inside a cell become one blank.
            first_row: number of the first row.
        """
        start, begin, columns = self.length, first_row, 0
        number = first_row
        for number, row in enumerate(rows, first_row):
            cells = _trimmed(row)
            if cells:
                self.write(CELL_SEPARATOR.join(cells) + "\n")
                columns = max(columns, len(cells))
                continue
            self._cells(start, begin, number - 1, columns)
            self.paragraph_break()
            start, begin, columns = self.length, number + 1, 0
        self._cells(start, begin, number, columns)

    def include(self, parsed: Parsed) -> None:
        """Append another text with its marks and notes; its headings go below the open section."""
        offset = self.length
        below = self._headings[-1][1] if self._headings else 0
        self.write(parsed.text)
        for mark in parsed.marks:
            span = Span(mark.span.start + offset, mark.span.end + offset)
            level = mark.level + below if mark.kind == "heading" else mark.level
            self._marks.append(replace(mark, span=span, level=level))
        for note in parsed.notes:
            self.note(note)

    def parsed(self, *, title: str = "", media_type: str = "") -> Parsed:
        """Return what was written."""
        marks = [*self._marks, *section_marks(self._headings, self.length)]
        return Parsed(
            text="".join(self._parts),
            marks=tuple(sorted(marks, key=lambda mark: (mark.span.start, -mark.span.end, mark.level))),
            title=one_line(title),
            notes=tuple(self._notes),
            media_type=media_type,
        )

    def _cells(self, start: int, first_row: int, last_row: int, columns: int) -> None:
        if self.length > start and columns:
            self.mark("cells", start, cell_range(first_row, last_row, columns))


def section_marks(headings: Sequence[tuple[int, int, str]], length: int) -> list[Mark]:
    """Return one mark per heading, spanning its section.

    Args:
        headings: start, level and title, in order of start.
        length: of the whole text, where the last sections end.
    """
    marks: list[Mark] = []
    waiting: list[tuple[int, int, str]] = []
    for start, level, title in headings:
        while waiting and waiting[-1][1] >= level:
            begin, depth, name = waiting.pop()
            marks.append(Mark("heading", Span(begin, start), name, depth))
        waiting.append((start, level, title))
    marks += [Mark("heading", Span(begin, length), name, depth) for begin, depth, name in waiting]
    return sorted(marks, key=lambda mark: (mark.span.start, mark.level))


def one_line(text: str) -> str:
    """Return ``text`` with every run of white space as one blank."""
    return _SPACE.sub(" ", text).strip()


def _trimmed(row: Sequence[str]) -> list[str]:
    cells = [one_line(cell) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells
