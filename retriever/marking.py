"""The last step of an answer: what of its evidence matches the query word for word.

The process that owns a store finds and ranks; whoever asked marks. Marking takes only the text of the
answer, and a store answers many.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from encoders.types import Span
from indexers.lexical import WantedWords
from retriever.highlighting import OffsetUnits, best_sentence, find_highlights, make_quote
from retriever.phrases import Phrase
from retriever.types import Evidence, SearchResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.options import OffsetUnit, SearchOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """What stands beside a piece of evidence, which a quote from its edge is shown with.

    Attributes:
        before: up to `retriever.highlighting.AROUND` code points.
        after: likewise.
    """

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmarked:
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


def mark(found: Unmarked, options: SearchOptions) -> SearchResult:
    """Return the answer with highlights and quotes, in the unit that was asked for."""
    started = time.perf_counter()
    phrases = [Phrase(source) for source in options.must_contain]
    terms = frozenset(found.terms)
    words = {language: WantedWords(terms, language) for language in set(found.languages)}
    hits = tuple(
        replace(
            hit,
            evidence=tuple(
                _marked(evidence, beside, words[language], phrases, options.offset_unit)
                for evidence, beside in zip(hit.evidence, margins, strict=True)
            ),
        )
        for hit, language, margins in zip(found.result.hits, found.languages, found.margins, strict=True)
    )
    times = dict(found.result.meta.timing_ms)
    total, taken = times.pop("total"), 1000 * (time.perf_counter() - started)
    times |= {"mark": taken, "total": total + taken}
    return replace(found.result, hits=hits, meta=replace(found.result.meta, timing_ms=times))


def _marked(
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
