"""Attention by products equals torch's attention in float32, within the rounding of bfloat16."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity, scaled_dot_product_attention

from encoders import torch_forward, torch_products
from encoders.loading import load_encoder
from encoders.torch_products import SHORTEST, Texts, attend, by_torch

HEADS, WIDTH = 3, 32
SCALE = WIDTH**-0.5


def drawn(tokens, *, size=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(3, HEADS, tokens, WIDTH, generator=generator)
    states[:2] *= size
    return states.to(torch.bfloat16)


def expected(states, lengths, scale):
    parts, start = [], 0
    for tokens in lengths:
        query, key, value = states[:, None, :, start : start + tokens].float()
        parts.append(scaled_dot_product_attention(query, key, value, scale=scale(tokens))[0].transpose(0, 1))
        start += tokens
    return torch.cat(parts)


def laid(lengths):
    return Texts(lengths, row=sum(lengths))


def least_cosine(got, wanted):
    return float(cosine_similarity(got.float(), wanted, dim=-1).min())


@pytest.mark.parametrize(
    "lengths", [[1], [7, 7, 16, 17], [160, 100, 2], [256, 257], [700], [512, 513], [1100, 3]]
)
def test_products_agree_with_torch_whatever_the_lengths(lengths):
    states = drawn(sum(lengths))
    got = attend(*states, laid(lengths), lambda tokens: SCALE)
    assert got.shape == (sum(lengths), HEADS, WIDTH)
    assert least_cosine(got, expected(states, lengths, lambda tokens: SCALE)) > 0.999


@pytest.mark.parametrize("lengths", [[20, 40], [20, 300]])
def test_each_text_has_the_scale_of_its_length(lengths):
    states = drawn(sum(lengths))
    scale = lambda tokens: SCALE * (2 if tokens == 20 else 1)  # noqa: E731
    got = attend(*states, laid(lengths), scale)
    assert least_cosine(got, expected(states, lengths, scale)) > 0.999


def test_a_text_does_not_depend_on_the_others():
    states = drawn(130)
    alone = attend(*states[:, :, :30], laid([30]), lambda tokens: SCALE)
    beside = attend(*states, laid([30, 100]), lambda tokens: SCALE)
    assert torch.equal(alone, beside[:30])


def test_what_all_keys_have_in_common_changes_nothing():
    states = drawn(50)
    shifted = states.clone()
    shifted[1] += 100.0
    wanted = expected(shifted, [50], lambda tokens: SCALE)
    assert least_cosine(attend(*shifted, laid([50]), lambda tokens: SCALE), wanted) > 0.999


def test_scores_beyond_the_exponents_are_left_to_torch(monkeypatch):
    states, asked = drawn(90), []
    states[:2, :, 50:] *= 40
    monkeypatch.setattr(
        torch_products, "by_torch", lambda q, k, v: asked.append(q.shape[1]) or by_torch(q, k, v)
    )
    got = attend(*states, laid([50, 40]), lambda tokens: SCALE)
    assert asked == [40]
    assert torch.isfinite(got).all()
    assert least_cosine(got[:50], expected(states, [50, 40], lambda tokens: SCALE)[:50]) > 0.999


@pytest.mark.parametrize(("words", "products"), [(SHORTEST - 3, 0), (SHORTEST - 2, 1)])
def test_products_are_for_texts_that_are_not_short(words, products, monkeypatch):
    laid_out = []
    monkeypatch.setattr(
        torch_forward, "Texts", lambda sizes, row: laid_out.append(sizes) or Texts(sizes, row=row)
    )
    encoder = load_encoder("bundled", threads=1, dtype="bfloat16")
    encoder.parts.forward._by_products = True
    encoder.encode(["rent " * words] * 3)
    assert len(laid_out) == products
