"""Documents read whole, each in two requests, while other processes replace them.

The first request says which version is live, the second asks for all that a search needs of
it. What comes back names its version, so a document that was replaced in between shows, and
is read again. What was read stays true of its version, whatever happens to the document.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from indexers.catalogue import DOCUMENT, Entry
from indexers.filters import Ids, equals
from indexers.identifiers import document_point
from indexers.types import DOCUMENT_LEXICAL, VectorQuery
from retriever.index_scorer import SEGMENT_FIELDS, segment_sides
from retriever.scorers import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set

    from indexers.collection import Collection
    from indexers.types import Scored
    from retriever.candidates import Candidates
    from retriever.profile import SearchProfile
    from retriever.scorers import Question
    from retriever.types import ComponentName

_TRIES = 32
_AT_ONCE = 8
_EACH = 3
_MOST_SEGMENTS = 1_000
_FIELDS = (*SEGMENT_FIELDS, "symbols")


class DocumentReader:
    """Reads documents for one question.

    Args:
        collection: where they are.
        question: what they are scored against.
        profile: which components count, and how they are pooled.
    """

    def __init__(self, collection: Collection, question: Question, profile: SearchProfile) -> None:
        self._collection = collection
        self._question = question
        self._sides = segment_sides(collection, question, profile)

    def read(self, doc_ids: Set[str]) -> dict[str, Reading]:
        """Read documents, the live version of each; those that are gone are left out."""
        found: dict[str, Reading] = {}
        left = sorted(doc_ids)
        for start in range(0, len(left), _AT_ONCE):
            some: Iterable[str] = left[start : start + _AT_ONCE]
            for _ in range(_TRIES):
                read = self._read(some)
                found |= read
                some = [doc_id for doc_id, one in read.items() if not one.whole]
                if not some:
                    break
        return found

    def _read(self, doc_ids: Iterable[str]) -> dict[str, Reading]:
        points = [document_point(doc_id) for doc_id in doc_ids]
        records = self._collection.index.retrieve(points)
        entries = [Entry.from_payload(record.payload) for record in records]
        asked = [query for entry in entries for query in self._queries(entry)]
        answers = self._collection.index.query(asked)
        return {
            entry.doc_id: self._reading(entry, answers[_EACH * at : _EACH * (at + 1)])
            for at, entry in enumerate(entries)
        }

    def _queries(self, entry: Entry) -> list[VectorQuery]:
        """Ask for the document, then by each side for its segments."""
        mine = equals("generation", entry.generation)
        most = max(1, min(entry.segments, _MOST_SEGMENTS))
        return [
            VectorQuery(
                vector=self._question.lexical,
                using=DOCUMENT_LEXICAL,
                limit=1,
                filter=Ids((document_point(entry.doc_id),)),
                payload=("generation",),
                corpus=self._collection.corpus(DOCUMENT),
            ),
            *(side.query(mine, most, _FIELDS, exact=True, ids=True) for side in self._sides.values()),
        ]

    def _reading(self, entry: Entry, answers: Sequence[list[Scored]]) -> Reading:
        document, dense, lexical = answers
        scores: dict[ComponentName, float] = {
            name: side.pool.join([hit.score for hit in hits])
            for (name, side), hits in zip(self._sides.items(), (dense, lexical), strict=True)
        }
        scores["document_lexical"] = document[0].score if document else 0.0
        whole = self._is_whole(entry, document, dense, lexical)
        return Reading(entry, scores, _by_point(dense), _by_point(lexical), whole)

    def _is_whole(
        self, entry: Entry, document: list[Scored], dense: list[Scored], lexical: list[Scored]
    ) -> bool:
        """Tell whether the document's point was of this version, and its segments not swept yet."""
        of_document = document[0].payload["generation"] == entry.generation if document else not lexical
        has_vectors = entry.coverage.embedded > 0 and bool(np.any(self._question.dense))
        return of_document and bool(dense or lexical or not has_vectors)


def _by_point(hits: Sequence[Scored]) -> dict[str, Scored]:
    return {hit.id: hit for hit in hits}


def with_readings(
    candidates: Candidates, gone: Set[str], readings: Mapping[str, Reading], titles: Mapping[str, float]
) -> Candidates:
    """Return candidates with what was read of some of them, and without those that are gone."""
    rows = {
        entry.doc_id: (entry, {name: scores[at] for name, scores in candidates.scores.items()})
        for at, entry in enumerate(candidates.entries)
        if entry.doc_id not in gone
    }
    for doc_id, one in readings.items():
        rows[doc_id] = (one.entry, {**one.scores, "title_lexical": titles.get(doc_id, 0.0)})
    ordered = [rows[doc_id] for doc_id in sorted(rows)]
    return replace(
        candidates,
        entries=tuple(entry for entry, _ in ordered),
        scores={name: tuple(scores[name] for _, scores in ordered) for name in candidates.scores},
    )
