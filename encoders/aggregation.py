"""One vector of a long document from the vectors of its segments.

Split, encode, aggregate: every segment is encoded alone; what is here joins the
vectors. Mean and maximum need nothing; attention is trained (`longdoc train sea`)
and read from a safetensors file. All of it is numpy: a document costs microseconds.

Source:
    Hu et al. 2022, "Tackling Long Code Search with Splitting, Encoding, and
    Aggregating", arXiv:2208.11271. There ``attention + mean`` adds the *sum* of the
    vectors, whose length then grows with their number; here every result has unit length.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from encoders.errors import InvalidInputError, ModelError
from encoders.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from encoders.types import FloatArray, IntArray

FORMAT: Final = "1"
POSITIONS: Final = 8
"""Places that have a bias of their own: 0, 1, 2, 3, 4 to 5, 6 to 9, 10 to 17, 18 and later."""

_FIRST_OF_PLACE: Final = np.array([0, 1, 2, 3, 4, 6, 10, 18])
_TINY: Final = np.float32(1e-12)
_FOLDER: Final = Path(__file__).parent / "weights"
_SHIPPED: Final = ("sea", "sea-lines")


class Aggregator(Protocol):
    """Joins the segment vectors of one document."""

    @property
    def fingerprint(self) -> dict[str, str | int | float]:
        """Everything that changes the result."""
        ...

    def aggregate(self, segments: FloatArray) -> FloatArray:
        """Return the unit vector ``(dim,)`` of ``(segments, dim)`` in their order; zeros for no segment."""
        ...


@dataclass(frozen=True, slots=True)
class PooledAggregator:
    """Aggregates by a rule without weights: ``mean`` or ``max``."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in _POOLINGS:
            raise InvalidInputError(
                f"there is no aggregation {self.name!r}; choose one of {', '.join(_POOLINGS)}", name=self.name
            )

    @property
    def fingerprint(self) -> dict[str, str | int | float]:
        """Return the rule."""
        return {"aggregator": self.name}

    def aggregate(self, segments: FloatArray) -> FloatArray:
        """Pool and normalise."""
        if not len(segments):
            return np.zeros(segments.shape[1], dtype=np.float32)
        return unit(_POOLINGS[self.name](segments))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionAggregator:
    """Weighs segments by a trained score of each and of its place.

    Attributes:
        weights: ``query`` ``(dim,)``, or ``hidden`` ``(h, dim)``, ``hidden_bias`` ``(h,)`` and
            ``query`` ``(h,)``; ``position`` ``(POSITIONS,)``; where trained, ``map`` ``(dim, dim)``,
            which is added to the joined vector: ``v + v @ map``. All float32.
        temperature: divides the scores; near 0 one segment takes all, at infinity it is the mean.
        mean_share: of the plain mean in the result, 0.5 in SEA's "attention + mean".
        card: what is known of the training.
    """

    weights: Mapping[str, FloatArray]
    temperature: float = 1.0
    mean_share: float = 0.0
    card: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> dict[str, str | int | float]:
        """Return the digest of the weights, and the two settings."""
        return {
            "aggregator": "attention",
            "weights": _digest(self.weights),
            "temperature": self.temperature,
            "mean_share": self.mean_share,
        }

    def aggregate(self, segments: FloatArray) -> FloatArray:
        """Attend, mix with the mean, map, normalise."""
        if not len(segments):
            return np.zeros(segments.shape[1], dtype=np.float32)
        scores = attention_scores(segments, self.weights) / np.float32(self.temperature)
        attended = unit(_softmax(scores) @ segments)
        share = np.float32(self.mean_share)
        joined = unit((1 - share) * attended + share * unit(segments.mean(axis=0)))
        return unit(joined + joined @ self.weights["map"]) if "map" in self.weights else joined


