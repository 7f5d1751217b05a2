"""Layers that let go of Python's lock compute what the others compute."""

from __future__ import annotations

import pytest
import torch

from encoders.loading import load_encoder
from encoders.torch_compiled import can_compile, compiled, run_layers
from encoders.torch_forward import cut_row
from encoders.torch_pooling import pool_all
from encoders.torch_products import Texts

TEXTS = [
    "rent",
    "costs",
    "fee",
    "who pays the costs of termination?",
    "a much longer text " * 40,
    "7 %",
    "rent " * 200,
]


@pytest.mark.skipif(not can_compile(), reason="this Python has no TorchScript")
@pytest.mark.parametrize(
    "texts", [TEXTS[-1:], TEXTS, [*TEXTS, "the rent " * 150]], ids=["one", "several", "a long one too"]
)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("by_products", [False, True], ids=["by torch's kernel", "by products"])
def test_compiled_layers_give_the_same_vectors_to_the_last_bit(texts, dtype, by_products):
    encoder = load_encoder("bundled", threads=1, dtype=dtype)
    encoder.parts.forward._by_products = by_products
    module = encoder.parts.forward._model.module
    if module._compiled is None:
        pytest.skip("oneDNN does not compute it on this processor")
    compiled = [encoder.encode(texts, kind="query") for _ in range(3)]  # TorchScript rewrites itself at first
    module._compiled = None
    for found in compiled:
        assert (found == encoder.encode(texts, kind="query")).all()


@pytest.mark.skipif(not can_compile(), reason="this Python has no TorchScript")
def test_sums_near_their_ends_are_computed_by_torchs_kernel_there_too():
    module = load_encoder("bundled", threads=1, dtype="bfloat16").parts.forward._model.module
    if module._compiled is None:
        pytest.skip("oneDNN does not compute it on this processor")
    states = 300 * torch.randn(1, 30, 384, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(run_on(module, states.bfloat16(), scale=4.0).float()).all()


@pytest.mark.skipif(not can_compile(), reason="this Python has no TorchScript")
def test_gelu_in_the_product_or_after_it_is_the_same():
    module = load_encoder("bundled", threads=1, dtype="float32").parts.forward._model.module
    if module._compiled is None:
        pytest.skip("oneDNN computes nothing on this processor")
    states = torch.randn(1, 30, 384, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        inside, after = (run_on(module, states, scale=0.2, fused=fused) for fused in (True, False))
    assert torch.allclose(inside, after, atol=1e-4)


def run_on(module, states, *, scale, fused=True):
    weights = [weight for layer in module._layers for weight in layer.packed()]
    rows, room, back, spans = Texts([12, 18], row=30).blocks(12, beside=3)
    scales = [scale] * (len(spans) // 3)
    return compiled(run_layers)(states, weights, (rows, room, back), spans, scales, 12, 1e-12, fused)


def test_poolings_are_those_of_their_definitions():
    generator = torch.Generator().manual_seed(0)
    groups = [torch.randn(2, 5, 4, generator=generator), torch.randn(1, 3, 4, generator=generator)]
    names = ["mean", "cls", "max", "last", "weighted_mean", "mean_sqrt"]
    got = compiled(pool_all)(groups, names, 1)
    for row, states in enumerate([*groups[0][:, 1:], groups[1][0, 1:]]):
        tokens = states.tolist()
        by_place = [(place + 2) * token for place, token in enumerate(states)]  # the skipped one has place 1
        wanted = [
            states.sum(0) / len(tokens),
            states[0],
            torch.tensor([max(column) for column in zip(*tokens, strict=True)]),
            states[-1],
            sum(by_place) / sum(range(2, len(tokens) + 2)),
            states.sum(0) / len(tokens) ** 0.5,
        ]
        assert torch.allclose(got[row], torch.cat(wanted), atol=1e-6)


def test_a_pooling_that_nobody_defined_is_refused():
    with pytest.raises(Exception, match="no pooling median"):
        compiled(pool_all)([torch.zeros(1, 2, 3)], ["median"], 0)


def test_a_row_is_cut_into_texts_of_one_length():
    hidden = torch.arange(24.0).view(1, 12, 2)
    first, second = compiled(cut_row)(hidden, [2, 3, 1, 4])
    assert torch.equal(first, hidden[0, :6].view(2, 3, 2))
    assert torch.equal(second, hidden[:, 6:10])


def test_room_is_given_up_to_a_round_length():
    assert Texts([3, 17, 300], row=328).blocks(2).spans == [1, 16, 3, 1, 32, 17, 1, 320, 300]


def test_texts_of_one_length_go_together_as_far_as_the_cache_holds_their_scores():
    assert Texts([20] * 5 + [21], row=121).blocks(12).spans == [5, 32, 20, 1, 32, 21]
    assert Texts([160] * 3, row=480).blocks(12).spans == [1, 160, 160] * 3


@pytest.mark.parametrize("beside", [1, 3])
def test_every_head_of_every_token_goes_into_its_block_and_back(beside):
    heads, lengths, row = 2, [3, 17, 300], 328
    rows, room, back, _ = Texts(lengths, row=row).blocks(heads, beside=beside)
    assert rows[:16].tolist() == [0, beside * heads, 2 * beside * heads] + [2 * beside * heads] * 13
    assert rows[16:19].tolist() == [1, beside * heads + 1, 2 * beside * heads + 1]
    assert room[:14].tolist() == [*range(3, 16), 19]
    assert len(room) == heads * (13 + 15 + 20)
    states = torch.arange(row * beside * heads).view(row, beside, heads)
    found = states.view(-1)[rows][back].view(row, heads)
    assert torch.equal(found[:320], states[:320, 0])
