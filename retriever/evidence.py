"""The spans of a document that answer a query, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encoders.types import SegmentKind, Span
from indexers.catalogue import SEGMENT
from indexers.filters import Ids, equals
from indexers.types import SEGMENT_DENSE, SEGMENT_LEXICAL, Scored, SparseVector, VectorQuery
from retriever.citations import evidence_id
from retriever.fusion import standardise
from retriever.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter
    from retriever.candidates import Question

_DEPTH = 32
_FIELDS = ("start", "end", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLimits:
    """How much evidence a document shows.

    Attributes:
        spans: at most so many.
        chars: at most so many code points together; the first span is always shown.
    """

    spans: int = 3
    chars: int = 3_000


@dataclass(frozen=True, slots=True)
class _ScoredSegment:
    entry: Entry
    span: Span
    kind: SegmentKind
    dense: float
    lexical: float


def find_evidence(
    collection: Collection,
    question: Question,
    entries: Sequence[Entry],
    limits: EvidenceLimits,
    *,
    lexical_weight: float,
) -> list[tuple[tuple[Evidence, ...], int]]:
    """Return, for each document, its best spans and how many segments it has.

    Cosine and BM25 of a segment are standardised over the best segments of all given
    documents, so that both mean the same in every document.
    """
    scored = _score_segments(collection, question, entries, depth=max(_DEPTH, 4 * limits.spans))
    flat = [segment for segments in scored for segment in segments]
    dense = standardise(np.array([segment.dense for segment in flat]))
    lexical = standardise(np.array([segment.lexical for segment in flat]))
    fused = (1 - lexical_weight) * dense + lexical_weight * lexical
    answer = []
    position = 0
    for entry, segments in zip(entries, scored, strict=True):
        scores = fused[position : position + len(segments)].tolist()
        position += len(segments)
        answer.append((_choose(collection, segments, scores, limits), entry.segments))
    return answer


def _score_segments(
    collection: Collection, question: Question, entries: Sequence[Entry], *, depth: int
) -> list[list[_ScoredSegment]]:
    """Score the best segments of each document by either side, each exactly on both."""
    corpus = collection.corpus(SEGMENT)
    sides = [
        _Side(SEGMENT_DENSE, question.dense, None),
        _Side(SEGMENT_LEXICAL, question.lexical, corpus),
    ]
    found = [side.best(collection, entries, depth) for side in sides]
    for mine, theirs, side in ((found[0], found[1], sides[0]), (found[1], found[0], sides[1])):
        side.complete(collection, mine, theirs, depth)
    return [_joined(entry, *hits) for entry, *hits in zip(entries, *found, strict=True)]


@dataclass(frozen=True, slots=True)
class _Side:
    """Dense or lexical scoring of segments."""

    using: str
    vector: Sequence[float] | SparseVector
    corpus: Filter | None

    def best(self, collection: Collection, entries: Sequence[Entry], depth: int) -> list[dict[str, Scored]]:
        """Return the best segments of each document, by point."""
        if isinstance(self.vector, SparseVector) and not self.vector.indices:
            return [{} for _ in entries]
        wanted = [(equals("generation", entry.generation), min(entry.segments, depth)) for entry in entries]
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

    def _ask(self, collection: Collection, wanted: Sequence[tuple[Filter, int]]) -> list[dict[str, Scored]]:
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
        )
        for key, hit in (lexical | dense).items()
    ]


def _choose(
    collection: Collection, segments: list[_ScoredSegment], scores: list[float], limits: EvidenceLimits
) -> tuple[Evidence, ...]:
    """Take the best segments while they fit; segments tile the text, so no two overlap."""
    ranked = sorted(zip(scores, segments, strict=True), key=lambda pair: (-pair[0], pair[1].span.start))
    chosen: list[Evidence] = []
    room = limits.chars
    for score, segment in ranked:
        if len(chosen) >= limits.spans or room <= 0:
            break
        if len(segment.span) > room and chosen:
            continue
        room -= len(segment.span)
        chosen.append(_evidence(collection, segment, score))
    return tuple(chosen)


def _evidence(collection: Collection, segment: _ScoredSegment, score: float) -> Evidence:
    entry, span = segment.entry, segment.span
    return Evidence(
        id=evidence_id(entry.generation, span),
        start=span.start,
        end=span.end,
        text=collection.text(entry, span.start, span.end),
        location=collection.locate(entry, span),
        kind=segment.kind,
        score=score,
        dense=segment.dense,
        lexical=segment.lexical,
    )
