"""Read the structure of Markdown: headings, fenced code, tables, lists.

Source:
    CommonMark 0.31, sections 4.2, 4.3, 4.5; tables as in GitHub Flavored Markdown.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from encoders.boundaries import (
    LINE,
    PARAGRAPH,
    SECTION,
    Cuts,
    make_cuts,
    merge_cuts,
    prose_cuts,
)
from encoders.types import Mark, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_BlockKind: TypeAlias = Literal["code", "table"]

_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\r?\n(?:.*\n)*?---[ \t]*(?:\r?\n|\Z)")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$", re.MULTILINE)
_TABLE: Final = re.compile(r"(?:^[ \t]*\|[^\n]*(?:\n|\Z)){2,}", re.MULTILINE)
_HEADING: Final = re.compile(
    r"^ {0,3}(?:(?P<hashes>#{1,6})(?![^ \t\r\n])(?P<title>[^\n]*)|(?P<line>=+|-+)[ \t]*\r?$)", re.MULTILINE
)
_LIST_ITEM: Final = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?=\S)", re.MULTILINE)
_NO_PARAGRAPH: Final = re.compile(
    r"^(?: {4}|\t|[ ]{0,3}(?:#{1,6}(?:\s|$)|>|`{3}|~{3}|\||[-*+][ \t]|\d{1,9}[.)][ \t]|[=-]+[ \t]*$))"
)
_SETEXT_LINES: Final = 3
_CODE_PENALTY: Final = 0.5
_LEVEL_STEP: Final = 0.05


@dataclass(frozen=True, slots=True)
class MarkdownBlock:
    """A fenced code block or a table, with its first and last line."""

    span: Span
    kind: _BlockKind


def heading_marks(text: str) -> tuple[Mark, ...]:
    """Return one heading mark per ATX or setext heading, in order; each spans its whole section.

    What looks like a heading inside fenced code or YAML front matter is none. A
    setext heading of more than three lines is taken for a paragraph.
    """
    skipped = [block.span for block in markdown_blocks(text) if block.kind == "code"]
    front = _FRONT_MATTER.match(text)
    if front:
        skipped.insert(0, Span(0, front.end()))
    found = list(_headings(text, skipped))
    marks: list[Mark] = []
    open_end: dict[int, int] = {}
    for start, level, title in reversed(found):
        end = min((at for depth, at in open_end.items() if depth <= level), default=len(text))
        marks.append(Mark("heading", Span(start, end), title, level))
        open_end[level] = start
    return tuple(reversed(marks))


def markdown_blocks(text: str) -> list[MarkdownBlock]:
    """Return the fenced code and the tables of ``text`` in order; a fence left open runs to the end."""
    fences = list(_fenced(text))
    ends = [fence.end for fence in fences]
    tables = [Span(match.start(), match.end()) for match in _TABLE.finditer(text)]
    outside = [table for table in tables if not _overlaps_next(table, fences, ends)]
    blocks = [MarkdownBlock(span, "code") for span in fences]
    blocks += [MarkdownBlock(span, "table") for span in outside]
    return sorted(blocks, key=lambda block: block.span)


def markdown_cuts(text: str, blocks: list[MarkdownBlock], start: int, end: int) -> Cuts:
    """Find the cuts of prose, list items among them, and keep fenced code and tables together.

    Headings are not found here: they are marks of the whole text (`heading_cuts`).
    """
    items = make_cuts((match.start() for match in _LIST_ITEM.finditer(text, start, end)), LINE + 0.1)
    cuts = merge_cuts([prose_cuts(text, start, end), items])
    low = bisect_left(blocks, start, key=lambda block: block.span.end)
    high = bisect_right(blocks, end, key=lambda block: block.span.start)
    near = blocks[low:high]
    edges = [edge for block in near for edge in (block.span.start, block.span.end) if start <= edge <= end]
    cuts = merge_cuts([cuts, make_cuts(sorted(set(edges)), PARAGRAPH)])
    inside = np.zeros(len(cuts.positions), dtype=np.bool_)
    for block in near:
        first, last = np.searchsorted(cuts.positions, [block.span.start + 1, block.span.end])
        inside[first:last] = True
    strengths = np.where(inside, cuts.strengths - np.float32(_CODE_PENALTY), cuts.strengths)
    return Cuts(cuts.positions, strengths.astype(np.float32))


def heading_cuts(marks: tuple[Mark, ...]) -> Cuts:
    """Turn heading marks into cuts, the outer the stronger."""
    headings = [mark for mark in marks if mark.kind == "heading"]
    levels = np.array([max(0, mark.level - 1) for mark in headings], dtype=np.float32)
    starts = np.array([mark.span.start for mark in headings], dtype=np.int64)
    return merge_cuts([Cuts(starts, (SECTION - _LEVEL_STEP * levels).astype(np.float32))])


def _fenced(text: str) -> Iterator[Span]:
    opening: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        fence, rest = match.groups()
        if opening is None:
            if "`" not in rest or fence[0] == "~":
                opening = match
        elif fence[0] == opening[1][0] and len(fence) >= len(opening[1]) and not rest.strip():
            yield Span(opening.start(), min(match.end() + 1, len(text)))
            opening = None
    if opening is not None:
        yield Span(opening.start(), len(text))


def _overlaps_next(span: Span, spans: list[Span], ends: list[int]) -> bool:
    """Tell whether the first of ``spans`` that ends behind the start of ``span`` overlaps it."""
    place = bisect_right(ends, span.start)
    return place < len(spans) and spans[place].overlap(span) > 0


def _headings(text: str, skipped: list[Span]) -> Iterator[tuple[int, int, str]]:
    position = 0
    for match in _HEADING.finditer(text):
        while position < len(skipped) and skipped[position].end <= match.start():
            position += 1
        if position < len(skipped) and skipped[position].start <= match.start():
            continue
        if match["hashes"]:
            yield match.start(), len(match["hashes"]), _title(match["title"])
            continue
        above = _paragraph_above(text, match.start())
        if above is not None:
            yield above, 1 if match["line"][0] == "=" else 2, " ".join(text[above : match.start()].split())


def _title(rest: str) -> str:
    """Strip a closing run of hashes, which white space must precede."""
    line = rest.strip()
    bare = line.rstrip("#")
    return bare.rstrip() if not bare or bare[-1] in " \t" else line


def _paragraph_above(text: str, end: int) -> int | None:
    """Return where the paragraph that ends at ``end`` begins, None if there is none or it is too long."""
    start = end
    for _ in range(_SETEXT_LINES + 1):
        before = text.rfind("\n", 0, max(start - 1, 0)) + 1
        line = text[before:start]
        if start == 0 or not line.strip() or _NO_PARAGRAPH.match(line):
            return start if start < end else None
        start = before
    return None
