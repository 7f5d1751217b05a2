from __future__ import annotations

import numpy as np
import pytest

from eval.errors import EvaluationError
from eval.statistics import interval, paired_difference, randomisation_p


def test_the_p_value_of_few_differences_is_that_of_all_sign_flips():
    # of the 8 sign patterns of (1, 1, 1) two have a mean as far from 0 as 1: p = 1/4
    p = randomisation_p(np.ones(3), samples=40_000, seed=1)
    assert p == pytest.approx(1 / 4, abs=0.01)


def test_a_constant_lead_is_certain_and_no_lead_is_not():
    queries = [str(n) for n in range(40)]
    lead = paired_difference(dict.fromkeys(queries, 0.6), dict.fromkeys(queries, 0.5))
    assert lead.mean == pytest.approx(0.1)
    assert (lead.low, lead.high) == (pytest.approx(0.1), pytest.approx(0.1))
    assert lead.p is not None
    assert lead.p < 0.001
    same = paired_difference(dict.fromkeys(queries, 0.5), dict.fromkeys(queries, 0.5))
    assert (same.mean, same.p) == (0.0, 1.0)


def test_only_shared_queries_are_compared_and_the_sign_is_ours_minus_theirs():
    found = paired_difference({"a": 1.0, "b": 0.0, "only": 9.0}, {"b": 0.5, "a": 0.0, "other": 9.0})
    assert found.mean == pytest.approx((1.0 - 0.5) / 2)
    assert found.count == 2


def test_the_interval_is_the_one_normal_theory_expects():
    values = np.random.default_rng(7).normal(0.5, 0.2, size=400)
    found = interval(values.tolist())
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - half, abs=0.003)
    assert found.high == pytest.approx(values.mean() + half, abs=0.003)


def test_the_same_figures_give_the_same_interval_again():
    values = [0.0, 1.0, 0.5, 0.25]
    assert interval(values) == interval(values)
    assert interval(values, samples=50, seed=1) != interval(values, samples=50, seed=2)


def test_many_queries_are_resampled_in_blocks_with_every_sample_drawn():
    found = interval([0.0, 1.0] * 30_000, samples=100)
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.02


def test_no_query_is_an_error_and_not_a_figure():
    with pytest.raises(EvaluationError, match="no query"):
        interval([])
    with pytest.raises(EvaluationError, match="share none"):
        paired_difference({"a": 1.0}, {"b": 1.0})
