"""Attention by torch's kernel, with tokens lent up to a round length, equals attention of each text alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from encoders.torch_compiled import compiled
from encoders.torch_kernel import attend_texts, masks_of
from encoders.torch_products import products_pay

HEADS, WIDTH = 3, 32
SCALE = WIDTH**-0.5
WITHIN = {torch.bfloat16: 2e-2, torch.float32: 1e-5}


def drawn(tokens, *, dtype=torch.float32, seed=0):
    """Return queries, keys and values as a linear layer leaves them: side by side for each token."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tokens, 3, HEADS, WIDTH, generator=generator).to(dtype).unbind(1)


def attend(states, counts, scales, function=attend_texts):
    return function(*states, counts, scales, masks_of(counts, states[0]))


def expected(states, counts, scales):
    parts, start = [], 0
    for group, scale in enumerate(scales):
        for _ in range(counts[2 * group]):
            end = start + counts[2 * group + 1]
            query, key, value = (part[start:end].float().transpose(0, 1)[None] for part in states)
            parts.append(scaled_dot_product_attention(query, key, value, scale=scale)[0].transpose(0, 1))
            start = end
    return torch.cat(parts)


@pytest.mark.parametrize("dtype", WITHIN)
@pytest.mark.parametrize(
    "counts",
    [[1, 1], [2, 7, 1, 16, 3, 17], [1, 2, 2, 31, 1, 159], [4, 25], [1, 100, 1, 1030], [1, 2050]],
    ids=str,
)
@pytest.mark.parametrize("after", [0, 5, 40])
def test_texts_attend_as_if_alone_whatever_their_lengths(counts, dtype, after):
    tokens = sum(texts * length for texts, length in zip(counts[::2], counts[1::2], strict=True))
    states = drawn(tokens + after, dtype=dtype)
    scales = [SCALE * (1 + group) for group in range(len(counts) // 2)]
    wanted = expected(states, counts, scales)
    for function in (attend_texts, compiled(attend_texts)):
        got = attend(states, counts, scales, function)
        assert got.shape == (tokens + after, HEADS, WIDTH)
        assert (got[:tokens].float() - wanted).abs().max() < WITHIN[dtype]
        assert not got[tokens:].any()


@pytest.mark.parametrize("dtype", WITHIN)
@pytest.mark.parametrize("length", [8, 25, 31, 95])
def test_a_text_is_the_same_to_the_last_bit_wherever_it_stands(length, dtype):
    own, others = drawn(length, dtype=dtype), drawn(100, dtype=dtype, seed=1)
    alone = attend(own, [1, length], [SCALE])
    states = [torch.cat(parts) for parts in zip(own, others, own, strict=True)]
    beside = attend(states, [1, length, 2, 50, 1, length], [SCALE] * 3)
    assert torch.equal(beside[:length], alone)
    assert torch.equal(beside[-length:], alone)


def test_tokens_are_lent_where_a_text_lacks_some_of_a_round_number():
    counts = [1, 16, 1, 18, 1, 19, 2, 31, 1, 1023, 1, 1025]
    rooms = [mask.numel() for mask in masks_of(counts, torch.zeros(1))]
    assert rooms == [16, 18, 32, 32, 1024, 1025]
    [mask] = masks_of([1, 14], torch.zeros(1))
    assert mask.flatten().tolist() == [0.0] * 14 + [-torch.inf] * 2


def test_products_pay_in_bfloat16_without_amx():
    assert products_pay(torch.bfloat16, {"avx512_bf16"})
    assert not products_pay(torch.bfloat16, {"avx512_bf16", "amx_bf16"})
    assert not products_pay(torch.float32, {"avx512_bf16"})
