"""An answer without repetitions: near-identical documents together, and variety among the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from indexers.identifiers import document_point
from indexers.types import DOCUMENT_LEXICAL, SparseVector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.fusion import FloatArray
    from retriever.ranking import Ranking

COMPARED = 200
"""So many of the first documents are compared with each other; the others follow as they are."""

NEAR = 0.95
"""From this likeness on, one document nearly repeats another."""


def hide_repetitions(collection: Collection, ranking: Ranking) -> Ranking:
    """Leave out the documents that nearly repeat a better one, and remember them with it."""
    first = ranking.order[:COMPARED]
    alike = likeness(collection, [ranking.entries[position] for position in first])
    kept: list[int] = []
    repeated: dict[int, tuple[int, ...]] = {}
    for place, position in enumerate(first):
        model = next((other for other in kept if alike[place, other] >= NEAR), None)
        if model is None:
            kept.append(place)
        else:
            repeated[first[model]] = (*repeated.get(first[model], ()), position)
    order = (*(first[place] for place in kept), *ranking.order[COMPARED:])
    return replace(ranking, order=order, repeated=repeated)


def diversify(collection: Collection, ranking: Ranking, novelty: float) -> Ranking:
    """Order by score and by unlikeness to what comes before.

    The next document is the one with the most of ``(1 - novelty) * score - novelty * likeness``,
    the score scaled to 0 to 1 over the documents compared, the likeness that to the most alike
    of those before it.

    Source:
        Carbonell and Goldstein 1998, "The use of MMR", doi:10.1145/290941.291025.
    """
    first = ranking.order[:COMPARED]
    if len(first) < 3:
        return ranking
    alike = likeness(collection, [ranking.entries[position] for position in first])
    scores = np.array([ranking.total[position] for position in first])
    spread = float(np.ptp(scores))
    score = (scores - scores.min()) / spread if spread else np.ones(len(first))
    nearest = np.zeros(len(first))
    left = list(range(len(first)))
    chosen: list[int] = []
    while left:
        values = (1 - novelty) * score[left] - novelty * nearest[left]
        best = left.pop(int(np.argmax(values)))  # the first of equal ones, so the better one
        chosen.append(best)
        nearest = np.maximum(nearest, alike[best])
    order = (*(first[place] for place in chosen), *ranking.order[COMPARED:])
    return replace(ranking, order=order)


def likeness(collection: Collection, entries: Sequence[Entry]) -> FloatArray:
    """Return the cosines of documents' term weights, ``(documents, documents)``; 1 for equal texts."""
    points = [document_point(entry.doc_id) for entry in entries]
    records = collection.index.retrieve(points, vectors=(DOCUMENT_LEXICAL,))
    found = {record.id: record.vectors.get(DOCUMENT_LEXICAL) for record in records}
    vectors = [one if isinstance(one := found.get(point), SparseVector) else None for point in points]
    empty = np.empty(0, dtype=np.int64)
    indices = [np.asarray(one.indices, dtype=np.int64) if one else empty for one in vectors]
    terms, columns = np.unique(np.concatenate([empty, *indices]), return_inverse=True)
    table = np.zeros((len(points), len(terms)), dtype=np.float32)
    at = 0
    for row, vector in enumerate(vectors):
        if vector:
            table[row, columns[at : at + len(vector.indices)]] = vector.values
            at += len(vector.indices)
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    table /= np.where(norms > 0, norms, 1.0)
    alike: FloatArray = (table @ table.T).astype(np.float64)
    hashes = np.array([entry.content_hash for entry in entries], dtype=object)
    alike[hashes[:, None] == hashes[None, :]] = 1.0
    return np.clip(alike, 0.0, 1.0)
