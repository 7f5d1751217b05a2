"""Finds in an answer what it quotes and what it cites."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from retriever.context.types import Marker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

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
    blocks = list(_block_quotations(answer))
    inline = [
        (found[0][1:-1], found.start() + 1, found.end() - 1)
        for found in _QUOTED.finditer(answer)
        if not any(start <= found.start() < end for _, start, end in blocks)
    ]
    quotations = [one for one in sorted([*blocks, *inline], key=lambda one: one[1]) if one[0].strip()]
    return [
        Quotation(text=text, start=start, end=end, cited=_cited(answer, end, quotations, markers))
        for text, start, end in quotations
    ]


def _block_quotations(answer: str) -> Iterator[tuple[str, int, int]]:
    for found in _BLOCK.finditer(answer):
        yield _BLOCK_SIGN.sub("", found[0]).strip(), found.start(), found.end()


def _cited(
    answer: str, end: int, quotations: Sequence[tuple[str, int, int]], markers: Sequence[Marker]
) -> tuple[int, ...]:
    """Return what is cited after a quotation, up to the next one or the end of its sentence."""
    limit = min([start for _, start, _ in quotations if start >= end], default=len(answer))
    numbers: list[int] = []
    reached = end
    for marker in markers:
        if marker.answer_start < end:
            continue
        between = answer[reached : marker.answer_start]
        ended = _SENTENCE_END.search(between.rstrip())
        if marker.answer_start >= limit or (ended and (numbers or between[ended.end() :].strip())):
            break
        numbers.append(marker.n)
        reached = marker.answer_end
    return tuple(dict.fromkeys(numbers))
