"""The spans of a document that answer a query, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encoders.types import SegmentKind, Span
from indexers.catalogue import SEGMENT
from indexers.filters import equals
from indexers.types import SEGMENT_DENSE, SEGMENT_LEXICAL, Scored, VectorQuery
from retriever.citations import evidence_id
from retriever.fusion import standardise
from retriever.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.candidates import Question

_MOST_SEGMENTS = 2_000
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
    """Return, for each document, its best spans and how many segments were scored.

    Cosine and BM25 of a segment are standardised over the segments of all given
    documents, so that both mean the same in every document.
    """
    scored = _score_segments(collection, question, entries)
    flat = [segment for segments in scored for segment in segments]
    dense = standardise(np.array([segment.dense for segment in flat]))
    lexical = standardise(np.array([segment.lexical for segment in flat]))
    fused = (1 - lexical_weight) * dense + lexical_weight * lexical
    answer = []
    position = 0
    for segments in scored:
        scores = fused[position : position + len(segments)].tolist()
        position += len(segments)
        answer.append((_choose(collection, segments, scores, limits), len(segments)))
    return answer


def _score_segments(
    collection: Collection, question: Question, entries: Sequence[Entry]
) -> list[list[_ScoredSegment]]:
    """Score the segments of each document on both sides, exactly."""
    dense = collection.index.query(
        [
            VectorQuery(
                vector=question.dense,
                using=SEGMENT_DENSE,
                limit=min(entry.segments, _MOST_SEGMENTS),
                filter=equals("generation", entry.generation),
                payload=_FIELDS,
                exact=entry.segments <= _MOST_SEGMENTS,
            )
            for entry in entries
        ]
    )
    lexical: list[list[Scored]] = [[] for _ in entries]
    corpus = collection.corpus(SEGMENT)
    if question.lexical.indices:
        lexical = collection.index.query(
            [
                VectorQuery(
                    vector=question.lexical,
                    using=SEGMENT_LEXICAL,
                    limit=min(entry.segments, _MOST_SEGMENTS),
                    filter=equals("generation", entry.generation),
                    payload=_FIELDS,
                    corpus=corpus,
                )
                for entry in entries
            ]
        )
    return [_joined(entry, *sides) for entry, *sides in zip(entries, dense, lexical, strict=True)]


def _joined(entry: Entry, dense: list[Scored], lexical: list[Scored]) -> list[_ScoredSegment]:
    cosines = {hit.id: hit.score for hit in dense}
    weights = {hit.id: hit.score for hit in lexical}
    payloads = {hit.id: hit.payload for hit in (*dense, *lexical)}
    return [
        _ScoredSegment(
            entry,
            Span(payload["start"], payload["end"]),
            payload["kind"],
            cosines.get(key, 0.0),
            weights.get(key, 0.0),
        )
        for key, payload in payloads.items()
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
