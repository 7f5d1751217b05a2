"""How the scores of a document's best segments become one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from encoders.types import FloatArray

_LONG = 256
_NEVER = np.float32(-np.inf)


def pool_scores(scores: Sequence[float], temperature: float) -> float:
    """Join the scores of a document's best segments: the best one, and more for each that comes near it.

    ``best + temperature * log(sum(exp((score - best) / temperature)))``; 0 without segments.
    """
    if not scores:
        return 0.0
    best = max(scores)
    return best + temperature * math.log(sum(math.exp((score - best) / temperature) for score in scores))


@dataclass(frozen=True, slots=True)
class Pool:
    """Joins so many of a document's best segments.

    Attributes:
        best: how many.
        temperature: see `pool_scores`.
    """

    best: int
    temperature: float

    def join(self, scores: Sequence[float]) -> float:
        """Pool scores that come best first."""
        return pool_scores(scores[: self.best], self.temperature)

    def best_documents(self, scores: Mapping[str, Sequence[float]], depth: int) -> list[str]:
        """Return the documents whose segments join best, ties by id."""
        pooled = {doc_id: self.join(own) for doc_id, own in scores.items()}
        return sorted(pooled, key=lambda doc_id: (-pooled[doc_id], doc_id))[:depth]

    def join_all(self, scores: FloatArray, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Pool the scores of many documents at once.

        Args:
            scores: of all segments, those of a document one after another in any order; minus
                infinity for a segment that does not count.
            counts: ``(documents,)``, how many segments each has.

        Returns:
            ``(documents,)``; 0 without a segment that counts.
        """
        scores, counts = self._best_of_long(scores, counts)
        width = max(1, counts.max(initial=0))
        table: FloatArray = np.full((len(counts), width), _NEVER)
        table[np.arange(width) < counts[:, None]] = scores
        table.sort(axis=1)  # many short rows are sorted in a fraction of the time of one long one
        left = table[:, -self.best :].astype(np.float64)
        found = left[:, -1] > _NEVER
        best = np.where(found, left[:, -1], 0.0)
        total = np.exp((left - best[:, None]) / self.temperature).sum(axis=1)
        best[found] += self.temperature * np.log(total[found])
        return best

    def _best_of_long(
        self, scores: FloatArray, counts: NDArray[np.int64]
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Leave the best scores only of documents with many segments: one would make all rows as long."""
        most = max(_LONG, self.best)
        if counts.max(initial=0) <= most:
            return scores, counts
        parts = np.split(scores, np.cumsum(counts)[:-1])
        parts = [np.partition(own, -self.best)[-self.best :] if len(own) > most else own for own in parts]
        return np.concatenate(parts), np.array([len(own) for own in parts], dtype=np.int64)
