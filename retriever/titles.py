"""BM25 of the titles of a collection, kept in memory."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from indexers.lexical import Bm25, analyse, idf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexers.collection import Collection

_BM25 = Bm25()


class TitleTerms:
    """The terms of all titles; follows the collection from search to search."""

    def __init__(self) -> None:
        self._snapshot = ""
        self._titles: dict[str, str] = {}
        self._terms: dict[str, Counter[str]] = {}
        self._holders: dict[str, dict[str, int]] = {}
        self._length = 0
        self._lock = threading.Lock()

    def scores(self, collection: Collection, query: str, doc_ids: Iterable[str]) -> tuple[float, ...]:
        """Return the BM25 of the title of each document, 0 where it shares no term with the query.

        A title that all documents share says nothing, and one that is the same as the id
        counts as any other.
        """
        with self._lock:
            self._follow(collection)
            average = max(1.0, self._length / max(1, len(self._terms)))
            scores = dict.fromkeys(doc_ids, 0.0)
            for term, count in Counter(analyse(query)).items():
                holders = self._holders.get(term, {})
                weight = count * idf(len(holders), len(self._terms))
                for doc_id in holders.keys() & scores.keys():
                    length = self._terms[doc_id].total()
                    scores[doc_id] += weight * _BM25.weight(holders[doc_id], length, average)
            return tuple(scores.values())

    def _follow(self, collection: Collection) -> None:
        if collection.snapshot == self._snapshot:
            return
        self._snapshot = collection.snapshot
        now = {doc_id: entry.title for doc_id, entry in dict(collection.entries).items()}
        for doc_id in self._titles.keys() - now.keys():
            self._forget(doc_id)
        for doc_id, title in now.items():
            if self._titles.get(doc_id) != title:
                self._forget(doc_id)
                terms = Counter(analyse(title))
                self._titles[doc_id], self._terms[doc_id] = title, terms
                for term, count in terms.items():
                    self._holders.setdefault(term, {})[doc_id] = count
                self._length += terms.total()

    def _forget(self, doc_id: str) -> None:
        if self._titles.pop(doc_id, None) is not None:
            terms = self._terms.pop(doc_id)
            for term in terms:
                del self._holders[term][doc_id]
                if not self._holders[term]:
                    del self._holders[term]
            self._length -= terms.total()
