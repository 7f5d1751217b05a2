"""Scores of different kinds made comparable and added up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from retriever.profile import Fusion

    FloatArray = npt.NDArray[np.float64]

Name = TypeVar("Name", bound=str)


def standardise(scores: FloatArray) -> FloatArray:
    """Shift and scale scores to mean 0 and standard deviation 1 over the candidates.

    Returns:
        ``(candidates,)``; all zeros when the scores do not differ.
    """
    if not len(scores):
        return scores
    centred: FloatArray = scores - np.add.reduce(scores) / len(scores)
    deviation = math.sqrt(np.add.reduce(centred * centred) / len(scores))
    if deviation <= 1e-12 * max(1.0, float(np.abs(scores).max())):
        return np.zeros_like(scores)
    return centred / deviation


def standardise_robustly(scores: FloatArray) -> FloatArray:
    """Shift by the median and scale by the median absolute deviation, so that few outliers move no other.

    The scale is at least a fifth of the standard deviation, for pools where most scores are equal.
    """
    if not len(scores):
        return scores
    median = np.median(scores)
    scale = max(1.4826 * float(np.median(np.abs(scores - median))), 0.2 * float(scores.std()))
    if scale <= 1e-12 * max(1.0, float(np.abs(scores).max())):
        return np.zeros_like(scores)
    standardised: FloatArray = (scores - median) / scale
    return standardised


def within_three_deviations(scores: FloatArray) -> FloatArray:
    """Map mean minus to mean plus three standard deviations to 0 to 1, and clip.

    Source:
        Mazzeschi 2023, "Distribution-Based Score Fusion (DBSF)".
    """
    clipped: FloatArray = np.clip(standardise(scores) / 6 + 0.5, 0.0, 1.0)
    return clipped


def reciprocal_ranks(scores: FloatArray, ids: Sequence[str], k: int = 60) -> FloatArray:
    """Return ``1 / (k + rank)``.

    Source:
        Cormack, Clarke and Buettcher 2009, "Reciprocal rank fusion".
    """
    reciprocal: FloatArray = 1.0 / (k + np.array(ranks(scores, ids), dtype=np.float64))
    return reciprocal


def comparable(scores: FloatArray, ids: Sequence[str], method: Fusion) -> FloatArray:
    """Make scores of one component comparable with those of others."""
    match method:
        case "standard":
            return standardise(scores)
        case "robust":
            return standardise_robustly(scores)
        case "dbsf":
            return within_three_deviations(scores)
        case "rrf":
            return reciprocal_ranks(scores, ids)


def fuse(standardised: Mapping[Name, FloatArray], weights: Mapping[Name, float]) -> FloatArray:
    """Add up standardised scores by weight.

    Args:
        standardised: component name to ``(candidates,)``; at least one.
        weights: component name to weight; a missing name weighs nothing.
    """
    total: FloatArray = np.sum(
        [weights.get(name, 0.0) * scores for name, scores in standardised.items()], axis=0
    )
    return total


def order(scores: FloatArray, ids: Sequence[str]) -> list[int]:
    """Return positions by falling score, ties by id."""
    least = (-scores).tolist()
    return sorted(range(len(ids)), key=lambda position: (least[position], ids[position]))


def ranks(scores: FloatArray, ids: Sequence[str]) -> list[int]:
    """Return the rank, from 1, of each position in `order`."""
    found = [0] * len(ids)
    for rank, position in enumerate(order(scores, ids), start=1):
        found[position] = rank
    return found
