"""Exact scores by the tables beside the index: whole documents are scored by multiplying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.catalogue import DOCUMENT, SEGMENT
from indexers.filters import all_of, equals
from indexers.scores import KINDS
from indexers.types import SEGMENT_DENSE, VectorQuery
from retriever.index_scorer import ENOUGH_DOCUMENTS, MOST_SEGMENTS
from retriever.pooling import Pool
from retriever.scorers import Found, ScoredSegments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from encoders.types import FloatArray
    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter
    from indexers.score_table import Range, View
    from indexers.scores import ScoreTables
    from retriever.profile import SearchProfile
    from retriever.scorers import Question
    from retriever.types import ComponentName

_MULTIPLIED = 32_768
"""Up to so many rows all cosines are computed; with more the index names the nearest."""
_DECIMALS = 6
"""The last bits of a product depend on where its row lies; equal texts must have equal scores."""
_NEVER = np.float32(-np.inf)
_NOTHING: FloatArray = np.zeros(0, dtype=np.float32)


class TableScorer:
    """Scores one question by tables (`retriever.scorers.Scorer`)."""

    def __init__(
        self, collection: Collection, tables: ScoreTables, question: Question, profile: SearchProfile
    ) -> None:
        self._collection = collection
        self._tables = tables
        self._entries = tables.entries
        self._question = question
        self._profile = profile
        self._segments = tables.segments.view()
        self._documents = tables.documents.view()
        self._dense_pool = Pool(profile.best_segments, profile.dense_temperature)
        self._lexical_pool = Pool(profile.lexical_segments, profile.lexical_temperature_for(question.text))
        self._query = _unit(question.dense)
        self._weighed = self._segments.weigh(question.lexical)
        self._cosines: FloatArray | None = None
        self._bm25: FloatArray | None = None
        self._document_bm25 = _NOTHING

    def find(self, depth: int) -> Found:
        """Return the best documents of each side."""
        allowed = self._allowed()
        dense = self._nearest_dense(allowed, depth)
        chosen = dense.best_documents(self._dense_pool, depth)
        if self._profile.weighs("segment_lexical"):
            self._bm25 = self._segments.bm25(self._weighed)
            lexical = self._nearest(self._segments, self._bm25, allowed, depth)
            chosen |= lexical.best_documents(self._lexical_pool, depth)
        self._document_bm25 = self._documents.bm25(self._documents.weigh(self._question.lexical))
        scores = _allowed_rows(self._documents, self._document_bm25, allowed)
        top = _top(scores, depth)
        documents = self._seen(self._documents, top, scores[top])
        return Found(
            documents=frozenset(chosen | {entry.doc_id for entry in documents.entries}),
            segments=len(dense.scores),
            dead=dense.dead,
            exhausted=dense.exhausted and len(dense.entries) <= depth and len(top) < depth,
        )

    def score(self, entries: Mapping[str, Entry]) -> dict[ComponentName, tuple[float, ...]]:
        """Return every component's exact score of each document."""
        ranges = [self._segments.ranges.get(entry.generation, ()) for entry in entries.values()]
        counts = np.array([sum(one.end - one.start for one in own) for own in ranges], dtype=np.int64)
        flat = [one for own in ranges for one in own]
        scores: dict[ComponentName, tuple[float, ...]] = {
            "segment_dense": _pooled(self._dense_pool, self._dense(flat), counts)
        }
        if self._profile.weighs("segment_lexical"):
            scores["segment_lexical"] = _pooled(self._lexical_pool, self._lexical(flat), counts)
        scores["document_lexical"] = self._of_documents(entries)
        return scores

    def _of_documents(self, entries: Mapping[str, Entry]) -> tuple[float, ...]:
        """Return the BM25 of whole documents; a document has one row, or none."""
        ranges = [self._documents.ranges.get(entry.generation, ()) for entry in entries.values()]
        scores = np.zeros(len(ranges))
        rows = self._documents.firsts([own[0] for own in ranges if own])
        scores[[place for place, own in enumerate(ranges) if own]] = self._document_bm25[rows]
        return tuple(scores.tolist())

    def score_segments(
        self, entries: Sequence[Entry], wanted: Filter | None, depth: int
    ) -> list[ScoredSegments]:
        """Return the best segments of each document by either side, scored on both."""
        return [self._best_segments(entry, wanted, depth) for entry in entries]

    def _best_segments(self, entry: Entry, wanted: Filter | None, depth: int) -> ScoredSegments:
        ranges = self._segments.ranges.get(entry.generation, ())
        dense, lexical = np.round(self._dense(ranges), _DECIMALS), self._lexical(ranges)
        found = (dense != 0) | (lexical != 0)
        if wanted is not None:
            ordinals = [one.part.block.ordinals[one.start : one.end] for one in ranges]
            found &= np.isin(_one_after_another(ordinals), self._ordinals(entry, wanted))
        if np.count_nonzero(found) > depth:
            best = np.zeros(len(found), dtype=np.bool_)
            best[_top(np.where(found, _found(dense), _NEVER), depth)] = True
            best[_top(np.where(found, _found(lexical), _NEVER), depth)] = True
            found = best
        rows = np.flatnonzero(found)
        blocks = [(one.part.block, one.start, one.end) for one in ranges]
        kinds = _taken([block.kinds[start:end] for block, start, end in blocks], rows)
        return ScoredSegments(
            entry=entry,
            ordinals=_taken([block.ordinals[start:end] for block, start, end in blocks], rows),
            spans=_taken([block.spans[start:end] for block, start, end in blocks], rows),
            kinds=[KINDS[kind] for kind in kinds],
            dense=dense[rows].tolist(),
            lexical=lexical[rows].tolist(),
            described=_taken([block.described[start:end] for block, start, end in blocks], rows),
        )

    def _ordinals(self, entry: Entry, wanted: Filter) -> list[int]:
        """Return which segments of a version match."""
        matching = all_of(equals("generation", entry.generation), equals("point", SEGMENT), wanted)
        return [
            record.payload["ordinal"]
            for record in self._collection.index.scroll(matching, payload=("ordinal",))
        ]

    def _allowed(self) -> set[str] | None:
        """Return the versions that match; None when all do."""
        if self._question.where is None:
            return None
        matching = all_of(equals("point", DOCUMENT), self._question.where)
        return set(self._collection.index.facet("generation", matching))

    def _nearest_dense(self, allowed: set[str] | None, depth: int) -> _Seen:
        view = self._segments
        if len(view) <= _MULTIPLIED:
            self._cosines = view.cosines(self._query)
            alive = view.alive()
            return self._nearest(
                view, self._cosines if alive is None else self._cosines * alive, allowed, depth
            )
        if allowed is not None:
            ranges = [one for generation in allowed for one in view.ranges.get(generation, ())]
            if sum(one.end - one.start for one in ranges) <= _MULTIPLIED:
                return self._nearest(view, self._cosines_of(ranges), allowed, depth)
        return self._more_and_more(self._nearest_in_index, depth)

    def _cosines_of(self, ranges: Sequence[Range]) -> FloatArray:
        """Return the cosines of some rows; 0 for the others and for those that are not alive."""
        cosines: FloatArray = np.zeros(len(self._segments), dtype=np.float32)
        for one, first in zip(ranges, self._segments.firsts(ranges).tolist(), strict=True):
            alive = one.part.alive[one.start : one.end]
            cosines[first : first + len(alive)] = one.cosines(self._query) * alive
        return cosines

    def _nearest(self, view: View, scores: FloatArray, allowed: set[str] | None, depth: int) -> _Seen:
        every = _allowed_rows(view, scores, allowed)

        def best(limit: int) -> _Seen:
            top = _top(every, limit)
            return self._seen(view, top, every[top], exhausted=len(top) < limit)

        return self._more_and_more(best, depth)

    def _nearest_in_index(self, limit: int) -> _Seen:
        """Let the index name the nearest segments, and score them.

        It knows segments of versions that are not live too. To name no others it would look at a condition
        for every point, which takes five times as long, so it names more where some are among them.
        """
        where, live = self._question.where, self._collection.live()
        seen = self._named(limit, limit, where)
        if seen.dead and not seen.exhausted:
            seen = self._named(limit + 2 * seen.dead, limit, where)
            if len(seen.scores) < limit and not seen.exhausted and live is not None:
                return self._named(limit, limit, all_of(where, live))
        return seen

    def _named(self, asked: int, limit: int, where: Filter | None) -> _Seen:
        """Return the best ``limit`` of the live segments among the ``asked`` nearest."""
        query = VectorQuery(vector=self._question.dense, using=SEGMENT_DENSE, limit=asked, filter=where)
        keys = self._tables.index.nearest_keys(query)
        rows, scores, start = [], [_NOTHING], 0
        for part in self._segments.parts:
            own = part.block.find(keys)
            own = own[own >= 0]
            own = own[part.alive[own]]
            rows.append(own.astype(np.int64) + start)
            scores.append(part.block.dense[own] @ self._query)
            start += len(part.block)
        found = np.concatenate(rows or [np.zeros(0, dtype=np.int64)])
        cosines = np.concatenate(scores)
        dead = len(keys) - len(found)
        exhausted = len(keys) < asked and len(found) < limit
        if len(found) > limit:
            best = _top(cosines, limit)
            found, cosines = found[best], cosines[best]
        seen = self._seen(self._segments, found, cosines, exhausted=exhausted)
        seen.dead += dead
        return seen

    def _more_and_more(self, best: Callable[[int], _Seen], depth: int) -> _Seen:
        """Look at more and more segments until enough documents are among them."""
        limit = self._profile.segment_candidates
        while True:
            seen = best(limit)
            enough = len(seen.entries) >= min(depth, ENOUGH_DOCUMENTS)
            if seen.exhausted or enough or limit >= MOST_SEGMENTS:
                return seen
            limit *= 4

    def _seen(
        self, view: View, rows: NDArray[np.int64], scores: FloatArray, *, exhausted: bool = False
    ) -> _Seen:
        """Say which documents rows belong to, which are counted over all parts."""
        versions = view.row_versions[rows]
        order = np.argsort(versions, kind="stable")
        ordered = versions[order]
        firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
        counts = np.diff(firsts, append=len(ordered))
        found = [self._entries.get(view.versions[number]) for number in ordered[firsts].tolist()]
        live = np.array([entry is not None for entry in found], dtype=np.bool_)
        kept = np.repeat(live, counts)
        return _Seen(
            entries=[entry for entry in found if entry is not None],
            scores=scores[order][kept],
            counts=counts[live],
            dead=int(counts[~live].sum()),
            exhausted=exhausted,
        )

    def _dense(self, ranges: Sequence[Range]) -> FloatArray:
        """Return the cosines of ranges, one after another."""
        if self._cosines is not None:
            return self._cosines[self._segments.rows(ranges)]
        return _one_after_another([one.cosines(self._query) for one in ranges])

    def _lexical(self, ranges: Sequence[Range]) -> FloatArray:
        """Return the BM25 of ranges, one after another."""
        if self._bm25 is not None:
            return self._bm25[self._segments.rows(ranges)]
        return _one_after_another([one.bm25(self._weighed) for one in ranges])


