"""Attention by matrix products: in bfloat16 on a CPU without AMX.

torch's kernel computes its products tile by tile, and without AMX in bfloat16 far below the rate
of the machine; on whole texts oneDNN reaches it, and what remains is one exponential a score. The
maximum of a row need not be known: bfloat16 has the exponents of float32, and a text whose sums
come near their ends is computed by torch's kernel. Everywhere else, and for texts as short as questions,
that kernel is the quicker one (`encoders.torch_kernel`).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set

    from torch import Tensor

SHORTEST: Final = 48
"""Texts of fewer tokens on average are done sooner by torch's kernel, a seventh for a single question."""
_STEP: Final = 16
_LONG: Final = 256
_LONG_STEP: Final = 64
"""Every length is another computation that oneDNN must prepare, so lengths are rounded up."""

_SCORES: Final = 400_000
"""Scores that stay in the cache between one step and the next."""


def products_pay(dtype: torch.dtype, flags: Set[str]) -> bool:
    """Tell whether products are quicker than torch's kernel, on a CPU with these `processor_flags`."""
    return dtype == torch.bfloat16 and "amx_bf16" not in flags


class Blocks(NamedTuple):
    """Where the heads of texts lie: text by text, head by head, token by token.

    Attributes:
        rows: for each row of the blocks, which row ``(head_dim,)`` of the states it is. The room
            of a text repeats its last token.
        room: which of them are room.
        back: for each token and head of the states, which row of the blocks it is.
        spans: how many texts of one length follow each other, the room of each in tokens, and its
            tokens; these three by turns, for no more texts than the cache holds scores of.
    """

    rows: Tensor
    room: Tensor
    back: Tensor
    spans: list[int]


