"""Train the attention of `encoders.aggregation` on frozen segment vectors.

In-batch InfoNCE on unit vectors: every other document of a batch is a wrong answer.
The epoch with the best validation MRR is kept; the validation pairs come from
projects that the training never sees, and all their documents are candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn import functional as f

from encoders.aggregation import POSITIONS, AttentionAggregator, places
from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from encoders.types import FloatArray

_MASKED: Final = -1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class SeaConfig:
    """How to train.

    Attributes:
        layers: 1 scores a segment linearly, 2 through a hidden layer.
        hidden: width of that layer.
        mean_share: of the plain mean in the result.
        map: also learn a linear map that is added to the joined vector; it starts from zero.
        attention_temperature: divides the scores, in training and later.
        loss_temperature: divides the cosines in the loss.
        patience: epochs without a better validation MRR after which training ends.
        drop_segments: share of a document's segments left out at random in training, never all.
    """

    layers: int = 1
    hidden: int = 128
    mean_share: float = 0.5
    map: bool = False
    attention_temperature: float = 1.0
    loss_temperature: float = 0.05
    batch: int = 128
    epochs: int = 60
    patience: int = 8
    learning_rate: float = 0.03
    map_learning_rate: float = 0.001
    weight_decay: float = 0.01
    drop_segments: float = 0.0
    seed: int = 5

    def __post_init__(self) -> None:
        if self.layers not in (1, 2):
            raise InvalidInputError(f"layers is {self.layers}; attention has 1 or 2", layers=self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPairs:
    """Vectors to learn from: ``documents[i]`` ``(segments, dim)`` answers ``queries[i]`` ``(dim,)``."""

    queries: FloatArray
    documents: Sequence[FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training gives.

    Attributes:
        aggregator: the weights of the best epoch.
        validation_mrr: of every epoch; the first is before training.
        losses: of every epoch.
        best_epoch: 0 is before training.
    """

    aggregator: AttentionAggregator
    validation_mrr: tuple[float, ...]
    losses: tuple[float, ...]
    best_epoch: int


def train_attention(
    training: TrainingPairs,
    validation: TrainingPairs,
    config: SeaConfig,
    *,
    progress: Callable[[int, float, float], None] = lambda epoch, loss, mrr: None,
) -> Trained:
    """Train on ``training`` and keep the epoch that ranks ``validation`` best.

    Raises:
        InvalidInputError: there are fewer than two pairs on either side.
    """
    for name, pairs in (("training", training), ("validation", validation)):
        if len(pairs.documents) < 2:
            raise InvalidInputError(f"{len(pairs.documents)} {name} pairs; at least 2 are needed", side=name)
    generator = torch.Generator().manual_seed(config.seed)
    module = _Attention(training.queries.shape[1], config, generator)
    rates = {"map": config.map_learning_rate}
    groups = [
        {"params": [weight], "lr": rates.get(name, config.learning_rate)}
        for name, weight in module.named_parameters()
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    best = _export(module, config)
    ranks, losses, best_epoch = [mean_reciprocal_rank(best, validation)], [], 0
    for epoch in range(1, config.epochs + 1):
        losses.append(_run_epoch(module, optimizer, training, config, generator))
        trained = _export(module, config)
        ranks.append(mean_reciprocal_rank(trained, validation))
        progress(epoch, losses[-1], ranks[-1])
        if ranks[-1] > max(ranks[:-1]):
            best, best_epoch = trained, epoch
        elif epoch - best_epoch >= config.patience:
            break
    return Trained(aggregator=best, validation_mrr=tuple(ranks), losses=tuple(losses), best_epoch=best_epoch)


def mean_reciprocal_rank(aggregator: AttentionAggregator, pairs: TrainingPairs) -> float:
    """Rank all documents for every query and average ``1 / rank`` of the right one; ties count against it."""
    documents = np.stack([aggregator.aggregate(document) for document in pairs.documents])
    scores = pairs.queries @ documents.T
    right = np.diag(scores)[:, None]
    ranks = (scores >= right).sum(axis=1)
    return float((1.0 / ranks).mean())


class _Attention(torch.nn.Module):
    """The same sums as `encoders.aggregation.attention_scores`, over padded batches."""

    def __init__(self, dim: int, config: SeaConfig, generator: torch.Generator) -> None:
        super().__init__()
        self._config = config
        width = dim if config.layers == 1 else config.hidden
        if config.layers == 2:
            initial = torch.empty(config.hidden, dim).normal_(0, dim**-0.5, generator=generator)
            self.hidden = torch.nn.Parameter(initial)
            self.hidden_bias = torch.nn.Parameter(torch.zeros(config.hidden))
        self.query = torch.nn.Parameter(torch.zeros(width))
        self.position = torch.nn.Parameter(torch.zeros(POSITIONS))
        if config.map:
            self.map = torch.nn.Parameter(torch.zeros(dim, dim))

    def forward(self, segments: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Aggregate ``(documents, segments, dim)`` where ``mask`` is true: unit rows ``(documents, dim)``."""
        inner = segments
        if self._config.layers == 2:
            inner = torch.tanh(segments @ self.hidden.T + self.hidden_bias)
        place = torch.from_numpy(places(segments.shape[1]))
        scores = (inner @ self.query + self.position[place]) / self._config.attention_temperature
        shares = torch.softmax(scores.masked_fill(~mask, _MASKED), dim=1)
        attended = f.normalize((shares[:, :, None] * segments).sum(dim=1), dim=1)
        counts = mask.sum(dim=1, keepdim=True)
        mean = f.normalize((segments * mask[:, :, None]).sum(dim=1) / counts, dim=1)
        share = self._config.mean_share
        joined = f.normalize((1 - share) * attended + share * mean, dim=1)
        return f.normalize(joined + joined @ self.map, dim=1) if self._config.map else joined


def _run_epoch(
    module: _Attention,
    optimizer: torch.optim.Optimizer,
    training: TrainingPairs,
    config: SeaConfig,
    generator: torch.Generator,
) -> float:
    order = torch.randperm(len(training.documents), generator=generator).tolist()
    losses = []
    for first in range(0, len(order), config.batch):
        chosen = order[first : first + config.batch]
        if len(chosen) < 2:
            continue
        segments, mask = _padded([training.documents[row] for row in chosen])
        if config.drop_segments:
            mask = _dropped(mask, config.drop_segments, generator)
        documents = module(segments, mask)
        scores = torch.from_numpy(training.queries[chosen]) @ documents.T / config.loss_temperature
        loss = f.cross_entropy(scores, torch.arange(len(chosen)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _padded(documents: Sequence[FloatArray]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(document) for document in documents)
    segments = np.zeros((len(documents), longest, documents[0].shape[1]), dtype=np.float32)
    mask = np.zeros((len(documents), longest), dtype=np.bool_)
    for row, document in enumerate(documents):
        segments[row, : len(document)] = document
        mask[row, : len(document)] = True
    return torch.from_numpy(segments), torch.from_numpy(mask)


def _dropped(mask: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    kept = mask & (torch.rand(mask.shape, generator=generator) >= share)
    nothing = ~kept.any(dim=1, keepdim=True)
    return kept | (mask & nothing)


def _export(module: _Attention, config: SeaConfig) -> AttentionAggregator:
    weights = {name: value.detach().numpy().copy() for name, value in module.named_parameters()}
    return AttentionAggregator(
        weights=weights, temperature=config.attention_temperature, mean_share=config.mean_share
    )
