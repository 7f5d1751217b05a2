"""Which documents come into question, and every component's exact score for each."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexers.catalogue import DOCUMENT, SEGMENT
from indexers.filters import Filter, Ids, all_of, equals
from indexers.identifiers import document_point
from indexers.types import DOCUMENT_LEXICAL, SEGMENT_DENSE, SEGMENT_LEXICAL, SparseVector, VectorQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.profile import SearchProfile
    from retriever.titles import TitleTerms
    from retriever.types import ComponentName

_MOST_SEGMENTS = 64_000
_ENOUGH_DOCUMENTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query made ready for the index.

    Attributes:
        dense: the query's vector.
        lexical: its terms.
        tokens: length of the query as the encoder counts.
        where: only documents that match.
    """

    text: str
    dense: Sequence[float]
    lexical: SparseVector
    where: Filter | None
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Documents with their exact scores, in order of id.

    Attributes:
        entries: the version that each score belongs to.
        scores: component name to one score a candidate.
        segments: live segments seen.
        dead: segments passed over because their version is not live.
        exhausted: every document that matches is a candidate.
    """

    entries: tuple[Entry, ...]
    scores: Mapping[ComponentName, tuple[float, ...]]
    segments: int
    dead: int
    exhausted: bool


def find_candidates(
    collection: Collection,
    question: Question,
    profile: SearchProfile,
    titles: TitleTerms,
    *,
    depth: int,
    also: Iterable[str] = (),
) -> Candidates:
    """Take the best documents of each side and score every one of them on all.

    Args:
        collection: where to search.
        question: the query.
        profile: depths, weights and pooling; what weighs nothing is not computed.
        titles: scores titles.
        depth: documents taken from each side.
        also: documents that are candidates in any case.
    """
    sides = _segment_sides(collection, question, profile)
    found = {name: side.nearest(collection, question.where, depth) for name, side in sides.items()}
    documents = _best_lexical(collection, question, depth)
    chosen = {*documents, *also}
    for name, nearest in found.items():
        chosen.update(nearest.best_documents(sides[name].pool, depth))
    entries = {doc_id: entry for doc_id in sorted(chosen) if (entry := collection.entries.get(doc_id))}
    scores: dict[ComponentName, tuple[float, ...]] = {
        name: side.complete(collection, entries, found[name]) for name, side in sides.items()
    }
    exact = _exact_lexical(collection, question, entries)
    scores["document_lexical"] = tuple(exact.get(document_point(doc_id), 0.0) for doc_id in entries)
    if profile.weighs("title_lexical"):
        scores["title_lexical"] = titles.scores(collection, question.text, entries)
    dense = found["segment_dense"]
    return Candidates(
        entries=tuple(entries.values()),
        scores=scores,
        segments=sum(map(len, dense.scores.values())),
        dead=dense.dead,
        exhausted=dense.exhausted and len(dense.scores) <= depth and len(documents) < depth,
    )


def pool_scores(scores: Sequence[float], temperature: float) -> float:
    """Join the scores of a document's best segments: the best one, and more for each that comes near it.

    ``best + temperature * log(sum(exp((score - best) / temperature)))``; 0 without segments.
    """
    if not scores:
        return 0.0
    best = max(scores)
    return best + temperature * math.log(sum(math.exp((score - best) / temperature) for score in scores))


@dataclass(slots=True)
class _Nearest:
    """Scores of the nearest live segments, by document, best first; ``entries`` they were seen under."""

    scores: dict[str, list[float]]
    entries: dict[str, Entry]
    dead: int
    exhausted: bool

    def best_documents(self, pool: _Pool, depth: int) -> list[str]:
        pooled = {doc_id: pool.join(scores) for doc_id, scores in self.scores.items()}
        return sorted(pooled, key=lambda doc_id: (-pooled[doc_id], doc_id))[:depth]


@dataclass(frozen=True, slots=True)
class _Pool:
    """How the scores of a document's segments become one."""

    best: int
    temperature: float

    def join(self, scores: Sequence[float]) -> float:
        return pool_scores(scores[: self.best], self.temperature)