class Texts:
    """Texts that lie one after another, each with room up to a round length.

    Args:
        lengths: tokens of each.
        row: tokens of the row that they lie in; those after the last text are of none.

    Attributes:
        held: ``(texts,)``, the lengths.
        rooms: ``(texts,)``, what they are rounded up to.
    """

    def __init__(self, lengths: Sequence[int], *, row: int) -> None:
        held = np.array(lengths, dtype=np.int64)
        steps = np.where(held <= _LONG, _STEP, _LONG_STEP)
        self.held = torch.from_numpy(held)
        self.rooms = torch.from_numpy(-(-held // steps) * steps)
        self.row = row
        self._blocks: dict[tuple[int, int], Blocks] = {}

    def spans(self, heads: int) -> list[int]:
        """Return the spans of `Blocks`."""
        spans: list[int] = []
        for tokens, run in groupby(zip(self.rooms.tolist(), self.held.tolist(), strict=True)):
            left, most = len(list(run)), max(1, _SCORES // (heads * tokens[0] ** 2))
            for first in range(0, left, most):
                spans += (min(most, left - first), *tokens)
        return spans

    def blocks(self, heads: int, *, beside: int = 1) -> Blocks:
        """Return where the heads lie, of states that hold ``beside`` rows of heads for each token."""
        if (heads, beside) not in self._blocks:
            places = lay_out(self.held, self.rooms, self.row, heads, beside)
            self._blocks[heads, beside] = Blocks(*places, self.spans(heads))
        return self._blocks[heads, beside]


def lay_out(held: Tensor, rooms: Tensor, row: int, heads: int, beside: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, room and way back of `Blocks`; written so that TorchScript compiles it too.

    Args:
        held: of `Texts`; the next two likewise.
        rooms: see there.
        row: see there.
        heads: of attention.
        beside: rows of heads that the states hold for each token.
    """
    size = heads * rooms
    text = torch.repeat_interleave(torch.arange(held.size(0)), size)
    own = torch.arange(text.size(0)) - (size.cumsum(0) - size).index_select(0, text)
    width = rooms.index_select(0, text)
    head = torch.div(own, width, rounding_mode="floor")
    token, last = own - head * width, held.index_select(0, text) - 1
    first = (held.cumsum(0) - held).index_select(0, text)
    rows = (first + torch.minimum(token, last)) * (beside * heads) + head
    is_own = token <= last
    places = is_own.nonzero().flatten()
    back = torch.zeros(row * heads, dtype=torch.int64)
    back.index_copy_(0, ((first + token) * heads + head).index_select(0, places), places)
    return rows, is_own.logical_not().nonzero().flatten(), back


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
    heads, tokens, width = query.shape
    rows, room, back, spans = texts.blocks(heads)
    queries, keys, values = (
        states.transpose(0, 1).reshape(-1, width).index_select(0, rows) for states in (query, key, value)
    )
    values.index_fill_(0, room, 0)
    scales = [scale(length) for length in spans[2::3]]
    seen = attend_blocks(queries, keys, values, spans, scales, heads)
    return seen.index_select(0, back).view(tokens, heads, width)


def attend_blocks(
    queries: Tensor, keys: Tensor, values: Tensor, spans: list[int], scales: list[float], heads: int
) -> Tensor:
    """Attend within each text; written so that TorchScript compiles it too.

    Args:
        queries: ``(rows, head_dim)`` as `Blocks` says, bfloat16; it and the keys may be overwritten.
        keys: likewise.
        values: likewise, 0 where room is.
        spans: of `Blocks`.
        scales: the factor on the scores of each span.
        heads: of attention.

    Returns:
        ``(rows, head_dim)``.
    """
    width = queries.size(1)
    base = 1.4426950408889634  # the exponential of base 2 is the quicker one
    alike = max(scales) == min(scales)
    if alike:
        queries = queries * (scales[0] * base)  # in place, TorchScript would round the factor
    seen = torch.empty_like(queries)
    sums = queries.new_empty(queries.size(0))
    start = 0
    for span in range(len(scales)):
        count, length, tokens = heads * spans[3 * span], spans[3 * span + 1], spans[3 * span + 2]
        end = start + count * length
        if not alike:
            queries[start:end] = queries[start:end] * (scales[span] * base)
        query = queries[start:end].view(count, length, width)
        key = keys[start:end].view(count, length, width)
        value = values[start:end].view(count, length, width)
        into, own = seen[start:end].view(count, length, width), sums[start:end].view(count, length)
        start = end
        key -= key[:, ::8].mean(1, keepdim=True)  # shifts all scores of a query alike, most of them near 0
        if length <= 512:
            weights = torch.bmm(query, key.transpose(1, 2)).exp2_()
            torch.sum(weights[:, :, :tokens], -1, out=own)
            torch.bmm(weights, value, out=into)
        else:  # 512 queries of one head at a time, so that their scores stay in the cache
            for head in range(count):
                for first in range(0, length, 512):
                    last = min(first + 512, length)
                    scores = torch.mm(query[head, first:last], key[head].t()).exp2_()
                    torch.sum(scores[:, :tokens], -1, out=own[head, first:last])
                    torch.mm(scores, value[head], out=into[head, first:last])
    held = (sums > 2.0**-64) & (sums < 2.0**120)  # nothing that counts was cut off, nothing overflowed
    seen /= sums[:, None]
    if not bool(held.all()):
        start = 0
        for span in range(len(scales)):
            count, length, tokens = heads * spans[3 * span], spans[3 * span + 1], spans[3 * span + 2]
            end = start + count * length
            if not bool(held[start:end].all()):
                seen[start:end].view(count, length, width)[:, :tokens] = by_torch(
                    queries[start:end].view(count, length, width)[:, :tokens],
                    keys[start:end].view(count, length, width)[:, :tokens],
                    values[start:end].view(count, length, width)[:, :tokens],
                )
            start = end
    return seen


def by_torch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend by torch's kernel.

    Args:
        query: ``(heads, tokens, head_dim)``, scaled for exponentials of base 2.
        key: likewise, not scaled.
        value: likewise.
    """
    attend_one = torch.nn.functional.scaled_dot_product_attention
    return attend_one(query[None], key[None], value[None], scale=0.6931471805599453)[0]
