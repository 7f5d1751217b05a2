"""What of a span matches the query word for word, and its best sentence."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from encoders.sentences import prose_borders
from encoders.types import Span
from retriever.types import Quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.lexical import WantedWords
    from retriever.options import OffsetUnit
    from retriever.phrases import Phrase

AROUND = 32
"""Code points of text that a quote carries before and after it."""
_LONGEST_QUOTE = 600


def find_highlights(text: str, words: WantedWords, phrases: Sequence[Phrase] = ()) -> list[tuple[int, int]]:
    """Return where words of the query and phrases stand in ``text``, in order, neighbours joined.

    Args:
        text: a span's text; the result counts from its start.
        words: the query's.
        phrases: what every hit must contain.
    """
    found = words.places(text)
    for phrase in phrases:
        found += [match.span() for match in phrase.pattern.finditer(text)]
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and (start <= joined[-1][1] or text[joined[-1][1] : start].isspace()):
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def best_sentence(text: str, highlights: Sequence[tuple[int, int]]) -> Span:
    """Return the sentence with the most highlighted characters, the first one among equals."""
    borders = prose_borders(text)
    lit: dict[int, int] = {}
    for start, end in highlights:
        place = bisect_right(borders, start) - 1
        while start < end:  # one that runs over a border, with the blanks there, counts on both sides
            border = borders[place + 1]
            part = text[start:border].rstrip() if border < end else text[start:end]
            lit[place] = lit.get(place, 0) + len(part)
            start, place = border, place + 1
    if any(lit.values()):
        place = max(lit, key=lambda place: (lit[place], -place))
        best = _trimmed(text, borders[place], borders[place + 1])
    else:
        every = (_trimmed(text, start, end) for start, end in pairwise(borders))
        best = next(filter(len, every), Span(0, len(text)))
    return Span(best.start, min(best.end, best.start + _LONGEST_QUOTE))


def make_quote(text: str, start: int, exact: Span) -> Quote:
    """Cut a quote out of the text around it.

    Args:
        text: holds the quote and what stands around it.
        start: where ``text`` begins in the document.
        exact: the quote, in offsets of the document.
    """
    low, high = exact.start - start, exact.end - start
    return Quote(
        exact=text[low:high],
        prefix=text[max(0, low - AROUND) : low],
        suffix=text[high : high + AROUND],
        start=exact.start,
        end=exact.end,
    )


class OffsetUnits:
    """Counts the code points of one text in another unit.

    Args:
        text: from the start of the document to beyond every offset that is asked for.
        unit: ``codepoint``, ``utf16`` or ``byte`` (UTF-8).
    """

    def __init__(self, text: str, unit: OffsetUnit) -> None:
        self._text = text
        self._same = unit == "codepoint" or text.isascii()
        self._encoding, self._width = ("utf-16-le", 2) if unit == "utf16" else ("utf-8", 1)
        self._known = {0: 0}

    def count(self, offset: int) -> int:
        """Return the units before a code point; cheap for offsets in ascending order."""
        if self._same:
            return offset
        if offset not in self._known:
            near = max(known for known in self._known if known <= offset)
            between = self._text[near:offset].encode(self._encoding)
            self._known[offset] = self._known[near] + len(between) // self._width
        return self._known[offset]


def _trimmed(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    lead = len(part) - len(part.lstrip())
    return Span(start + lead, max(start + lead, start + len(part.rstrip())))
