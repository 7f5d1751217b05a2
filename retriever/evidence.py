"""The spans of a document that answer a query, best first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from encoders.types import Span
from indexers.filters import Condition, all_of
from indexers.lexical import WantedWords
from retriever.citations import evidence_id
from retriever.fusion import standardise
from retriever.highlighting import AROUND, OffsetUnits, best_sentence, find_highlights, make_quote
from retriever.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter
    from retriever.options import EvidenceOptions, OffsetUnit
    from retriever.phrases import Phrase
    from retriever.profile import SearchProfile
    from retriever.scorers import ScoredSegment, ScoredSegments, Scorer

_DEPTH = 32
_LONGEST_RUN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown of evidence.

    Attributes:
        terms: the query's terms, highlighted.
        phrases: what the text must contain, highlighted too.
    """

    options: EvidenceOptions
    unit: OffsetUnit = "codepoint"
    terms: Set[str] = frozenset()
    phrases: Sequence[Phrase] = ()


def find_evidence(
    collection: Collection,
    scorer: Scorer,
    entries: Sequence[Entry],
    shown: Shown,
    *,
    profile: SearchProfile,
) -> list[tuple[tuple[Evidence, ...], int]]:
    """Return, for each document, its best spans and how many segments it has.

    Cosine and BM25 of a segment are standardised over the best segments of all given
    documents, so that both mean the same in every document.
    """
    options = shown.options
    if not options.limit:
        return [((), entry.segments) for entry in entries]
    wanted = _wanted(options)
    scored = scorer.score_segments(entries, wanted, max(_DEPTH, 4 * options.limit))
    ranked = _ranked(scored, profile.evidence_lexical)
    chosen = [
        _choose(own, scores, order, options) for own, (scores, order) in zip(scored, ranked, strict=True)
    ]
    definitions = _definitions(collection, [run for runs in chosen for run in runs])
    words = {language: WantedWords(shown.terms, language) for language in {one.language for one in entries}}
    return [
        (_present(collection, entry, runs, definitions, shown, words[entry.language]), entry.segments)
        for entry, runs in zip(entries, chosen, strict=True)
    ]


def defining(symbols: Sequence[str]) -> Filter | None:
    """Return what segments match that define one of these names; None when there are no names."""
    return Condition("symbols", "$in", tuple(symbols)) if symbols else None


def _wanted(options: EvidenceOptions) -> Filter | None:
    kinds = Condition("kind", "$in", options.kinds) if options.kinds else None
    return all_of(kinds, defining(options.symbols))


def best_spans(scorer: Scorer, entries: Sequence[Entry], profile: SearchProfile) -> list[list[Span]]:
    """Return the spans of each document's best segments, as many as late interaction reads."""
    wanted = profile.late_segments
    scored = scorer.score_segments(entries, None, 2 * wanted)
    ranked = _ranked(scored, profile.evidence_lexical)
    return [
        [Span(*own.spans[place]) for place in order[:wanted]]
        for own, (_, order) in zip(scored, ranked, strict=True)
    ]


def _ranked(
    scored: Sequence[ScoredSegments], lexical_weight: float
) -> Iterator[tuple[list[float], list[int]]]:
    """Return for each document the scores of its segments, and their places by falling score.

    Both sides count, standardised over the segments of all documents.
    """
    dense = standardise(np.array([score for own in scored for score in own.dense]))
    lexical = standardise(np.array([score for own in scored for score in own.lexical]))
    fused = (1 - lexical_weight) * dense + lexical_weight * lexical
    start = 0
    for own in scored:
        scores = fused[start : start + len(own)]
        start += len(own)
        order = np.lexsort((np.array([span[0] for span in own.spans]), -scores))
        yield scores.tolist(), order.tolist()


