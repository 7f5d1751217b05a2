"""How a reranker is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """Train small matrices beside the frozen weights, with the library peft."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How a reranker is trained; the defaults are those of the paper for a model of 7 billion parameters.

    Attributes:
        epochs: times that every list is seen.
        learning_rate: its peak, after ``warmup_steps``; from there it falls as a cosine to a tenth.
        batch_size: lists in one pass.
        accumulation: passes in one step.
        importance: weigh identifiers by their rank (``1 + 1 / log2(rank + 1)``); otherwise all alike.
        separator_weight: of what stands between identifiers.
        identifier_range: draw the numbers of a list from 1 to this, in ascending order, so that short lists
            teach the large numbers too; None numbers the passages 1, 2, 3.
        noise: alpha of uniform noise on the embeddings (NEFTune); 0 for none.
        checkpointing: trade time for memory.
        lora: None trains all weights.
        seed: of order, noise and dropout.

    Source:
        Liu et al. 2024, arXiv:2412.14574; Jain et al. 2023, "NEFTune", arXiv:2310.05914.
    """

    epochs: int = 4
    learning_rate: float = 5e-6
    warmup_steps: int = 50
    batch_size: int = 1
    accumulation: int = 8
    importance: bool = True
    separator_weight: float = 1.0
    identifier_range: int | None = None
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    noise: float = 5.0
    checkpointing: bool = False
    lora: LoraSettings | None = None
    seed: int = 42


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """Where training stands."""

    step: int
    steps: int
    loss: float
    seconds: float


def schedule(step: int, steps: int, warmup: int) -> float:
    """Return the share of the peak learning rate at ``step``, from 1: a ramp, then a cosine down to 0.1."""
    if step <= warmup:
        return step / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
