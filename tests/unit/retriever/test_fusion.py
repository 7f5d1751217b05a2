import numpy as np
import pytest

from encoders.errors import InvalidInputError
from retriever.fusion import comparable, fuse, order, ranks, standardise
from retriever.pooling import pool_scores
from retriever.profile import SearchProfile, kind_of


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


def test_robust_scores_are_not_moved_by_an_outlier():
    scores = [1.0, 2.0, 3.0, 4.0, 5.0]
    ids = list("abcdef")
    robust = comparable(np.array([*scores, 6.0]), ids, "robust")
    with_outlier = comparable(np.array([*scores, 30.0]), ids, "robust")
    assert with_outlier[:5] == pytest.approx(robust[:5], rel=0.3)
    plain = comparable(np.array([*scores, 30.0]), ids, "standard")
    assert np.ptp(plain[:5]) < np.ptp(with_outlier[:5])


def test_other_ways_to_make_scores_comparable():
    scores, ids = np.array([5.0, 1.0, 3.0]), ["a", "b", "c"]
    assert comparable(scores, ids, "rrf") == pytest.approx([1 / 61, 1 / 63, 1 / 62])
    bounded = comparable(scores, ids, "dbsf")
    assert bounded[2] == pytest.approx(0.5)
    assert (0 <= bounded).all()
    assert (bounded <= 1).all()
    for method in ("standard", "robust", "dbsf", "rrf"):
        assert order(comparable(scores, ids, method), ids) == [0, 2, 1]


def test_pooling_grows_with_every_segment_that_comes_near_the_best():
    assert pool_scores([], 0.05) == 0.0
    assert pool_scores([0.7], 0.05) == pytest.approx(0.7)
    assert pool_scores([0.7, 0.7], 0.05) == pytest.approx(0.7 + 0.05 * np.log(2))
    assert pool_scores([0.7, 0.1], 0.05) == pytest.approx(0.7, abs=1e-5)
    assert pool_scores([30.0, 4.0, 30.0], 0.001) == pytest.approx(30.0, abs=1e-3)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("who pays for termination?", "question"),
        ("termination for convenience", "words"),
        ("getHTTPResponse", "identifier"),
        ("indexers/lexical.py term_index", "identifier"),
        ("HNSW", "identifier"),
        ("what does max_tokens do?", "question"),
        ("word " * 25, "passage"),
        ("\u8c01\u4ed8\u6b3e\uff1f", "question"),
        ("", "words"),
    ],
)
def test_queries_are_of_a_kind(query, kind):
    assert kind_of(query) == kind


def test_a_kind_of_query_has_its_own_weights():
    profile = SearchProfile(weights={"segment_dense": 1.0}, kinds={"question": {"document_lexical": 1.0}})
    assert profile.weights_for("tides") == {"segment_dense": 1.0}
    assert profile.weights_for("why tides?") == {"document_lexical": 1.0}
    assert profile.weighs("document_lexical")
    assert not profile.weighs("title_lexical")
    with pytest.raises(InvalidInputError, match="not all 0"):
        SearchProfile(weights={"segment_dense": 0.0})
    with pytest.raises(InvalidInputError):
        SearchProfile(lexical_temperatures={"words": 0.0})


def test_a_kind_of_query_has_its_own_temperature():
    profile = SearchProfile(lexical_temperature=2.0, lexical_temperatures={"question": 1.5})
    assert profile.lexical_temperature_for("why tides?") == 1.5
    assert profile.lexical_temperature_for("tides") == 2.0


def test_late_interaction_weighs_by_kind_of_query():
    profile = SearchProfile(late_interaction=0.1, late_interactions={"question": 0.3})
    assert profile.late_interaction_for("why tides?") == 0.3
    assert profile.late_interaction_for("tides") == 0.1
    assert SearchProfile(late_interactions={}).late_interaction_for("why tides?") == 0.1
    for wrong in ({"late_interaction": -0.1}, {"late_interactions": {"words": -1.0}}, {"late_segments": 0}):
        with pytest.raises(InvalidInputError, match="late interaction weighs 0 or more"):
            SearchProfile(**wrong)