@dataclass(slots=True)
class _Seen:
    """Rows that a side found, those of a document one after another.

    Attributes:
        entries: the documents.
        scores: ``(rows,)``.
        counts: ``(documents,)``, how many rows each has.
    """

    entries: list[Entry]
    scores: FloatArray
    counts: NDArray[np.int64]
    dead: int
    exhausted: bool

    def best_documents(self, pool: Pool, depth: int) -> set[str]:
        """Return the documents whose segments join best, ties by id."""
        pooled = pool.join_all(self.scores, self.counts)
        if len(pooled) <= depth:
            return {entry.doc_id for entry in self.entries}
        least = np.partition(pooled, len(pooled) - depth)[-depth]
        places = np.flatnonzero(pooled >= least)
        ranked = sorted(
            (-score, self.entries[place].doc_id)
            for score, place in zip(pooled[places].tolist(), places.tolist(), strict=True)
        )
        return {doc_id for _, doc_id in ranked[:depth]}


def _unit(vector: Sequence[float]) -> FloatArray:
    query: FloatArray = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(query))
    return query / np.float32(length) if length else query


def _allowed_rows(view: View, scores: FloatArray, allowed: set[str] | None) -> FloatArray:
    """Give rows that must not be found, as those that were not found, the lowest score."""
    every = _found(scores)
    if allowed is None:
        return every
    ranges = [one for generation in allowed for one in view.ranges.get(generation, ())]
    held = view.rows(ranges)
    kept = np.full_like(every, _NEVER)
    kept[held] = every[held]
    return kept


