from __future__ import annotations

import numpy as np
import pytest

from encoders.aggregation import (
    POSITIONS,
    AttentionAggregator,
    PooledAggregator,
    load_attention,
    open_aggregator,
    places,
    save_attention,
)
from encoders.errors import InvalidInputError, ModelError

EAST, NORTH = np.array([1, 0], dtype=np.float32), np.array([0, 1], dtype=np.float32)
BOTH = np.stack([EAST, NORTH])
HALF = np.float32(0.5**0.5)


def one_layer(query, **settings):
    weights = {"query": np.array(query, dtype=np.float32), "position": np.zeros(POSITIONS, dtype=np.float32)}
    return AttentionAggregator(weights=weights, **settings)


def test_mean_and_maximum_are_unit_vectors():
    np.testing.assert_allclose(PooledAggregator("mean").aggregate(BOTH), [HALF, HALF], rtol=1e-6)
    lower = np.stack([EAST, np.array([0.6, 0.8], dtype=np.float32)])
    np.testing.assert_allclose(
        PooledAggregator("max").aggregate(lower), np.array([1, 0.8]) / np.hypot(1, 0.8), rtol=1e-6
    )


@pytest.mark.parametrize("aggregator", [PooledAggregator("mean"), PooledAggregator("max"), one_layer([1, 0])])
def test_no_segment_gives_zeros_and_one_segment_itself(aggregator):
    assert aggregator.aggregate(np.empty((0, 2), dtype=np.float32)).tolist() == [0, 0]
    np.testing.assert_allclose(aggregator.aggregate(NORTH[None]), NORTH, atol=1e-7)


def test_attention_of_one_layer_weighs_by_the_softmax_of_its_scores():
    expected = np.array([np.e**2, 1]) / np.hypot(np.e**2, 1)
    np.testing.assert_allclose(one_layer([2, 0]).aggregate(BOTH), expected, rtol=1e-6)


def test_attention_of_two_layers_passes_through_a_hidden_layer():
    weights = {
        "hidden": np.array([[1, 0]], dtype=np.float32),
        "hidden_bias": np.array([0.5], dtype=np.float32),
        "query": np.array([2], dtype=np.float32),
        "position": np.zeros(POSITIONS, dtype=np.float32),
    }
    shares = np.exp([2 * np.tanh(1.5), 2 * np.tanh(0.5)])
    np.testing.assert_allclose(
        AttentionAggregator(weights=weights).aggregate(BOTH), shares / np.linalg.norm(shares), rtol=1e-6
    )


def test_temperature_goes_from_the_best_segment_to_the_mean():
    cold, hot = one_layer([1, 0], temperature=0.01), one_layer([1, 0], temperature=1e6)
    np.testing.assert_allclose(cold.aggregate(BOTH), EAST, atol=1e-6)
    np.testing.assert_allclose(hot.aggregate(BOTH), [HALF, HALF], atol=1e-5)


def test_attention_plus_mean_has_unit_length_whatever_the_number_of_segments():
    mixed = one_layer([100, 0], mean_share=0.5)
    np.testing.assert_allclose(mixed.aggregate(BOTH), [np.cos(np.pi / 8), np.sin(np.pi / 8)], rtol=1e-5)
    for count in (1, 3, 24):
        assert np.linalg.norm(mixed.aggregate(np.repeat(BOTH, count, axis=0))) == pytest.approx(1, abs=1e-6)


def test_the_position_bias_follows_the_place_of_a_segment():
    assert places(20).tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7]
    weights = {"query": np.zeros(2, dtype=np.float32), "position": np.zeros(POSITIONS, dtype=np.float32)}
    weights["position"][1] = 50
    np.testing.assert_allclose(AttentionAggregator(weights=weights).aggregate(BOTH), NORTH, atol=1e-6)


def test_weights_survive_a_file_with_their_settings_and_card(tmp_path):
    kept = one_layer([0.5, -2], temperature=0.5, mean_share=0.25, card={"pairs": "12"})
    save_attention(tmp_path / "a.safetensors", kept)
    read = open_aggregator(str(tmp_path / "a.safetensors"))
    assert read.fingerprint == kept.fingerprint
    assert read.card == {"pairs": "12"}
    np.testing.assert_array_equal(read.aggregate(BOTH), kept.aggregate(BOTH))


def test_a_file_that_holds_no_aggregator_is_refused(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        load_attention(tmp_path / "broken.safetensors")
    from safetensors.numpy import save_file

    save_file({"query": EAST}, str(tmp_path / "other.safetensors"))
    with pytest.raises(ModelError, match="no aggregator of format 1"):
        load_attention(tmp_path / "other.safetensors")


def test_an_unknown_aggregation_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInputError, match="mean, max, sea"):
        open_aggregator("median")
    with pytest.raises(InvalidInputError, match="mean, max"):
        PooledAggregator("median")


@pytest.mark.parametrize("name", ["sea", "sea-lines"])
def test_the_shipped_weights_say_what_they_were_trained_on(name):
    shipped = open_aggregator(name)
    assert shipped.weights["query"].shape == (384,)
    assert shipped.card.keys() >= {
        "encoder",
        "train_projects",
        "validation_mrr",
        "test_projects",
        "test_mrr",
    }
    one = np.zeros(384, dtype=np.float32)
    one[7] = 1
    np.testing.assert_allclose(shipped.aggregate(one[None]), one, atol=1e-6)
