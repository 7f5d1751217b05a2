"""All candidates of a query, scored, fused and in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from indexers.catalogue import DOCUMENT
from indexers.filters import Ids
from indexers.identifiers import document_point
from indexers.lexical import analyse_query, query_vector
from indexers.types import DOCUMENT_LEXICAL, VectorQuery
from retriever.fusion import comparable, fuse, order, ranks
from retriever.types import CandidateCounts, Component, ComponentName, Explanation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.candidates import Candidates
    from retriever.fusion import FloatArray
    from retriever.profile import SearchProfile
    from retriever.scorers import Question


@dataclass(frozen=True, slots=True)
class Ranking:
    """Scores of all candidates with what they are made of.

    Attributes:
        entries: the candidates, in order of id.
        raw: component name to ``(candidates,)``.
        standardised: likewise.
        weights: of the standardised scores.
        total: ``(candidates,)``, the fused score.
        order: positions by falling total, ties by id; as `retriever.diversity` leaves them.
        repeated: positions left out of the order, by the position of what they nearly repeat.
    """

    question: Question
    entries: tuple[Entry, ...]
    raw: Mapping[ComponentName, FloatArray]
    standardised: Mapping[ComponentName, FloatArray]
    weights: Mapping[ComponentName, float]
    total: FloatArray
    order: tuple[int, ...]
    counts: CandidateCounts
    repeated: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def explain(self, position: int, matched: Mapping[str, float]) -> Explanation:
        """Take the score of one candidate apart.

        Args:
            position: of the candidate in ``entries``.
            matched: BM25 of the document by term.
        """
        ids = [entry.doc_id for entry in self.entries]
        components = [
            Component(
                name=name,
                rank=ranks(raw, ids)[position],
                raw=float(raw[position]),
                standardised=float(self.standardised[name][position]),
                weight=self.weights.get(name, 0.0),
                contribution=self.weights.get(name, 0.0) * float(self.standardised[name][position]),
                matched_terms=matched if name == "document_lexical" else {},
            )
            for name, raw in self.raw.items()
        ]
        return Explanation(components=tuple(components), total=float(self.total[position]))


def rank(question: Question, candidates: Candidates, profile: SearchProfile) -> Ranking:
    """Fuse the candidates' scores by the profile's weights for this kind of query."""
    raw = {name: np.array(scores, dtype=np.float64) for name, scores in candidates.scores.items()}
    weights = profile.weights_for(question.text)
    ids = [entry.doc_id for entry in candidates.entries]
    standardised = {name: comparable(scores, ids, profile.fusion) for name, scores in raw.items()}
    total = fuse(standardised, weights)
    counts = CandidateCounts(
        documents=len(ids),
        segments=candidates.segments,
        dead=candidates.dead,
        exhausted=candidates.exhausted,
    )
    return Ranking(
        question,
        candidates.entries,
        raw,
        standardised,
        weights,
        total,
        tuple(order(total, ids)),
        counts,
    )


def matched_terms(
    collection: Collection, question: Question, entries: Sequence[Entry]
) -> list[dict[str, float]]:
    """Split each document's BM25 into its terms."""
    terms = sorted(set(analyse_query(question.text, collection.languages)))
    counts = dict(zip(question.lexical.indices, question.lexical.values, strict=True))
    points = tuple(document_point(entry.doc_id) for entry in entries)
    shares: dict[str, dict[str, float]] = {point: {} for point in points}
    vectors = [query_vector([term]) for term in terms]
    answers = collection.index.query(
        [
            VectorQuery(
                vector=vector,
                using=DOCUMENT_LEXICAL,
                limit=max(1, len(points)),
                filter=Ids(points),
                corpus=collection.corpus(DOCUMENT),
            )
            for vector in vectors
        ]
    )
    for term, vector, hits in zip(terms, vectors, answers, strict=True):
        for hit in hits:
            shares[hit.id][term] = hit.score * counts[vector.indices[0]]
    return [shares[point] for point in points]
