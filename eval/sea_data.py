"""Turns pairs into vectors: of the query, of every segment of the text, and of its beginning alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.types import Document
from eval.baselines import beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from encoders.protocols import Encoder, Segmenter
    from encoders.types import FloatArray, IntArray
    from eval.code_pairs import Pair

_PAIRS_AT_ONCE: Final = 16
TRUNCATED_TOKENS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPairs:
    """Vectors of pairs, in their order.

    Attributes:
        pairs: what was encoded.
        queries: ``(pairs, dim)`` unit rows.
        segments: ``(segments, dim)`` of each text.
        tokens: ``(pairs,)`` tokens of each text.
        truncated: ``(pairs, dim)`` of the first 256 tokens of each text; no rows if it was not asked for.
    """

    pairs: tuple[Pair, ...]
    queries: FloatArray
    segments: tuple[FloatArray, ...]
    tokens: IntArray
    truncated: FloatArray

    def __len__(self) -> int:
        return len(self.pairs)


def encode_pairs(
    pairs: Sequence[Pair],
    encoder: Encoder,
    segmenter: Segmenter,
    *,
    truncated: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> EncodedPairs:
    """Encode ``pairs`` a few at a time, so that a cached encoder keeps what is done when it is stopped.

    Every text is cut by the same segmenter, the answer to a query like all others.
    """
    queries, segments, heads, tokens = [], [], [], []
    for first in range(0, len(pairs), _PAIRS_AT_ONCE):
        group = pairs[first : first + _PAIRS_AT_ONCE]
        readings = [_readings(pair, segmenter) for pair in group]
        vectors = encoder.encode([reading for _, each in readings for reading in each])
        ends = np.cumsum([len(each) for _, each in readings])[:-1]
        segments += np.split(vectors, ends)
        tokens += [count for count, _ in readings]
        queries.append(encoder.encode([pair.query for pair in group], kind="query"))
        if truncated:
            texts = [beginning(pair.text, encoder, max_tokens=TRUNCATED_TOKENS) for pair in group]
            heads.append(encoder.encode(texts))
        progress(min(first + _PAIRS_AT_ONCE, len(pairs)))
    nothing = np.empty((0, encoder.dim), dtype=np.float32)
    return EncodedPairs(
        pairs=tuple(pairs),
        queries=np.concatenate(queries) if queries else nothing,
        segments=tuple(segments),
        tokens=np.array(tokens, dtype=np.int64),
        truncated=np.concatenate(heads) if heads else nothing,
    )


def _readings(pair: Pair, segmenter: Segmenter) -> tuple[int, list[str]]:
    document = Document(id=pair.path, text=pair.text)
    segments = segmenter.segment(document)
    return sum(segment.tokens for segment in segments), [segment.reading(pair.text) for segment in segments]
