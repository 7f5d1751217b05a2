"""Scores of different kinds made comparable and added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

Name = TypeVar("Name", bound=str)


def standardise(scores: FloatArray) -> FloatArray:
    """Shift and scale scores to mean 0 and standard deviation 1 over the candidates.

    Returns:
        ``(candidates,)``; all zeros when the scores do not differ.
    """
    if not len(scores):
        return scores
    deviation = scores.std()
    if deviation <= 1e-12 * max(1.0, float(np.abs(scores).max())):
        return np.zeros_like(scores)
    standardised: FloatArray = (scores - scores.mean()) / deviation
    return standardised


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
    return sorted(range(len(ids)), key=lambda position: (-scores[position], ids[position]))


def ranks(scores: FloatArray, ids: Sequence[str]) -> list[int]:
    """Return the rank, from 1, of each position in `order`."""
    found = [0] * len(ids)
    for rank, position in enumerate(order(scores, ids), start=1):
        found[position] = rank
    return found
