import numpy as np
import pytest

from retriever.fusion import fuse, order, ranks, standardise


def test_scores_are_shifted_and_scaled_over_the_candidates():
    assert standardise(np.array([1.0, 2.0, 3.0])) == pytest.approx([-(1.5**0.5), 0.0, 1.5**0.5])


@pytest.mark.parametrize("scores", [[], [4.2], [0.1, 0.1, 0.1]])
def test_scores_that_do_not_differ_say_nothing(scores):
    assert standardise(np.array(scores)).tolist() == [0.0] * len(scores)


def test_fusion_adds_by_weight_and_a_component_without_weight_counts_nothing():
    parts = {"a": np.array([1.0, -1.0]), "b": np.array([2.0, 0.0]), "c": np.array([9.0, 9.0])}
    assert fuse(parts, {"a": 0.5, "b": 0.25}).tolist() == [1.0, -0.5]


def test_ties_are_ordered_by_id():
    scores = np.array([1.0, 2.0, 1.0])
    assert order(scores, ["z", "m", "a"]) == [1, 2, 0]
    assert ranks(scores, ["z", "m", "a"]) == [3, 1, 2]
