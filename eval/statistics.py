"""Says whether a difference between two systems over the same queries is more than chance.

Both procedures are paired: a query is the unit, and each compares a query with itself.

Source:
    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile
    interval); Smucker, Allan & Carterette 2007, doi:10.1145/1321440.1321528
    (randomisation test).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from eval.errors import EvaluationError
from eval.types import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Values: TypeAlias = npt.NDArray[np.float64]

SAMPLES = 10_000
INTERVAL_SAMPLES = 2_000
LEVEL = 0.95
_SEED = 20_240_419
_CELLS = 2_000_000  # resampled values held in memory at once


def interval(values: Sequence[float], *, samples: int = INTERVAL_SAMPLES, seed: int = _SEED) -> Interval:
    """Return the mean of ``values`` with its 95 % bootstrap interval; no test is made.

    One value has an interval without width.

    Raises:
        EvaluationError: there is no value.
    """
    column = _column(values)
    low, high = _percentiles(column, samples, seed)
    return Interval(mean=float(column.mean()), low=low, high=high, count=len(column))


def paired_difference(
    ours: Mapping[str, float], theirs: Mapping[str, float], *, samples: int = SAMPLES, seed: int = _SEED
) -> Interval:
    """Return the mean of ``ours - theirs`` over shared queries, its interval and its p-value.

    The interval resamples queries; the p-value flips the sign of every query's difference
    at random and counts how often the mean is at least as far from 0, two-sided, the
    observed assignment included, so it is never 0.

    Raises:
        EvaluationError: no query is in both.
    """
    shared = sorted(ours.keys() & theirs.keys())
    column = _column([ours[query_id] - theirs[query_id] for query_id in shared])
    low, high = _percentiles(column, samples, seed)
    p = randomisation_p(column, samples=samples, seed=seed)
    return Interval(mean=float(column.mean()), low=low, high=high, count=len(column), p=p)


def randomisation_p(differences: Values, *, samples: int = SAMPLES, seed: int = _SEED) -> float:
    """Return the two-sided p-value of the paired randomisation test on the mean."""
    generator = np.random.default_rng(seed)
    observed = abs(float(differences.mean()))
    tolerance = 1e-12 * max(1.0, observed)  # sums in another order differ in their last bits
    extreme = 0
    for rows in _blocks(samples, len(differences)):
        signs = generator.integers(0, 2, size=(rows, len(differences)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ differences / len(differences)) >= observed - tolerance).sum())
    return (extreme + 1) / (samples + 1)


def _percentiles(column: Values, samples: int, seed: int) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    means = np.concatenate(
        [
            column[generator.integers(0, len(column), size=(rows, len(column)))].mean(axis=1)
            for rows in _blocks(samples, len(column))
        ]
    )
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _blocks(samples: int, width: int) -> Iterator[int]:
    rows = max(1, _CELLS // width)
    for start in range(0, samples, rows):
        yield min(rows, samples - start)


def _column(values: Sequence[float]) -> Values:
    if not len(values):
        raise EvaluationError("there is no query to average over: the two sides share none", count=0)
    return np.asarray(values, dtype=np.float64)
