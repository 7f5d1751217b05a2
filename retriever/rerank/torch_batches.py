"""Lists as tensors, and the loss over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.rerank.answer_tokens import AnswerLabel

IGNORED: Final = -100
"""The label of a token that is not learned; `torch.nn.functional.cross_entropy` calls it ignore_index."""


@dataclass(frozen=True, slots=True)
class EncodedList:
    """Tokens of a prompt and of the right answer to it."""

    prompt: tuple[int, ...]
    label: AnswerLabel

    @property
    def length(self) -> int:
        """Return the tokens of both."""
        return len(self.prompt) + len(self.label.tokens)


@dataclass(frozen=True, slots=True)
class Batch:
    """Lists padded on the left, so that all answers end in the same column.

    Attributes:
        ids: ``(lists, length)`` int64, prompt and answer.
        mask: ``(lists, length)`` int64, 0 where padded.
        labels: ``(lists, answer)`` int64, the last columns of ``ids``, `IGNORED` where the prompt reaches.
        weights: ``(lists, answer)`` float32.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor


def importance_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the weighted negative log likelihood per label token, as a scalar.

    Args:
        logits: ``(lists, answer, vocabulary)``, those that predict ``labels``.
        labels: ``(lists, answer)``; `IGNORED` where nothing is learned.
        weights: ``(lists, answer)``.

    Returns:
        The sum of ``weight * nll`` over the *number* of labels, as in the paper's
        code, so that weights scale the gradient. 0 without any label.

    Source:
        Liu et al. 2024, "Sliding Windows Are Not the End", arXiv:2412.14574.
    """
    losses = cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none"
    )
    count = (labels != IGNORED).sum().clamp(min=1)
    return (losses * weights.flatten()).sum() / count


def collate(lists: Sequence[EncodedList], *, padding: int, device: torch.device | str = "cpu") -> Batch:
    """Pad on the left; see `Batch`."""
    length = max(one.length for one in lists)
    answer = max(len(one.label.tokens) for one in lists)
    ids = torch.full((len(lists), length), padding)
    mask = torch.zeros_like(ids)
    labels = torch.full((len(lists), answer), IGNORED)
    weights = torch.zeros((len(lists), answer))
    for row, one in enumerate(lists):
        written = len(one.label.tokens)
        ids[row, length - one.length :] = torch.tensor([*one.prompt, *one.label.tokens])
        mask[row, length - one.length :] = 1
        labels[row, answer - written :] = torch.tensor(one.label.tokens)
        weights[row, answer - written :] = torch.tensor(one.label.weights)
    return Batch(ids.to(device), mask.to(device), labels.to(device), weights.to(device))
