"""The spans of a document that answer a query, best first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from encoders.types import SegmentKind, Span
from indexers.catalogue import SEGMENT
from indexers.filters import Condition, Ids, all_of, equals
from indexers.types import SEGMENT_DENSE, SEGMENT_LEXICAL, Scored, SparseVector, VectorQuery
from retriever.citations import evidence_id
from retriever.fusion import standardise
from retriever.highlighting import AROUND, OffsetUnits, best_sentence, find_highlights, make_quote
from retriever.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter
    from retriever.candidates import Question
    from retriever.options import EvidenceOptions, OffsetUnit
    from retriever.phrases import Phrase
    from retriever.profile import SearchProfile

_DEPTH = 32
_LONGEST_RUN = 3
_FIELDS = ("start", "end", "kind", "breadcrumb", "symbols")


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


@dataclass(frozen=True, slots=True)
class _ScoredSegment:
    entry: Entry
    span: Span
    kind: SegmentKind
    dense: float
    lexical: float
    breadcrumb: str
    symbols: tuple[str, ...]


def find_evidence(
    collection: Collection,
    question: Question,
    entries: Sequence[Entry],
    shown: Shown,
    *,
    lexical_weight: float,
) -> list[tuple[tuple[Evidence, ...], int]]:
    """Return, for each document, its best spans and how many segments it has.

    Cosine and BM25 of a segment are standardised over the best segments of all given
    documents, so that both mean the same in every document.
    """
    options = shown.options
    if not options.limit:
        return [((), entry.segments) for entry in entries]
    wanted = _wanted(options)
    scored = _score_segments(collection, question, entries, wanted, depth=max(_DEPTH, 4 * options.limit))
    flat = [segment for segments in scored for segment in segments]
    dense = standardise(np.array([segment.dense for segment in flat]))
    lexical = standardise(np.array([segment.lexical for segment in flat]))
    fused = (1 - lexical_weight) * dense + lexical_weight * lexical
    answer = []
    position = 0
    for entry, segments in zip(entries, scored, strict=True):
        scores = fused[position : position + len(segments)].tolist()
        position += len(segments)
        chosen = _choose(segments, scores, options)
        answer.append((_present(collection, entry, chosen, shown), entry.segments))
    return answer


def defining(symbols: Sequence[str]) -> Filter | None:
    """Return what segments match that define one of these names; None when there are no names."""
    return Condition("symbols", "$in", tuple(symbols)) if symbols else None


def _wanted(options: EvidenceOptions) -> Filter | None:
    kinds = Condition("kind", "$in", options.kinds) if options.kinds else None
    return all_of(kinds, defining(options.symbols))


def best_spans(
    collection: Collection, question: Question, entries: Sequence[Entry], profile: SearchProfile
) -> list[list[Span]]:
    """Return the spans of each document's best segments, as many as late interaction reads."""
    wanted = profile.late_segments
    scored = _score_segments(collection, question, entries, None, depth=2 * wanted)
    weight = profile.evidence_lexical
    flat = [segment for segments in scored for segment in segments]
    dense = standardise(np.array([segment.dense for segment in flat]))
    lexical = standardise(np.array([segment.lexical for segment in flat]))
    fused = iter(((1 - weight) * dense + weight * lexical).tolist())
    ranked = [sorted(((next(fused), one) for one in own), key=lambda pair: -pair[0]) for own in scored]
    return [[segment.span for _, segment in own[:wanted]] for own in ranked]


def _score_segments(
    collection: Collection,
    question: Question,
    entries: Sequence[Entry],
    wanted: Filter | None,
    *,
    depth: int,
) -> list[list[_ScoredSegment]]:
    """Score the best segments of each document by either side, each exactly on both."""
    corpus = collection.corpus(SEGMENT)
    sides = [
        _Side(SEGMENT_DENSE, question.dense, None),
        _Side(SEGMENT_LEXICAL, question.lexical, corpus),
    ]
    found = [side.best(collection, entries, wanted, depth) for side in sides]
    for mine, theirs, side in ((found[0], found[1], sides[0]), (found[1], found[0], sides[1])):
        side.complete(collection, mine, theirs, depth)
    return [_joined(entry, *hits) for entry, *hits in zip(entries, *found, strict=True)]


