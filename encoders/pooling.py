"""From many vectors or scores to one: pure arithmetic after the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from encoders.errors import EmptySpanError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from encoders.types import FloatArray, IntArray, Span, TokenEmbeddings


def normalize(vectors: npt.ArrayLike) -> FloatArray:
    """Scale rows to unit length; a row of zeros stays zero.

    Args:
        vectors: ``(n, dim)``.

    Returns:
        ``(n, dim)`` float32.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=-1, keepdims=True))
    scaled: FloatArray = (rows / np.where(lengths == 0.0, 1.0, lengths)).astype(np.float32)
    return scaled


def soft_pool(values: npt.ArrayLike, *, temperature: float) -> FloatArray:
    """Average along the first axis with weights ``softmax(values / temperature)``.

    Near 0 it is the maximum, at infinity the mean. Scores of segments go in as
    ``(segments,)``, vectors as ``(segments, dim)``, each number on its own.

    Args:
        values: at least one entry along the first axis.
        temperature: in the unit of the values; ``0`` and ``inf`` are allowed.

    Raises:
        InvalidInputError: nothing to pool, a value that is not finite, or a temperature below 0.
    """
    given = np.asarray(values, dtype=np.float64)
    if not len(given):
        raise InvalidInputError("there is nothing to pool: no segments")
    if not np.isfinite(given).all():
        raise InvalidInputError("values to pool must be finite; leave out segments without a score")
    if not temperature >= 0.0:
        raise InvalidInputError(f"temperature must be at least 0, got {temperature}", temperature=temperature)
    if temperature == 0.0:
        return np.asarray(given.max(axis=0), dtype=np.float32)
    weights = np.exp((given - given.max(axis=0)) / temperature)
    pooled = (weights * given).sum(axis=0) / weights.sum(axis=0)
    return np.asarray(pooled, dtype=np.float32)


def truncate_dim(vectors: FloatArray, dim: int) -> FloatArray:
    """Keep the first ``dim`` numbers of each vector and normalise (Matryoshka).

    Raises:
        InvalidInputError: the vectors are shorter than ``dim``, or it is below 1.
    """
    if dim < 1:
        raise InvalidInputError(f"dim must be at least 1, got {dim}", dim=dim)
    if dim > vectors.shape[-1]:
        raise InvalidInputError(
            f"the model gives {vectors.shape[-1]} dimensions, {dim} were asked for",
            dim=dim,
            available=vectors.shape[-1],
        )
    return normalize(vectors[..., :dim])


def owners(offsets: IntArray, spans: Sequence[Span]) -> IntArray:
    """Find the span of each token: the one that holds the token's first character.

    Spans that tile a text share no token and lose none.

    Args:
        offsets: ``(tokens, 2)``.
        spans: in order and without overlap.

    Returns:
        ``(tokens,)`` places in ``spans``; -1 for special tokens and tokens outside all spans.

    Raises:
        InvalidInputError: spans overlap or are out of order.
    """
    edges = np.array([(span.start, span.end) for span in spans], dtype=np.int64).reshape(-1, 2)
    if (edges[1:, 0] < edges[:-1, 1]).any():
        raise InvalidInputError("spans must be in order and must not overlap")
    starts, ends = offsets[:, 0], offsets[:, 1]
    place = np.searchsorted(edges[:, 0], starts, side="right") - 1
    inside = (place >= 0) & (ends > starts)
    inside[inside] &= starts[inside] < edges[place[inside], 1]
    return np.where(inside, place, -1)


def pool_spans(tokens: TokenEmbeddings, spans: Sequence[Span]) -> FloatArray:
    """Mean-pool the tokens of each span: late chunking of a text read in one pass.

    Args:
        tokens: vectors ``(tokens, dim)`` of one whole text.
        spans: character ranges of that text, in order and without overlap.

    Returns:
        ``(len(spans), dim)`` float32, unit rows.

    Raises:
        EmptySpanError: a span covers no token.

    Source:
        Günther et al. 2024, "Late Chunking", arXiv:2409.04701.
    """
    owner = owners(tokens.offsets, spans)
    sums = np.zeros((len(spans), tokens.vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, owner[owner >= 0], tokens.vectors[owner >= 0])
    counts = np.bincount(owner[owner >= 0], minlength=len(spans))
    for place in np.flatnonzero(counts == 0).tolist():
        span = spans[place]
        raise EmptySpanError(
            f"span [{span.start}, {span.end}) covers no token", start=span.start, end=span.end
        )
    return normalize(sums)
