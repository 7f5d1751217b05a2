"""How probable it is that a document is relevant, and that a query is answered at all.

Fused scores order documents and say nothing of either; the raw signals do. A calibration
is fitted on judged queries (`longdoc tune`) and kept in a profile; without one there is
no probability.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from retriever.profile import Logistic

if TYPE_CHECKING:
    import numpy.typing as npt

    from retriever.fusion import FloatArray
    from retriever.ranking import Ranking

_STEPS = 50
_PENALTY = 1e-2


def probabilities(fitted: Logistic, signals: FloatArray) -> FloatArray:
    """Return one probability for each row of ``signals``, ``(n, 2)``."""
    found: FloatArray = _sigmoid(fitted.bias + signals @ np.array([fitted.dense, fitted.lexical]))
    return found


def signals_of(ranking: Ranking) -> FloatArray:
    """Return ``(candidates, 2)``: the cosine of the best segments, and BM25 per term of the query."""
    terms = max(1, len(ranking.question.lexical.indices))
    return np.stack([ranking.raw["segment_dense"], ranking.raw["document_lexical"] / terms], axis=1)


def fit_logistic(signals: FloatArray, labels: npt.NDArray[np.bool_]) -> Logistic:
    """Fit by Newton's method with a small ridge on standardised signals.

    Args:
        signals: ``(n, 2)``.
        labels: ``(n,)``, both values present.
    """
    mean, scale = signals.mean(axis=0), np.maximum(signals.std(axis=0), 1e-9)
    rows = np.column_stack([np.ones(len(signals)), (signals - mean) / scale])
    wanted = labels.astype(np.float64)
    weights = np.zeros(3)
    ridge = np.diag([0.0, _PENALTY, _PENALTY]) * len(rows)
    for _ in range(_STEPS):
        found = _sigmoid(rows @ weights)
        gradient = rows.T @ (found - wanted) + ridge @ weights
        curvature = rows.T @ (rows * (found * (1 - found))[:, None]) + ridge + 1e-9 * np.eye(3)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-8:
            break
    slopes = weights[1:] / scale
    return Logistic(bias=float(weights[0] - slopes @ mean), dense=float(slopes[0]), lexical=float(slopes[1]))


def brier(probabilities: FloatArray, labels: npt.NDArray[np.bool_]) -> float:
    """Return the mean squared error of probabilities; 0.25 is that of always saying one half."""
    return float(np.square(probabilities - labels).mean()) if len(labels) else math.nan


def _sigmoid(values: FloatArray) -> FloatArray:
    found: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(values, -40, 40)))
    return found
