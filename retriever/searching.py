"""A question to ranked documents with evidence."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from encoders.errors import InvalidInputError
from indexers.catalogue import DOCUMENT
from indexers.documents import canonical
from indexers.filters import Filter, Ids
from indexers.identifiers import document_point
from indexers.lexical import analyse, query_vector
from indexers.types import DOCUMENT_LEXICAL, VectorQuery
from retriever.candidates import Candidates, Question, find_candidates
from retriever.evidence import EvidenceLimits, find_evidence
from retriever.fusion import fuse, order, ranks, standardise
from retriever.types import (
    Component,
    ComponentName,
    DocumentHit,
    DocumentInfo,
    Explanation,
    SearchResult,
    Warned,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encoders.protocols import Encoder
    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.fusion import FloatArray
    from retriever.profile import SearchProfile

MAX_LIMIT = 1_000
_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What a caller asks.

    Attributes:
        query: not empty.
        limit: documents wanted, 1 to 1,000.
        where: only documents that match.
        evidence: how much evidence each document shows.
        explain: whether hits carry their components.
    """

    query: str
    limit: int = 10
    where: Filter | None = None
    evidence: EvidenceLimits = field(default_factory=EvidenceLimits)
    explain: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.query, str) or not self.query.strip():
            raise InvalidInputError("the query is empty; ask for something")
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidInputError(f"limit is {self.limit}; ask for 1 to {MAX_LIMIT}", limit=self.limit)


class Searcher:
    """Searches one collection.

    Args:
        collection: where to search.
        encoder: the one the collection was made with.
        profile: depths and weights.
    """

    def __init__(self, collection: Collection, encoder: Encoder, profile: SearchProfile) -> None:
        self._collection = collection
        self._encoder = encoder
        self._profile = profile

    def search(self, request: SearchRequest) -> SearchResult:
        """Answer a request.

        A document that is replaced meanwhile is read again, so each hit is wholly of
        one version.
        """
        clock = _Clock()
        query, _ = canonical(request.query)
        [vector] = self._encoder.encode([query], kind="query")
        question = Question(
            text=query, dense=vector.tolist(), lexical=query_vector(analyse(query)), where=request.where
        )
        clock.lap("encode")
        for _ in range(_TRIES):
            result = self._attempt(request, question, clock)
            if result is not None:
                return result
        with self._collection.still():  # documents are replaced faster than they can be read
            while (result := self._attempt(request, question, clock)) is None:
                pass
            return result

    def _attempt(self, request: SearchRequest, question: Question, clock: _Clock) -> SearchResult | None:
        candidates = find_candidates(self._collection, question, self._profile, limit=request.limit)
        clock.lap("retrieve")
        scored = _score(candidates, self._profile)
        top = scored.order[: request.limit]
        entries = [candidates.entries[position] for position in top]
        clock.lap("fuse")
        evidence = find_evidence(
            self._collection,
            question,
            entries,
            request.evidence,
            lexical_weight=self._profile.evidence_lexical,
        )
        terms = self._matched_terms(question, entries) if request.explain else [{} for _ in entries]
        clock.lap("evidence")
        if not self._collection.unchanged(candidates.entries):
            return None
        hits = [
            DocumentHit(
                rank=rank,
                score=float(scored.total[position]),
                document=document_info(entry),
                evidence=spans,
                evidence_total=total,
                explain=scored.explain(position, matched) if request.explain else None,
            )
            for rank, (position, entry, (spans, total), matched) in enumerate(
                zip(top, entries, evidence, terms, strict=True), start=1
            )
        ]
        return SearchResult(
            query=request.query,
            hits=tuple(hits),
            warnings=self._warnings(question),
            candidates={
                "documents": len(candidates.entries),
                "segments": candidates.segments,
                "dead": candidates.dead,
            },
            timing_ms=clock.times(),
        )

    def _warnings(self, question: Question) -> tuple[Warned, ...]:
        warnings = []
        if not question.lexical.indices:
            warnings.append(
                Warned(code="no_terms", detail="no word of the query can be looked up; cosine alone ranked")
            )
        if not np.any(question.dense):
            warnings.append(Warned(code="no_tokens", detail="the encoder knows no token of the query"))
        return tuple(warnings)

    def _matched_terms(self, question: Question, entries: Sequence[Entry]) -> list[dict[str, float]]:
        """Split each document's BM25 into its terms."""
        terms = sorted(set(analyse(question.text)))
        counts = dict(zip(question.lexical.indices, question.lexical.values, strict=True))
        points = tuple(document_point(entry.doc_id) for entry in entries)
        shares: dict[str, dict[str, float]] = {point: {} for point in points}
        vectors = [query_vector([term]) for term in terms]
        answers = self._collection.index.query(
            [
                VectorQuery(
                    vector=vector,
                    using=DOCUMENT_LEXICAL,
                    limit=max(1, len(points)),
                    filter=Ids(points),
                    corpus=self._collection.corpus(DOCUMENT),
                )
                for vector in vectors
            ]
        )
        for term, vector, hits in zip(terms, vectors, answers, strict=True):
            for hit in hits:
                shares[hit.id][term] = hit.score * counts[vector.indices[0]]
        return [shares[point] for point in points]


@dataclass(frozen=True, slots=True)
class _Scores:
    """Fused scores of all candidates, with what they are made of."""

    raw: dict[ComponentName, FloatArray]
    standardised: dict[ComponentName, FloatArray]
    ranks: dict[ComponentName, list[int]]
    weights: Mapping[ComponentName, float]
    total: FloatArray
    order: list[int]

    def explain(self, position: int, matched: Mapping[str, float]) -> Explanation:
        components = [
            Component(
                name=name,
                rank=self.ranks[name][position],
                raw=float(raw[position]),
                standardised=float(self.standardised[name][position]),
                weight=self.weights[name],
                contribution=self.weights[name] * float(self.standardised[name][position]),
                matched_terms=matched if name == "document_lexical" else {},
            )
            for name, raw in self.raw.items()
        ]
        return Explanation(components=tuple(components), total=float(self.total[position]))


def _score(candidates: Candidates, profile: SearchProfile) -> _Scores:
    ids = [entry.doc_id for entry in candidates.entries]
    raw: dict[ComponentName, FloatArray] = {
        "segment_dense": np.array(candidates.dense, dtype=np.float64),
        "document_lexical": np.array(candidates.lexical, dtype=np.float64),
    }
    standardised = {name: standardise(scores) for name, scores in raw.items()}
    total = fuse(standardised, profile.weights)
    return _Scores(
        raw,
        standardised,
        {name: ranks(scores, ids) for name, scores in raw.items()},
        profile.weights,
        total,
        order(total, ids),
    )


def document_info(entry: Entry) -> DocumentInfo:
    """Return what callers see of a stored document."""
    return DocumentInfo(
        id=entry.doc_id,
        version=entry.version,
        content_hash=entry.content_hash,
        title=entry.title,
        source=entry.source,
        media_type=entry.media_type,
        characters=entry.characters,
        updated_at=entry.updated_at,
        metadata=entry.metadata,
        coverage=entry.coverage,
        notes=entry.notes,
        revision=entry.revision,
    )


class _Clock:
    """Milliseconds per stage; a stage that runs twice adds up."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._laps[stage] = self._laps.get(stage, 0.0) + 1000 * (now - self._last)
        self._last = now

    def times(self) -> dict[str, float]:
        return {**self._laps, "total": 1000 * (time.perf_counter() - self._started)}
