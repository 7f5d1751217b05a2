"""Attention by torch's own kernel, text by text, without copying.

With AMX, and in float32 on any processor, it is the quickest there is on a CPU: it reads queries,
keys and values where a linear layer left them. What a text lacks of a round number of tokens is
lent by its neighbour, unseen: the kernel computes the odd ones without vectors, and a text of 159
tokens took twice as long as one of 160.
"""

from __future__ import annotations

import torch
from torch import Tensor


def attend_texts(
    query: Tensor, key: Tensor, value: Tensor, counts: list[int], scales: list[float], masks: list[Tensor]
) -> Tensor:
    """Attend within each text; written so that TorchScript compiles it too.

    Args:
        query: ``(tokens, heads, head_dim)``, of any strides.
        key: likewise.
        value: likewise.
        counts: how many texts of one length follow each other, and the tokens of each, by turns.
        scales: the factor on the scores of each such group.
        masks: of these counts, see `masks_of`.

    Returns:
        ``(tokens, heads, head_dim)``, 0 after the last text.
    """
    tokens = query.size(0)
    seen = torch.empty([tokens, query.size(1), value.size(2)], dtype=query.dtype, device=query.device)
    start = 0
    for group in range(len(masks)):
        texts, length, mask = counts[2 * group], counts[2 * group + 1], masks[group]
        room, end = mask.size(3), start + texts * length
        last = end + room - length
        queries, keys, values = query[start:last], key[start:last], value[start:last]
        if last > tokens:
            lacking = [0, 0, 0, 0, 0, last - tokens]
            queries = torch.nn.functional.pad(queries, lacking)
            keys = torch.nn.functional.pad(keys, lacking)
            values = torch.nn.functional.pad(values, lacking)
        queries = queries.unfold(0, room, length).transpose(2, 3)
        keys = keys.unfold(0, room, length).transpose(2, 3)
        values = values.unfold(0, room, length).transpose(2, 3)
        if length >= 2048:  # they are read so often that laying them out costs less
            keys, values = keys.contiguous(), values.contiguous()
        into = torch.nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask if room > length else None, scale=scales[group]
        )
        seen[start:end] = into[:, :, :length].transpose(1, 2).flatten(0, 1)
        start = end
    seen[start:] = 0
    return seen


def masks_of(counts: list[int], like: Tensor) -> list[Tensor]:
    """Return what `attend_texts` adds to the scores of each group; TorchScript compiles it.

    Args:
        counts: see there.
        like: a tensor of the queries' type.

    Returns:
        for each group ``(1, 1, 1, room)``: 0 for each token of a text, minus infinity for one lent.
    """
    masks: list[Tensor] = []
    for group in range(len(counts) // 2):
        length = counts[2 * group + 1]
        lacking = 16 - length % 16
        if lacking > 13 or length > 1024 or like.device.type != "cpu":  # hardly odd, or a mask costs as much
            lacking = 0
        mask = torch.zeros([1, 1, 1, length + lacking], dtype=like.dtype, device=like.device)
        mask[:, :, :, length:] = -float("inf")
        masks.append(mask)
    return masks
