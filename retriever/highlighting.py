"""The last step of an answer: what of its evidence matches the query word for word, and the best sentence.

The process that owns a store finds and ranks; whoever asked highlights. It takes only the text of the
answer, and a store answers many.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from encoders.sentences import prose_borders
from encoders.types import Span
from indexers.lexical import WantedWords
from retriever.phrases import Phrase
from retriever.types import Evidence, Quote, SearchResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.options import OffsetUnit, SearchOptions

AROUND = 32
"""Code points of text that a quote carries before and after it."""
_LONGEST_QUOTE = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """What stands beside a piece of evidence, which a quote from its edge is shown with.

    Attributes:
        before: up to `AROUND` code points.
        after: likewise.
    """

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhighlighted:
    """An answer whose evidence has no highlights and no quotes yet.

    Attributes:
        terms: of the query, in the languages of the collection.
        languages: of the document of each hit.
        margins: for each hit those of its evidence.
    """

    result: SearchResult
    terms: tuple[str, ...]
    languages: tuple[str, ...]
    margins: tuple[tuple[Margins, ...], ...]


def highlight(found: Unhighlighted, options: SearchOptions) -> SearchResult:
    """Return the answer with highlights and quotes, in the unit that was asked for."""
    started = time.perf_counter()
    phrases = [Phrase(source) for source in options.must_contain]
    terms = frozenset(found.terms)
    words = {language: WantedWords(terms, language) for language in set(found.languages)}
    hits = tuple(
        replace(
            hit,
            evidence=tuple(
                _highlighted(evidence, beside, words[language], phrases, options.offset_unit)
                for evidence, beside in zip(hit.evidence, margins, strict=True)
            ),
        )
        for hit, language, margins in zip(found.result.hits, found.languages, found.margins, strict=True)
    )
    times = dict(found.result.meta.timing_ms)
    total, taken = times.pop("total"), 1000 * (time.perf_counter() - started)
    times |= {"highlight": taken, "total": total + taken}
    return replace(found.result, hits=hits, meta=replace(found.result.meta, timing_ms=times))


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


def _highlighted(
    evidence: Evidence, beside: Margins, words: WantedWords, phrases: Sequence[Phrase], unit: OffsetUnit
) -> Evidence:
    text = evidence.text
    highlights = find_highlights(text, words, phrases)
    sentence = best_sentence(text, highlights)
    lead = len(beside.before)
    quoted = Span(lead + sentence.start, lead + sentence.end)
    quote = make_quote(beside.before + text + beside.after, 0, quoted)
    units = OffsetUnits(text, unit)
    first = evidence.start
    return replace(
        evidence,
        highlights=tuple((first + units.count(start), first + units.count(end)) for start, end in highlights),
        quote=replace(
            quote, start=first + units.count(sentence.start), end=first + units.count(sentence.end)
        ),
    )


def _trimmed(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    lead = len(part) - len(part.lstrip())
    return Span(start + lead, max(start + lead, start + len(part.rstrip())))