@dataclass(frozen=True, slots=True)
class _Side:
    """Dense or lexical scoring of segments."""

    using: str
    vector: Sequence[float] | SparseVector
    corpus: Filter | None

    def best(
        self, collection: Collection, entries: Sequence[Entry], where: Filter | None, depth: int
    ) -> list[dict[str, Scored]]:
        """Return the best segments of each document, by point."""
        if isinstance(self.vector, SparseVector) and not self.vector.indices:
            return [{} for _ in entries]
        wanted = [
            (all_of(equals("generation", entry.generation), where), max(1, min(entry.segments, depth)))
            for entry in entries
        ]
        return self._ask(collection, wanted)

    def complete(
        self,
        collection: Collection,
        mine: list[dict[str, Scored]],
        theirs: list[dict[str, Scored]],
        depth: int,
    ) -> None:
        """Score what the other side found and this one did not list, where the list was not whole."""
        missing = [
            tuple(other.keys() - own.keys()) if len(own) >= depth else ()
            for own, other in zip(mine, theirs, strict=True)
        ]
        places = [place for place, ids in enumerate(missing) if ids]
        answers = self._ask(collection, [(Ids(missing[place]), len(missing[place])) for place in places])
        for place, scored in zip(places, answers, strict=True):
            mine[place].update(scored)

    def _ask(
        self, collection: Collection, wanted: Sequence[tuple[Filter | None, int]]
    ) -> list[dict[str, Scored]]:
        queries = [
            VectorQuery(
                vector=self.vector,
                using=self.using,
                limit=limit,
                filter=where,
                payload=_FIELDS,
                exact=True,
                corpus=self.corpus,
            )
            for where, limit in wanted
        ]
        return [{hit.id: hit for hit in hits} for hits in collection.index.query(queries)]


def _joined(entry: Entry, dense: dict[str, Scored], lexical: dict[str, Scored]) -> list[_ScoredSegment]:
    return [
        _ScoredSegment(
            entry,
            Span(hit.payload["start"], hit.payload["end"]),
            hit.payload["kind"],
            dense[key].score if key in dense else 0.0,
            lexical[key].score if key in lexical else 0.0,
            hit.payload.get("breadcrumb", ""),
            tuple(hit.payload.get("symbols", ())),
        )
        for key, hit in (lexical | dense).items()
    ]


def _choose(
    segments: list[_ScoredSegment], scores: list[float], options: EvidenceOptions
) -> list[tuple[float, _ScoredSegment]]:
    """Take the best segments while they fit, neighbours joined to one span.

    Segments tile the text, so no two overlap. A neighbour of a span that is shown already
    lengthens it when it is better than the average of what was considered; it does not
    count as a span of its own.
    """
    ranked = sorted(zip(scores, segments, strict=True), key=lambda pair: (-pair[0], pair[1].span.start))
    runs: list[_Run] = []
    room = options.max_chars
    for score, segment in ranked:
        near = [run for run in runs if run.touches(segment.span)]
        joins = bool(near) and score > 0 and sum(len(run.parts) for run in near) < _LONGEST_RUN
        if (len(segment.span) > room and runs) or not (joins or len(runs) < options.limit):
            continue
        if joins:
            near[0].parts += [segment, *(part for run in near[1:] for part in run.parts)]
            runs = [run for run in runs if run not in near[1:]]
        else:
            runs.append(_Run(score, [segment]))
        room -= len(segment.span)
        if room <= 0:
            break
    return [(run.score, run.joined()) for run in runs]


@dataclass(slots=True, eq=False)
class _Run:
    """Neighbouring segments that are shown as one span; ``score`` is that of the best."""

    score: float
    parts: list[_ScoredSegment]

    def touches(self, span: Span) -> bool:
        return any(part.span.end == span.start or span.end == part.span.start for part in self.parts)

    def joined(self) -> _ScoredSegment:
        best = self.parts[0]
        return replace(
            best,
            span=Span(min(part.span.start for part in self.parts), max(part.span.end for part in self.parts)),
            dense=max(part.dense for part in self.parts),
            lexical=max(part.lexical for part in self.parts),
            symbols=tuple(dict.fromkeys(name for part in self.parts for name in part.symbols)),
        )


def _present(
    collection: Collection, entry: Entry, chosen: Sequence[tuple[float, _ScoredSegment]], shown: Shown
) -> tuple[Evidence, ...]:
    """Write out the chosen spans with what of them matches, in the unit that is asked for."""
    found = [_evidence(collection, segment, score, shown) for score, segment in chosen]
    if shown.unit == "codepoint" or not found:
        return tuple(found)
    units = OffsetUnits(collection.text(entry, 0, max(one.end for one in found)), shown.unit)
    return tuple(_in_units(one, units) for one in found)


def _evidence(collection: Collection, segment: _ScoredSegment, score: float, shown: Shown) -> Evidence:
    entry, span = segment.entry, segment.span
    low, high = max(0, span.start - AROUND), min(entry.characters, span.end + AROUND)
    around = collection.text(entry, low, high)
    text = around[span.start - low : span.end - low]
    highlights = find_highlights(text, shown.terms, shown.phrases, language=entry.language)
    sentence = best_sentence(text, highlights)
    return Evidence(
        id=evidence_id(entry.generation, span),
        start=span.start,
        end=span.end,
        text=text,
        location=collection.locate(entry, span),
        kind=segment.kind,
        score=score,
        dense=segment.dense,
        lexical=segment.lexical,
        highlights=tuple((span.start + one.start, span.start + one.end) for one in highlights),
        quote=make_quote(around, low, Span(span.start + sentence.start, span.start + sentence.end)),
        breadcrumb=segment.breadcrumb,
        symbols=segment.symbols,
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
