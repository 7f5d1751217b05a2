"""What of a span matches the query word for word, and its best sentence."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from encoders.boundaries import prose_borders
from encoders.types import Span
from indexers.languages import ENGLISH
from indexers.lexical import places_of, terms_of_word
from retriever.types import Quote

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from retriever.options import OffsetUnit
    from retriever.phrases import Phrase

AROUND = 32
"""Code points of text that a quote carries before and after it."""
_LONGEST_QUOTE = 600


def find_highlights(
    text: str, terms: Set[str], phrases: Sequence[Phrase] = (), *, language: str = ENGLISH
) -> list[Span]:
    """Return where words of the query and phrases stand in ``text``, in order, neighbours joined.

    Args:
        text: a span's text; the result counts from its start.
        terms: the query's terms.
        phrases: what every hit must contain.
        language: of the text.
    """
    places = places_of(text, lambda word: not terms.isdisjoint(terms_of_word(word, language)))
    found = [Span(*place) for place in places]
    for phrase in phrases:
        found += [Span(*match.span()) for match in phrase.pattern.finditer(text)]
    joined: list[Span] = []
    for span in sorted(found):
        if joined and (span.start <= joined[-1].end or text[joined[-1].end : span.start].isspace()):
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def best_sentence(text: str, highlights: Sequence[Span]) -> Span:
    """Return the sentence with the most highlighted characters, the first one among equals."""
    sentences = [
        trimmed
        for start, end in pairwise(prose_borders(text))
        if len(trimmed := _trimmed(text, Span(start, end)))
    ]
    if not sentences:
        return Span(0, len(text))
    lit = [0] * len(sentences)
    ends = [span.end for span in sentences]
    for one in highlights:
        place = bisect_right(ends, one.start)
        while place < len(sentences) and sentences[place].start < one.end:
            lit[place] += sentences[place].overlap(one)
            place += 1
    best = sentences[lit.index(max(lit))]
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
        unit: ``utf16`` or ``byte`` (UTF-8).
    """

    def __init__(self, text: str, unit: OffsetUnit) -> None:
        self._text = text
        self._encoding, self._width = ("utf-16-le", 2) if unit == "utf16" else ("utf-8", 1)
        self._known = {0: 0}

    def count(self, offset: int) -> int:
        """Return the units before a code point; cheap for offsets in ascending order."""
        if offset not in self._known:
            near = max(known for known in self._known if known <= offset)
            between = self._text[near:offset].encode(self._encoding)
            self._known[offset] = self._known[near] + len(between) // self._width
        return self._known[offset]


def _trimmed(text: str, span: Span) -> Span:
    part = span.of(text)
    lead = len(part) - len(part.lstrip())
    return Span(span.start + lead, max(span.start + lead, span.start + len(part.rstrip())))
