"""Attention of short and long texts by matrix products, where the processor multiplies bfloat16.

torch's kernel for a CPU computes its products tile by tile, far below the rate of the
machine; on whole texts oneDNN reaches it, and what remains is one exponential a score. The
maximum of a row need not be known: bfloat16 has the exponents of float32, and a text whose
sums come near their ends is computed by torch's kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

_STEP: Final = 16
_LONG: Final = 256
_LONG_STEP: Final = 64
"""Every length is another computation that oneDNN must prepare, so lengths are rounded up."""

_ROWS: Final = 512
"""Queries of one head at a time in a long text: their scores stay in the cache."""

_LOG2_E: Final = math.log2(math.e)
"""The exponential of base 2 is the quicker one."""

_LEAST: Final = 2.0**-64
_MOST: Final = 2.0**120
"""Sums of exponentials within which none that counts was cut off, and none overflowed."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one row, each with room up to a round length.

    Attributes:
        places: for each token with room, which token of the row it is; ``(tokens with room,)``.
            The room of a text repeats its last token.
        room: which of them are room.
        back: for each token of the row, which of them it is; ``(tokens,)``.
        spans: start, length with room and length of each text.
    """

    places: Tensor
    room: Tensor
    back: Tensor
    spans: tuple[tuple[int, int, int], ...]

    @property
    def longest(self) -> int:
        """The most tokens that one of them has room for."""
        return max(length for _, length, _ in self.spans)


def with_room(lengths: Sequence[int]) -> Texts:
    """Give texts that lie one after another room up to a round length."""
    held = np.array(lengths, dtype=np.int64)
    steps = np.where(held <= _LONG, _STEP, _LONG_STEP)
    rooms = -(-held // steps) * steps
    starts, ends = np.cumsum(held) - held, np.cumsum(rooms) - rooms
    own = np.arange(rooms.sum()) - np.repeat(ends, rooms)  # place in its text
    places = np.repeat(starts, rooms) + np.minimum(own, np.repeat(held, rooms) - 1)
    is_room = own >= np.repeat(held, rooms)
    return Texts(
        torch.from_numpy(places),
        torch.from_numpy(np.flatnonzero(is_room)),
        torch.from_numpy(np.flatnonzero(~is_room)),
        tuple(zip(ends.tolist(), rooms.tolist(), held.tolist(), strict=True)),
    )


def attend(query: Tensor, key: Tensor, value: Tensor, texts: Texts, scale: Callable[[int], float]) -> Tensor:
    """Attend within each text.

    Args:
        query: ``(heads, tokens, head_dim)``, bfloat16.
        key: likewise.
        value: likewise.
        texts: where each text lies.
        scale: the factor on the scores of a text of so many tokens.

    Returns:
        ``(tokens, heads, head_dim)``.
    """
    queries, keys, values = (states.index_select(1, texts.places) for states in (query, key, value))
    values[:, texts.room] = 0
    sums = queries.new_empty(queries.shape[:2])
    seen = torch.empty_like(queries)
    for start, length, tokens in texts.spans:
        own = slice(start, start + length)
        keys[:, own] -= keys[:, own].mean(1, keepdim=True)  # shifts all scores of a query alike
        scaled = queries[:, own] * (scale(tokens) * _LOG2_E)
        _attend(scaled, keys[:, own], values[:, own], tokens, seen[:, own], sums[:, own])
    held = (sums > _LEAST) & (sums < _MOST)
    seen /= sums[:, :, None]
    if not held.all():
        for start, length, tokens in texts.spans:
            if not held[:, start : start + length].all():
                own = slice(start, start + tokens)
                q, k, v = (states[None, :, own] for states in (queries, keys, values))
                seen[:, own] = scaled_dot_product_attention(q, k, v, scale=scale(tokens))[0]
    return seen.index_select(1, texts.back).transpose(0, 1)


def _attend(query: Tensor, key: Tensor, value: Tensor, tokens: int, seen: Tensor, sums: Tensor) -> None:
    """Write the weighted values of one text to ``seen``, not divided by ``sums`` yet."""
    if query.shape[1] <= _ROWS:
        weights = torch.bmm(query, key.transpose(1, 2)).exp2_()
        torch.sum(weights[:, :, :tokens], -1, out=sums)
        seen.copy_(torch.bmm(weights, value))
        return
    for head in range(query.shape[0]):
        for first in range(0, query.shape[1], _ROWS):
            rows = slice(first, first + _ROWS)
            weights = torch.mm(query[head, rows], key[head].t()).exp2_()
            torch.sum(weights[:, :tokens], -1, out=sums[head, rows])
            torch.mm(weights, value[head], out=seen[head, rows])
