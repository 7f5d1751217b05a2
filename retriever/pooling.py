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
        pooled = np.zeros(len(counts), dtype=np.float64)
        present = np.flatnonzero(counts)
        if not len(present):
            return pooled
        counts = counts[present]
        starts = np.cumsum(counts) - counts
        left = scores.astype(np.float64)
        best = np.maximum.reduceat(left, starts)
        total = np.zeros(len(best))
        wanted = np.full(len(best), self.best)
        for _ in range(self.best):
            highest = np.maximum.reduceat(left, starts)
            equal = left == np.repeat(highest, counts)
            taken = np.minimum(np.add.reduceat(equal, starts, dtype=np.int64), wanted)
            taken[np.isinf(highest)] = 0
            distance = np.subtract(highest, best, out=np.zeros_like(best), where=taken > 0)
            total += taken * np.exp(distance / self.temperature)
            wanted -= taken
            left[equal] = -np.inf
        found = np.isfinite(best)
        pooled[present[found]] = best[found] + self.temperature * np.log(total[found])
        return pooled
