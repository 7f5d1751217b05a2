"""Finds in an answer what it quotes and what it cites."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from retriever.context.types import Marker

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from retriever.context.styles import CitationStyle

_QUOTED: Final = re.compile(
    # A straight mark opens after a space or a bracket and closes before none, so that 5'10" opens nothing.
    r'(?<![\w\d])"(?P<straight>[^"\s](?:[^"]{0,5000}?[^"\s])?)"(?!\w)'
    r"|\u201c(?P<english>[^\u201c\u201d]{1,5000})\u201d"
    r"|\u201e(?P<german>[^\u201e\u201c\u201d]{1,5000})[\u201c\u201d]"
    r"|\u00ab(?P<french>[^\u00ab\u00bb]{1,5000})\u00bb"
    r"|\u300c(?P<corner>[^\u300c\u300d]{1,5000})\u300d"
)
_BLOCK: Final = re.compile(r"^[ \t]*>[ \t]?.*(?:\n[ \t]*>[ \t]?.*)*", re.MULTILINE)
_BLOCK_SIGN: Final = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_FENCED: Final = re.compile(
    r"^[ \t]*(```|~~~)[^\n]*\n(?P<code>.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL
)
_SENTENCE_END: Final = re.compile(r"[.!?\u3002](?=\s|$)|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """Words that an answer quotes, where they stand, and the numbers cited for them."""

    text: str
    start: int
    end: int
    cited: tuple[int, ...] = ()


def find_markers(answer: str, style: CitationStyle, known: Collection[int]) -> list[Marker]:
    """Return every number that an answer cites, in order; those in code are subscripts and do not count."""
    code = [(found.start("code"), found.end("code")) for found in _FENCED.finditer(answer)]
    return [
        Marker(n=n, answer_start=start, answer_end=end, known=n in known)
        for numbers, start, end in style.find(answer)
        if not any(low <= start < high for low, high in code)
        for n in numbers
    ]


def find_quotations(answer: str, markers: Sequence[Marker]) -> list[Quotation]:
    """Return what stands in quotation marks or in quoted lines, in order."""
    blocks = [(found.start(), found.end()) for found in _BLOCK.finditer(answer)]
    places = [
        (found.start() + 1, found.end() - 1)
        for found in _QUOTED.finditer(answer)
        if not any(start <= found.start() < end for start, end in blocks)
    ]
    quotations = []
    for start, end in sorted([*blocks, *places]):
        limit, cited = _without_markers(answer, start, end, markers)
        text = answer[start:limit]
        text = _BLOCK_SIGN.sub("", text).strip() if (start, end) in blocks else text
        if text.strip():
            quotations.append((text, start, limit, end, cited))
    starts = [start for _, start, *_ in quotations]
    return [
        Quotation(
            text=text,
            start=start,
            end=limit,
            cited=tuple(dict.fromkeys((*cited, *_cited_after(answer, end, starts, markers)))),
        )
        for text, start, limit, end, cited in quotations
    ]


def _without_markers(
    answer: str, start: int, end: int, markers: Sequence[Marker]
) -> tuple[int, tuple[int, ...]]:
    """Return where a quotation ends without the citations that stand at its end, and their numbers."""
    numbers: list[int] = []
    for marker in reversed(markers):
        if numbers and marker.answer_start == end:  # of the same list, such as [1, 2]
            numbers.insert(0, marker.n)
            continue
        if not (start <= marker.answer_start and marker.answer_end <= end):
            continue
        if answer[marker.answer_end : end].strip(" \t\n.>"):
            break
        numbers.insert(0, marker.n)
        end = marker.answer_start
    if numbers:
        end = start + len(answer[start:end].rstrip())
    return end, tuple(numbers)


def _cited_after(answer: str, end: int, starts: Sequence[int], markers: Sequence[Marker]) -> tuple[int, ...]:
    """Return what is cited first after a quotation, in its sentence and before the next quotation."""
    limit = min([start for start in starts if start >= end], default=len(answer))
    numbers: list[int] = []
    reached = end
    for marker in markers:
        if numbers and marker.answer_end == reached:  # of the same list
            numbers.append(marker.n)
            continue
        if marker.answer_start < end:
            continue
        between = answer[reached : marker.answer_start]
        if marker.answer_start >= limit or not _goes_on(between, first=not numbers):
            break
        numbers.append(marker.n)
        reached = marker.answer_end
    return tuple(dict.fromkeys(numbers))


def _goes_on(between: str, *, first: bool) -> bool:
    """Tell whether a citation after these words still belongs to the quotation before them."""
    if not first:
        return between.strip(" ,;&") in ("", "and")
    ended = _SENTENCE_END.search(between.rstrip())
    return ended is None or not between[ended.end() :].strip()
