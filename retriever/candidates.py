"""Which documents come into question, and every component's exact score for each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexers.catalogue import DOCUMENT
from indexers.filters import Filter, Ids, all_of, equals
from indexers.identifiers import document_point
from indexers.types import DOCUMENT_LEXICAL, SEGMENT_DENSE, SparseVector, VectorQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.profile import SearchProfile

_MOST_SEGMENTS = 64_000


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
        dense: mean cosine of the best segments.
        lexical: BM25 of the whole document, 0 without a common term.
        segments: live segments seen.
        dead: segments passed over because their version is not live.
        exhausted: every document that matches is a candidate.
    """

    entries: tuple[Entry, ...]
    dense: tuple[float, ...]
    lexical: tuple[float, ...]
    segments: int
    dead: int
    exhausted: bool


def find_candidates(
    collection: Collection,
    question: Question,
    profile: SearchProfile,
    *,
    depth: int,
    also: Iterable[str] = (),
) -> Candidates:
    """Take the best documents of each side and score every one of them on both.

    Args:
        collection: where to search.
        question: the query.
        profile: depths and the number of best segments.
        depth: documents taken from each side.
        also: documents that are candidates in any case.
    """
    found = _nearest_segments(collection, question, profile, depth=depth)
    chosen = set(found.best_documents(profile.best_segments, depth))
    lexical_side = _best_lexical(collection, question, depth)
    chosen.update(lexical_side, also)
    entries = {
        doc_id: entry
        for doc_id in sorted(chosen)
        if (entry := found.entries.get(doc_id) or collection.entries.get(doc_id))
    }
    dense = _complete_dense(collection, question, profile, entries, found)
    lexical = _exact_lexical(collection, question, entries)
    return Candidates(
        entries=tuple(entries.values()),
        dense=tuple(dense[doc_id] for doc_id in entries),
        lexical=tuple(lexical.get(document_point(doc_id), 0.0) for doc_id in entries),
        segments=sum(map(len, found.scores.values())),
        dead=found.dead,
        exhausted=found.exhausted and len(found.scores) <= depth and len(lexical_side) < depth,
    )


@dataclass(slots=True)
class _Nearest:
    """Cosines of the nearest live segments, by document, best first."""

    scores: dict[str, list[float]]
    entries: dict[str, Entry]
    dead: int
    exhausted: bool

    def best_documents(self, best: int, depth: int) -> list[str]:
        means = {doc_id: _mean(scores[:best]) for doc_id, scores in self.scores.items()}
        return sorted(means, key=lambda doc_id: (-means[doc_id], doc_id))[:depth]


def _nearest_segments(
    collection: Collection, question: Question, profile: SearchProfile, *, depth: int
) -> _Nearest:
    """Ask for segments, more and more, until enough live documents are among them."""
    limit = profile.segment_candidates
    while True:
        query = VectorQuery(
            vector=question.dense,
            using=SEGMENT_DENSE,
            limit=limit,
            filter=all_of(question.where, collection.live()),
            payload=("doc_id", "generation"),
        )
        [hits] = collection.index.query([query])
        scores: dict[str, list[float]] = defaultdict(list)
        entries: dict[str, Entry] = {}
        unknown: list[str] = []
        for hit in hits:
            entry = collection.entries.get(hit.payload["doc_id"])
            if entry is None or entry.generation != hit.payload["generation"]:
                unknown.append(hit.payload["generation"])
            else:
                scores[entry.doc_id].append(hit.score)
                entries[entry.doc_id] = entry
        if unknown and collection.pass_over(unknown):
            continue
        exhausted = len(hits) < limit
        if exhausted or len(scores) >= min(depth, 50) or limit >= _MOST_SEGMENTS:
            return _Nearest(scores, entries, len(unknown), exhausted)
        limit *= 4


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


def _complete_dense(
    collection: Collection,
    question: Question,
    profile: SearchProfile,
    entries: Mapping[str, Entry],
    found: _Nearest,
) -> dict[str, float]:
    """Score documents by their best segments, asking again for those with too few among the nearest."""
    best = profile.best_segments
    missing = []
    scores: dict[str, list[float]] = {}
    for doc_id, entry in entries.items():
        scores[doc_id] = found.scores.get(doc_id, [])[:best]
        if not found.exhausted and len(scores[doc_id]) < min(best, entry.segments):
            missing.append(entry)
    queries = [
        VectorQuery(
            vector=question.dense,
            using=SEGMENT_DENSE,
            limit=best,
            filter=equals("generation", entry.generation),
            exact=True,
        )
        for entry in missing
    ]
    for entry, hits in zip(missing, collection.index.query(queries), strict=True):
        scores[entry.doc_id] = [hit.score for hit in hits]
    return {doc_id: _mean(of) for doc_id, of in scores.items()}


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


def _mean(scores: list[float]) -> float:
    return sum(scores) / len(scores) if scores else 0.0
