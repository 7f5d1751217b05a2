"""Exact scores by asking the index: one query for each document and side."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexers.catalogue import DOCUMENT, SEGMENT
from indexers.filters import Filter, Ids, all_of, equals, matches
from indexers.identifiers import document_point
from indexers.types import DOCUMENT_LEXICAL, SEGMENT_DENSE, SEGMENT_LEXICAL, SparseVector, VectorQuery
from retriever.pooling import Pool
from retriever.scorers import Found, ScoredSegments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.types import Scored
    from retriever.profile import SearchProfile
    from retriever.scorers import Question, Reading
    from retriever.types import ComponentName

MOST_SEGMENTS = 64_000
ENOUGH_DOCUMENTS = 50
SEGMENT_FIELDS = ("ordinal", "start", "end", "kind")


@dataclass(slots=True)
class Nearest:
    """Scores of the nearest live segments, by document, best first; ``entries`` they were seen under."""

    scores: dict[str, list[float]] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    dead: int = 0
    exhausted: bool = True

    @property
    def segments(self) -> int:
        """How many there are."""
        return sum(map(len, self.scores.values()))


@dataclass(frozen=True, slots=True)
class IndexSide:
    """Dense or lexical scores of segments."""

    using: str
    vector: Sequence[float] | SparseVector
    corpus: Filter | None
    pool: Pool
    first: int

    @property
    def _asks_nothing(self) -> bool:
        return isinstance(self.vector, SparseVector) and not self.vector.indices

    def nearest(self, collection: Collection, where: Filter | None, depth: int) -> Nearest:
        """Ask for segments, more and more, until enough live documents are among them."""
        if self._asks_nothing:
            return Nearest()
        limit = self.first
        live = all_of(where, collection.live())
        while True:
            [hits] = collection.index.query([self.query(live, limit, ("doc_id", "generation"))])
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
            if exhausted or len(scores) >= min(depth, ENOUGH_DOCUMENTS) or limit >= MOST_SEGMENTS:
                return Nearest(dict(scores), entries, dead, exhausted)
            limit *= 4

    def complete(
        self, collection: Collection, entries: Mapping[str, Entry], found: Nearest
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
            self.query(equals("generation", entry.generation), self.pool.best, (), exact=True)
            for _, entry in missing
        ]
        scores = dict(found.scores)
        for (doc_id, _), hits in zip(missing, collection.index.query(queries), strict=True):
            scores[doc_id] = [hit.score for hit in hits]
        return tuple(self.pool.join(scores.get(doc_id, ())) for doc_id in entries)

    def best(
        self, collection: Collection, entries: Sequence[Entry], where: Filter | None, depth: int
    ) -> list[dict[str, Scored]]:
        """Return the best segments of each document, by point."""
        if self._asks_nothing:
            return [{} for _ in entries]
        wanted = [
            (all_of(equals("generation", entry.generation), where), max(1, min(entry.segments, depth)))
            for entry in entries
        ]
        return self._ask(collection, wanted)

    def fill(
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
        queries = [self.query(where, limit, SEGMENT_FIELDS, exact=True, ids=True) for where, limit in wanted]
        return [{hit.id: hit for hit in hits} for hits in collection.index.query(queries)]

    def query(
        self,
        where: Filter | None,
        limit: int,
        payload: tuple[str, ...],
        *,
        exact: bool = False,
        ids: bool = False,
    ) -> VectorQuery:
        """Return the question for the segments that match."""
        return VectorQuery(
            vector=self.vector,
            using=self.using,
            limit=limit,
            filter=where,
            payload=payload,
            exact=exact,
            corpus=self.corpus,
            ids=ids,
        )


class IndexScorer:
    """Scores one question by the index (`retriever.scorers.Scorer`)."""

    def __init__(self, collection: Collection, question: Question, profile: SearchProfile) -> None:
        self._collection = collection
        self._question = question
        sides = segment_sides(collection, question, profile)
        self._dense, self._lexical = sides["segment_dense"], sides["segment_lexical"]
        self._sides: dict[ComponentName, IndexSide] = {"segment_dense": self._dense}
        if profile.weighs("segment_lexical"):
            self._sides["segment_lexical"] = self._lexical
        self._found: dict[ComponentName, Nearest] = {}

    def find(self, depth: int) -> Found:
        """Return the best documents of each side."""
        where = self._question.where
        self._found = {
            name: side.nearest(self._collection, where, depth) for name, side in self._sides.items()
        }
        documents = self._best_lexical(depth)
        chosen = set(documents)
        for name, nearest in self._found.items():
            chosen.update(self._sides[name].pool.best_documents(nearest.scores, depth))
        dense = self._found["segment_dense"]
        return Found(
            documents=frozenset(chosen),
            segments=dense.segments,
            dead=dense.dead,
            exhausted=dense.exhausted and len(dense.scores) <= depth and len(documents) < depth,
        )

    def score(self, entries: Mapping[str, Entry]) -> dict[ComponentName, tuple[float, ...]]:
        """Return every component's exact score of each document."""
        scores = {
            name: side.complete(self._collection, entries, self._found.get(name, Nearest(exhausted=False)))
            for name, side in self._sides.items()
        }
        exact = self._exact_lexical(entries)
        scores["document_lexical"] = tuple(exact.get(document_point(doc_id), 0.0) for doc_id in entries)
        return scores

    def score_segments(
        self, entries: Sequence[Entry], wanted: Filter | None, depth: int
    ) -> list[ScoredSegments]:
        """Return the best segments of each document by either side, scored on both."""
        sides = (self._dense, self._lexical)
        asked = [entry for entry in entries if entry.doc_id not in self._question.read]
        dense, lexical = (side.best(self._collection, asked, wanted, depth) for side in sides)
        self._dense.fill(self._collection, dense, lexical, depth)
        self._lexical.fill(self._collection, lexical, dense, depth)
        answers = iter(zip(dense, lexical, strict=True))
        return [
            best_read(read, wanted, depth)
            if (read := self._question.read.get(entry.doc_id)) is not None
            else _joined(entry, *next(answers))
            for entry in entries
        ]

    def _best_lexical(self, depth: int) -> list[str]:
        hits = self._ask_documents(self._question.where, depth, ("doc_id",))
        return [hit.payload["doc_id"] for hit in hits]

    def _exact_lexical(self, entries: Mapping[str, Entry]) -> dict[str, float]:
        points = tuple(map(document_point, entries))
        return {hit.id: hit.score for hit in self._ask_documents(Ids(points), len(points), ())}

    def _ask_documents(self, where: Filter | None, limit: int, payload: tuple[str, ...]) -> list[Scored]:
        if not self._question.lexical.indices or not limit:
            return []
        query = VectorQuery(
            vector=self._question.lexical,
            using=DOCUMENT_LEXICAL,
            limit=limit,
            filter=where,
            payload=payload,
            corpus=self._collection.corpus(DOCUMENT),
        )
        [hits] = self._collection.index.query([query])
        return hits