@dataclass(frozen=True, slots=True)
class _SegmentSide:
    """Dense or lexical scores of segments."""

    using: str
    vector: Sequence[float] | SparseVector
    corpus: Filter | None
    pool: _Pool
    first: int

    def nearest(self, collection: Collection, where: Filter | None, depth: int) -> _Nearest:
        """Ask for segments, more and more, until enough live documents are among them."""
        if isinstance(self.vector, SparseVector) and not self.vector.indices:
            return _Nearest({}, {}, 0, exhausted=True)
        limit = self.first
        live = all_of(where, collection.live())
        while True:
            [hits] = collection.index.query([self._query(live, limit, ("doc_id", "generation"))])
            scores: dict[str, list[float]] = defaultdict(list)
            entries: dict[str, Entry] = {}
            dead, live_entries = 0, collection.entries
            for hit in hits:
                entry = live_entries.get(hit.payload["doc_id"])
                if entry is None or entry.generation != hit.payload["generation"]:
                    dead += 1
                else:
                    scores[entry.doc_id].append(hit.score)
                    entries[entry.doc_id] = entry
            exhausted = len(hits) < limit
            if exhausted or len(scores) >= min(depth, _ENOUGH_DOCUMENTS) or limit >= _MOST_SEGMENTS:
                return _Nearest(dict(scores), entries, dead, exhausted)
            limit *= 4

    def complete(
        self, collection: Collection, entries: Mapping[str, Entry], found: _Nearest
    ) -> tuple[float, ...]:
        """Score documents by their best segments, asking again for those with too few among the nearest."""
        missing = [
            (doc_id, entry)
            for doc_id, entry in entries.items()
            if found.entries.get(doc_id, entry) is not entry
            or (
                not found.exhausted
                and len(found.scores.get(doc_id, ())) < min(self.pool.best, entry.segments)
            )
        ]
        queries = [
            self._query(equals("generation", entry.generation), self.pool.best, (), exact=True)
            for _, entry in missing
        ]
        scores = dict(found.scores)
        for (doc_id, _), hits in zip(missing, collection.index.query(queries), strict=True):
            scores[doc_id] = [hit.score for hit in hits]
        return tuple(self.pool.join(scores.get(doc_id, ())) for doc_id in entries)

    def _query(
        self, where: Filter | None, limit: int, payload: tuple[str, ...], *, exact: bool = False
    ) -> VectorQuery:
        return VectorQuery(
            vector=self.vector,
            using=self.using,
            limit=limit,
            filter=where,
            payload=payload,
            exact=exact,
            corpus=self.corpus,
            ids=False,
        )


def _segment_sides(
    collection: Collection, question: Question, profile: SearchProfile
) -> dict[ComponentName, _SegmentSide]:
    best, first = profile.best_segments, profile.segment_candidates
    sides: dict[ComponentName, _SegmentSide] = {
        "segment_dense": _SegmentSide(
            SEGMENT_DENSE, question.dense, None, _Pool(best, profile.dense_temperature), first
        )
    }
    if profile.weighs("segment_lexical"):
        sides["segment_lexical"] = _SegmentSide(
            SEGMENT_LEXICAL,
            question.lexical,
            collection.corpus(SEGMENT),
            _Pool(best, profile.lexical_temperature),
            first,
        )
    return sides


def _best_lexical(collection: Collection, question: Question, depth: int) -> list[str]:
    if not question.lexical.indices:
        return []
    query = VectorQuery(
        vector=question.lexical,
        using=DOCUMENT_LEXICAL,
        limit=depth,
        filter=question.where,
        payload=("doc_id",),
        corpus=collection.corpus(DOCUMENT),
    )
    [hits] = collection.index.query([query])
    return [hit.payload["doc_id"] for hit in hits]


def _exact_lexical(
    collection: Collection, question: Question, entries: Mapping[str, Entry]
) -> dict[str, float]:
    if not question.lexical.indices or not entries:
        return {}
    query = VectorQuery(
        vector=question.lexical,
        using=DOCUMENT_LEXICAL,
        limit=len(entries),
        filter=Ids(tuple(map(document_point, entries))),
        corpus=collection.corpus(DOCUMENT),
    )
    [hits] = collection.index.query([query])
    return {hit.id: hit.score for hit in hits}