def _choose(
    segments: ScoredSegments, scores: Sequence[float], order: Sequence[int], options: EvidenceOptions
) -> list[_Run]:
    """Take the best segments while they fit, neighbours joined to one span.

    Segments tile the text, so no two overlap. A neighbour of a span that is shown already
    lengthens it when it is better than the average of what was considered; it does not
    count as a span of its own.
    """
    runs: list[_Run] = []
    borders: set[int] = set()
    room = options.max_chars
    for place in order:
        score, (start, end) = scores[place], segments.spans[place]
        if score <= 0 and len(runs) >= options.limit:
            break
        full = len(runs) >= options.limit
        if full and start not in borders and end not in borders:  # no span is lengthened by it
            continue
        near = [run for run in runs if run.end == start or run.start == end]
        joins = bool(near) and score > 0 and sum(len(run.parts) for run in near) < _LONGEST_RUN
        if (end - start > room and runs) or (full and not joins):
            continue
        borders |= {start, end}
        own = _Run(score, start, end, [segments[place]])
        if joins:
            for run in near[1:]:
                near[0].take(run)
            near[0].take(own)
            runs = [run for run in runs if run not in near[1:]]
        else:
            runs.append(own)
        room -= end - start
        if room <= 0:
            break
    return runs


@dataclass(slots=True, eq=False)
class _Run:
    """Neighbouring segments that are shown as one span, the best first; ``score`` is that of the best."""

    score: float
    start: int
    end: int
    parts: list[ScoredSegment]

    def take(self, other: _Run) -> None:
        self.parts += other.parts
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class _Definition:
    """What of a program a segment belongs to and defines."""

    breadcrumb: str
    symbols: tuple[str, ...]


def _definitions(collection: Collection, runs: Sequence[_Run]) -> dict[tuple[str, int], _Definition]:
    """Read what the shown segments belong to and define, by generation and ordinal."""
    points = [part.point for run in runs for part in run.parts if part.described]
    return {
        (record.payload["generation"], record.payload["ordinal"]): _Definition(
            record.payload.get("breadcrumb", ""), tuple(record.payload.get("symbols", ()))
        )
        for record in (collection.index.retrieve(points) if points else ())
    }


def _present(
    collection: Collection,
    entry: Entry,
    runs: Sequence[_Run],
    definitions: Mapping[tuple[str, int], _Definition],
    shown: Shown,
    words: WantedWords,
) -> tuple[Evidence, ...]:
    """Write out the chosen spans with what of them matches, in the unit that is asked for."""
    found = [_evidence(collection, entry, run, definitions, shown.phrases, words) for run in runs]
    if shown.unit == "codepoint" or not found:
        return tuple(found)
    units = OffsetUnits(collection.text(entry, 0, max(one.end for one in found)), shown.unit)
    return tuple(_in_units(one, units) for one in found)


def _evidence(
    collection: Collection,
    entry: Entry,
    run: _Run,
    definitions: Mapping[tuple[str, int], _Definition],
    phrases: Sequence[Phrase],
    words: WantedWords,
) -> Evidence:
    span, best = run.span, run.parts[0]
    low, high = max(0, span.start - AROUND), min(entry.characters, span.end + AROUND)
    around = collection.text(entry, low, high)
    text = around[span.start - low : span.end - low]
    highlights = find_highlights(text, words, phrases)
    sentence = best_sentence(text, highlights)
    places = [(entry.generation, part.ordinal) for part in run.parts]
    defined = [definitions[place] for place in places if place in definitions]
    return Evidence(
        id=evidence_id(entry.generation, span),
        start=span.start,
        end=span.end,
        text=text,
        location=collection.locate(entry, span),
        kind=best.kind,
        score=run.score,
        dense=max(part.dense for part in run.parts),
        lexical=max(part.lexical for part in run.parts),
        highlights=tuple((span.start + start, span.start + end) for start, end in highlights),
        quote=make_quote(around, low, Span(span.start + sentence.start, span.start + sentence.end)),
        breadcrumb=defined[0].breadcrumb if defined else "",
        symbols=tuple(dict.fromkeys(name for one in defined for name in one.symbols)),
    )


def _in_units(evidence: Evidence, units: OffsetUnits) -> Evidence:
    count = units.count
    quote = evidence.quote
    return replace(
        evidence,
        start=count(evidence.start),
        end=count(evidence.end),
        highlights=tuple((count(start), count(end)) for start, end in evidence.highlights),
        quote=replace(quote, start=count(quote.start), end=count(quote.end)) if quote else None,
    )