def attention_scores(segments: FloatArray, weights: Mapping[str, FloatArray]) -> FloatArray:
    """Score ``(segments, dim)``: ``w.e + p`` with one layer, ``v.tanh(We + b) + p`` with two."""
    inner = segments
    if "hidden" in weights:
        inner = np.tanh(segments @ weights["hidden"].T + weights["hidden_bias"])
    scores: FloatArray = inner @ weights["query"] + weights["position"][places(len(segments))]
    return scores


def places(segments: int) -> IntArray:
    """Return the place of each of ``segments`` segments, see `POSITIONS`."""
    return np.searchsorted(_FIRST_OF_PLACE, np.arange(segments), side="right") - 1


def unit(vector: FloatArray) -> FloatArray:
    """Scale ``(dim,)`` to length 1; zeros stay zeros."""
    scaled: FloatArray = (vector / np.maximum(np.linalg.norm(vector), _TINY)).astype(np.float32)
    return scaled


def open_aggregator(name: str) -> Aggregator:
    """Return an aggregator by name: ``mean``, ``max``, ``sea``, ``sea-lines``, or a file's path.

    The shipped weights ``sea`` did best in validation on segments by syntax tree, ``sea-lines`` on
    segments by lines.

    Raises:
        InvalidInputError: no rule and no file has this name.
        ModelError: the file is not one of ours.
    """
    if name in _POOLINGS:
        return PooledAggregator(name)
    path = _FOLDER / f"{name}.safetensors" if name in _SHIPPED else Path(name)
    if not path.is_file():
        known = ", ".join((*_POOLINGS, *_SHIPPED))
        raise InvalidInputError(
            f"there is no aggregation {name!r}; choose one of {known}, or give a safetensors file", name=name
        )
    return load_attention(path)


def load_attention(path: Path) -> AttentionAggregator:
    """Read trained weights; those stored as float16 are widened.

    Raises:
        ModelError: the file is broken, of another format, or lacks a weight.
    """
    safe_open = require("safetensors", extra="local").safe_open
    try:
        with safe_open(str(path), framework="numpy") as file:
            facts: dict[str, str] = file.metadata() or {}
            weights = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
    except (OSError, ValueError, require("safetensors", extra="local").SafetensorError) as error:
        raise ModelError(f"{path} cannot be read as safetensors: {error}", path=str(path)) from error
    if facts.get("format") != FORMAT or not {"query", "position"} <= weights.keys():
        raise ModelError(
            f"{path} holds no aggregator of format {FORMAT}; train it again with: longdoc train sea",
            path=str(path),
        )
    return AttentionAggregator(
        weights=weights,
        temperature=float(facts["temperature"]),
        mean_share=float(facts["mean_share"]),
        card=json.loads(facts.get("card", "{}")),
    )


def save_attention(path: Path, aggregator: AttentionAggregator) -> None:
    """Write weights as float16, with the settings and the card in the header."""
    save_file = require("safetensors.numpy", extra="local").save_file
    facts = {
        "format": FORMAT,
        "temperature": str(aggregator.temperature),
        "mean_share": str(aggregator.mean_share),
        "card": json.dumps(dict(aggregator.card), sort_keys=True),
    }
    halves = {
        name: np.ascontiguousarray(weight, dtype=np.float16) for name, weight in aggregator.weights.items()
    }
    save_file(halves, str(path), metadata=facts)


def _mean(segments: FloatArray) -> FloatArray:
    mean: FloatArray = segments.mean(axis=0)
    return mean


def _max(segments: FloatArray) -> FloatArray:
    highest: FloatArray = segments.max(axis=0)
    return highest


_POOLINGS: Final[dict[str, Callable[[FloatArray], FloatArray]]] = {"mean": _mean, "max": _max}


def _softmax(scores: FloatArray) -> FloatArray:
    powers = np.exp(scores - scores.max())
    shares: FloatArray = powers / powers.sum()
    return shares


def _digest(weights: Mapping[str, FloatArray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name], dtype=np.float16).tobytes())
    return digest.hexdigest()[:16]
