from __future__ import annotations

import numpy as np
import pytest
import torch

from encoders.errors import InvalidInputError
from encoders.torch_sea_training import (
    SeaConfig,
    TrainingPairs,
    _Attention,
    _export,
    _padded,
    mean_reciprocal_rank,
    train_attention,
)

DIM = 16


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def noisy_pairs(count, seed):
    """One segment of each document answers, and carries the sign of it; the others are noise."""
    random = np.random.default_rng(seed)
    queries = unit(random.normal(size=(count, DIM)))
    queries[:, 0] = 0
    queries = unit(queries)
    documents = []
    for query in queries:
        segments = unit(random.normal(size=(int(random.integers(2, 8)), DIM)))
        answer = query.copy()
        answer[0] = 1
        segments[:, 0] = 0
        segments[random.integers(len(segments))] = answer
        documents.append(unit(segments))
    return TrainingPairs(queries=queries, documents=documents)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("mean_share", "with_map"), [(0.0, False), (0.5, False), (0.5, True)])
def test_the_trained_module_and_the_numpy_aggregator_agree(layers, mean_share, with_map):
    config = SeaConfig(
        layers=layers, hidden=8, mean_share=mean_share, map=with_map, attention_temperature=0.7
    )
    generator = torch.Generator().manual_seed(3)
    module = _Attention(DIM, config, generator)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    documents = noisy_pairs(20, seed=1).documents
    aggregator = _export(module, config)
    ours = np.stack([aggregator.aggregate(document) for document in documents])
    theirs = module(*_padded(documents)).detach().numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_training_learns_which_segments_answer_and_is_reproducible():
    training, validation = noisy_pairs(200, seed=1), noisy_pairs(60, seed=2)
    config = SeaConfig(layers=1, mean_share=0.0, epochs=6, batch=64, learning_rate=0.05)
    trained = train_attention(training, validation, config)
    assert trained.validation_mrr[0] < 0.7
    assert max(trained.validation_mrr) > trained.validation_mrr[0] + 0.15
    assert trained.validation_mrr[trained.best_epoch] == max(trained.validation_mrr)
    assert mean_reciprocal_rank(trained.aggregator, validation) == max(trained.validation_mrr)
    assert train_attention(training, validation, config).validation_mrr == trained.validation_mrr


def test_a_map_learns_what_no_share_of_the_segments_can():
    """Queries are the documents turned by one rotation; only a map can turn them back."""
    random = np.random.default_rng(4)
    turn, _ = np.linalg.qr(random.normal(size=(DIM, DIM)))

    def turned(count):
        queries = unit(random.normal(size=(count, DIM)))
        return TrainingPairs(queries=queries, documents=[row[None] for row in unit(queries @ turn)])

    training, validation = turned(300), turned(60)
    plain = train_attention(training, validation, SeaConfig(epochs=8))
    mapped = train_attention(training, validation, SeaConfig(epochs=8, map=True, map_learning_rate=0.03))
    assert max(plain.validation_mrr) < 0.3
    assert max(mapped.validation_mrr) > 0.8


def test_training_stops_when_validation_no_longer_gains():
    training, validation = noisy_pairs(40, seed=1), noisy_pairs(40, seed=2)
    trained = train_attention(training, validation, SeaConfig(learning_rate=0.0, epochs=50, patience=3))
    assert (trained.best_epoch, len(trained.losses)) == (0, 3)


def test_ties_count_against_the_right_document():
    same = np.stack([np.eye(DIM, dtype=np.float32)[0]] * 4)
    pairs = TrainingPairs(queries=same, documents=[row[None] for row in same])
    aggregator = train_attention(pairs, pairs, SeaConfig(epochs=1)).aggregator
    assert mean_reciprocal_rank(aggregator, pairs) == 0.25


def test_too_few_pairs_are_refused():
    with pytest.raises(InvalidInputError, match="1 training pairs"):
        train_attention(noisy_pairs(1, seed=1), noisy_pairs(5, seed=2), SeaConfig())