def dense_side(question: Question, profile: SearchProfile) -> IndexSide:
    """Return the side that finds segments by cosine."""
    pool = Pool(profile.best_segments, profile.dense_temperature)
    return IndexSide(SEGMENT_DENSE, question.dense, None, pool, profile.segment_candidates)


def segment_sides(
    collection: Collection, question: Question, profile: SearchProfile
) -> dict[ComponentName, IndexSide]:
    """Return what scores segments: by cosine, then by BM25."""
    lexical = IndexSide(
        SEGMENT_LEXICAL,
        question.lexical,
        collection.corpus(SEGMENT),
        Pool(profile.lexical_segments, profile.lexical_temperature_for(question.text)),
        profile.segment_candidates,
    )
    return {"segment_dense": dense_side(question, profile), "segment_lexical": lexical}


def best_read(read: Reading, wanted: Filter | None, depth: int) -> ScoredSegments:
    """Take the best segments of a document that was read whole by either side, ``depth`` of each."""
    kept = [
        {hit.id: hit for hit in hits.values() if wanted is None or matches(wanted, hit.payload)}
        for hits in (read.dense, read.lexical)
    ]
    listed = {key for hits in kept for key in list(hits)[:depth]}
    dense, lexical = ({key: hit for key, hit in hits.items() if key in listed} for hits in kept)
    return _joined(read.entry, dense, lexical)


def _joined(entry: Entry, dense: dict[str, Scored], lexical: dict[str, Scored]) -> ScoredSegments:
    """Put together what both sides found of a document."""
    hits = lexical | dense
    payloads = [hit.payload for hit in hits.values()]
    return ScoredSegments(
        entry=entry,
        ordinals=[payload["ordinal"] for payload in payloads],
        spans=[(payload["start"], payload["end"]) for payload in payloads],
        kinds=[payload["kind"] for payload in payloads],
        dense=[dense[key].score if key in dense else 0.0 for key in hits],
        lexical=[lexical[key].score if key in lexical else 0.0 for key in hits],
        described=[True] * len(hits),
    )
