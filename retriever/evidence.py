"""The spans of a document that answer a query, best first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from encoders.types import Span
from indexers.filters import Condition, all_of
from retriever.citations import evidence_id
from retriever.fusion import standardise
from retriever.highlighting import AROUND, Margins, OffsetUnits
from retriever.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter
    from retriever.options import EvidenceOptions, OffsetUnit
    from retriever.profile import SearchProfile
    from retriever.scorers import ScoredSegment, ScoredSegments, Scorer

_DEPTH = 32
_LONGEST_RUN = 3


def find_evidence(
    collection: Collection,
    scorer: Scorer,
    entries: Sequence[Entry],
    options: EvidenceOptions,
    *,
    unit: OffsetUnit,
    profile: SearchProfile,
) -> list[list[tuple[Evidence, Margins]]]:
    """Return the best spans of each document, and what stands beside each.

    Cosine and BM25 of a segment are standardised over the best segments of all given
    documents, so that both mean the same in every document.
    """
    if not options.limit:
        return [[] for _ in entries]
    wanted = _wanted(options)
    scored = scorer.score_segments(entries, wanted, max(_DEPTH, 4 * options.limit))
    ranked = _ranked(scored, profile.evidence_lexical)
    chosen = [
        _choose(own, scores, order, options) for own, (scores, order) in zip(scored, ranked, strict=True)
    ]
    definitions = _definitions(collection, [run for runs in chosen for run in runs])
    return [
        _present(collection, entry, runs, definitions, unit)
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
    unit: OffsetUnit,
) -> list[tuple[Evidence, Margins]]:
    """Write out the chosen spans, in the unit that is asked for."""
    found = [_evidence(collection, entry, run, definitions) for run in runs]
    if unit == "codepoint" or not found:
        return found
    units = OffsetUnits(collection.text(entry, 0, max(one.end for one, _ in found)), unit)
    return [
        (replace(one, start=units.count(one.start), end=units.count(one.end)), margins)
        for one, margins in found
    ]


def _evidence(
    collection: Collection,
    entry: Entry,
    run: _Run,
    definitions: Mapping[tuple[str, int], _Definition],
) -> tuple[Evidence, Margins]:
    span, best = run.span, run.parts[0]
    low, high = max(0, span.start - AROUND), min(entry.characters, span.end + AROUND)
    around = collection.text(entry, low, high)
    first, last = span.start - low, span.end - low
    places = [(entry.generation, part.ordinal) for part in run.parts]
    defined = [definitions[place] for place in places if place in definitions]
    evidence = Evidence(
        id=evidence_id(entry.generation, span),
        start=span.start,
        end=span.end,
        text=around[first:last],
        location=collection.locate(entry, span),
        kind=best.kind,
        score=run.score,
        dense=max(part.dense for part in run.parts),
        lexical=max(part.lexical for part in run.parts),
        breadcrumb=defined[0].breadcrumb if defined else "",
        symbols=tuple(dict.fromkeys(name for one in defined for name in one.symbols)),
    )
    return evidence, Margins(before=around[:first], after=around[last:])
