"""What a graphics card computes; run where there is one."""

import numpy as np
import pytest
import torch
from test_forward import TEXTS
from tiny_models import FAMILIES, LENGTH, WORDS

from encoders.torch_varlen import attend_at_once, attends_at_once, bounds_of

CARD = torch.device("cuda", 0) if torch.cuda.is_available() else None
needs_card = pytest.mark.skipif(CARD is None, reason="no graphics card of NVIDIA's")
pytestmark = pytest.mark.gpu
families = pytest.mark.parametrize("family", FAMILIES)
LONG = [*TEXTS, " ".join(WORDS * 9), " ".join(WORDS)]


def test_a_processor_has_no_kernel_for_all_texts_at_once():
    assert not attends_at_once(torch.device("cpu"), torch.bfloat16)


@needs_card
def test_a_card_has_the_kernel_in_16_bits_alone():
    assert attends_at_once(CARD, torch.bfloat16)
    assert not attends_at_once(CARD, torch.float32)


@needs_card
@families
def test_a_card_gives_the_vectors_of_the_processor(load, family):
    exact = load(family, device="cpu").encode(LONG)
    np.testing.assert_allclose(load(family, device="cuda").encode(LONG), exact, atol=2e-5)


@needs_card
@families
def test_16_bits_on_a_card_are_near_the_processor(load, family):
    exact = load(family, device="cpu").encode(LONG)
    found = load(family, device="cuda", dtype="bfloat16").encode(LONG)
    assert (found * exact).sum(axis=1).min() > 0.98
    alone = np.concatenate([load(family, device="cuda", dtype="bfloat16").encode([text]) for text in LONG])
    assert (found * alone).sum(axis=1).min() > 0.995


@needs_card
@pytest.mark.parametrize(
    ("family", "extend"),
    [
        ("bert", f"pi:{4 * LENGTH}"),
        ("bert", f"gp:{4 * LENGTH}"),
        ("bert", f"rp:{4 * LENGTH}"),
        ("bert", f"pcw:{4 * LENGTH}"),
        ("nomic_bert", f"ntk:{4 * LENGTH}"),
        ("qwen3", f"yarn:{4 * LENGTH}"),
        ("qwen3", f"selfextend:{4 * LENGTH}"),
        ("nomic_bert", f"selfextend:{4 * LENGTH}"),
    ],
)
@pytest.mark.parametrize("scaled", [False, True])
def test_extensions_on_a_card(load, family, extend, scaled):
    options = {"extend": extend, "temperature": 0.8, "query_scaling": scaled}
    exact = load(family, device="cpu", **options)
    card = load(family, device="cuda", **options)
    np.testing.assert_allclose(card.encode(LONG), exact.encode(LONG), atol=3e-5)


@needs_card
@families
def test_token_vectors_and_documents_on_a_card(load, family):
    exact, card = load(family, device="cpu"), load(family, device="cuda")
    text = " ".join(WORDS * 30)
    expected, found = exact.encode_tokens(text), card.encode_tokens(text)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=2e-4)
    together = card.encode_tokens_of(LONG)
    assert [len(one.vectors) for one in together] == [
        len(one.vectors) for one in exact.encode_tokens_of(LONG)
    ]
    np.testing.assert_allclose(
        card.encode_document(text).vectors, exact.encode_document(text).vectors, atol=2e-5
    )


@needs_card
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("key_heads", [4, 2])
def test_the_kernel_attends_as_a_mask_says(causal, window, key_heads):
    lengths = [3, 1, 40, 17]
    torch.manual_seed(0)
    query, key, value = (
        torch.randn(1, heads, sum(lengths), 16, device=CARD, dtype=torch.bfloat16)
        for heads in (4, key_heads, key_heads)
    )
    found = attend_at_once(
        query, key, value, bounds_of(lengths, CARD), scale=0.3, causal=causal, window=window
    )
    text = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).to(CARD)
    place = torch.arange(sum(lengths), device=CARD)
    distance = place[:, None] - place[None]
    seen = text[:, None] == text[None]
    if causal:
        seen &= distance >= 0
    if window is not None:
        seen &= distance.abs() < window
    key, value = (states.repeat_interleave(4 // key_heads, dim=1).float() for states in (key, value))
    scores = (query.float() @ key.transpose(2, 3) * 0.3).masked_fill(~seen, float("-inf"))
    expected = (scores.softmax(-1) @ value).transpose(1, 2)
    assert torch.allclose(found.float(), expected, atol=0.02)