def _found(scores: FloatArray) -> FloatArray:
    """Give what was not found, which has 0, the lowest score."""
    return np.where(scores == 0, _NEVER, scores)


def _one_after_another(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate([_NOTHING, *arrays])


def _taken(arrays: Sequence[NDArray[Any]], rows: NDArray[np.int64]) -> list[Any]:
    """Return some rows of arrays that lie one after another."""
    return [] if not arrays else (arrays[0] if len(arrays) == 1 else np.concatenate(arrays))[rows].tolist()


def _top(scores: FloatArray, limit: int) -> NDArray[np.int64]:
    """Return the places of the best scores, best first and equal ones by place."""
    least = _NEVER
    if (width := len(scores) // (2 * limit)) > 1:  # so many rows have a best score that is no worse
        bests = scores[: len(scores) // width * width].reshape(-1, width).max(axis=1)
        least = _nth_best(bests, limit)
    places = np.flatnonzero(scores >= least if least > _NEVER else scores > _NEVER)
    if len(places) > limit:
        found = scores[places]
        places = places[found >= _nth_best(found, limit)]
    best: NDArray[np.int64] = places[np.argsort(-scores[places], kind="stable")][:limit]
    return best


def _nth_best(scores: FloatArray, number: int) -> np.float32:
    least: np.float32 = np.partition(scores, len(scores) - number)[len(scores) - number]
    return least


def _pooled(pool: Pool, scores: FloatArray, counts: NDArray[np.int64]) -> tuple[float, ...]:
    """Pool the best scores of each document's segments; a score of 0 stands for none."""
    return tuple(pool.join_all(_found(np.round(scores, _DECIMALS)), counts).tolist())
