"""The layers of a BERT as one call that does not hold Python's lock.

Each operation of torch lets go of Python's lock and takes it again, and beside threads that
compute in Python it waits for it up to five milliseconds each time: a question that takes 8 ms
alone took 700. As TorchScript the layers wait once. They compute what `encoders.torch_bert`
and `encoders.torch_products` compute, to the last bit.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from encoders.torch_products import Texts

LONGEST: Final = 512
"""A text of more tokens is attended part by part in `encoders.torch_products`."""


class CompiledLayers:
    """All layers of a BERT whose products are oneDNN's.

    Args:
        weights: of each layer twelve, each weight before its bias: of queries, keys and values
            side by side, of the join of heads, of the norm after it, of the wider layer, of the
            way back and of the norm after that. Those of products are in oneDNN's layout.
        heads: of attention.
        eps: of the norms.
    """

    def __init__(self, weights: Sequence[Tensor], *, heads: int, eps: float) -> None:
        self._weights = list(weights)
        self._heads = heads
        self._eps = eps
        self._run = _compiled()

    def __call__(self, states: Tensor, texts: Texts, scale: Callable[[int], float]) -> Tensor:
        """Run them.

        Args:
            states: ``(1, tokens, hidden)`` that the first layer reads.
            texts: where each text lies; none is long.
            scale: the factor on the scores of a text of so many tokens.

        Returns:
            ``(1, tokens, hidden)``.
        """
        spans = [number for span in texts.spans for number in span]
        scales = [scale(tokens) for _, _, tokens in texts.spans]
        made: Tensor = self._run(
            states,
            self._weights,
            (texts.places, texts.room, texts.back),
            spans,
            scales,
            self._heads,
            self._eps,
        )
        return made


def can_compile() -> bool:
    """Tell whether this Python has TorchScript; torch says that it will go."""
    return sys.version_info < (3, 14)


def _compiled() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(_layers)


def _layers(
    states: Tensor,
    weights: list[Tensor],
    places: tuple[Tensor, Tensor, Tensor],
    spans: list[int],
    scales: list[float],
    heads: int,
    eps: float,
) -> Tensor:
    width = states.size(2)
    for layer in range(len(weights) // 12):
        own = weights[12 * layer : 12 * layer + 12]
        sides = torch.ops.mkldnn._linear_pointwise(states, own[0], own[1], "none", [], "")
        seen = _attend(sides, places, spans, scales, heads)
        attended = torch.ops.mkldnn._linear_pointwise(seen, states, own[2], own[3], "add")
        attended = torch.nn.functional.layer_norm(attended, [width], own[4], own[5], eps)
        wide = torch.ops.mkldnn._linear_pointwise(attended, own[6], own[7], "gelu", [], "none")
        narrow = torch.ops.mkldnn._linear_pointwise(wide, attended, own[8], own[9], "add")
        states = torch.nn.functional.layer_norm(narrow, [width], own[10], own[11], eps)
    return states


def _attend(
    sides: Tensor,
    places: tuple[Tensor, Tensor, Tensor],
    spans: list[int],
    scales: list[float],
    heads: int,
) -> Tensor:
    parts = sides[0].view(sides.size(1), 3, heads, -1).permute(1, 2, 0, 3)
    queries = parts[0].index_select(1, places[0])
    keys = parts[1].index_select(1, places[0])
    values = parts[2].index_select(1, places[0])
    values.index_fill_(1, places[1], 0)
    sums = queries.new_empty(queries.size(0), queries.size(1))
    seen = torch.empty_like(queries)
    for text in range(len(scales)):
        start, length, tokens = spans[3 * text], spans[3 * text + 1], spans[3 * text + 2]
        end = start + length
        keys[:, start:end] -= keys[:, start:end].mean(1, keepdim=True)
        scaled = queries[:, start:end] * (scales[text] * 1.4426950408889634)
        scores = torch.bmm(scaled, keys[:, start:end].transpose(1, 2)).exp2_()
        sums[:, start:end] = torch.sum(scores[:, :, :tokens], -1)
        seen[:, start:end] = torch.bmm(scores, values[:, start:end])
    held = (sums > 2.0**-64) & (sums < 2.0**64)
    seen /= sums[:, :, None]
    if not bool(held.all()):
        for text in range(len(scales)):
            start, length, tokens = spans[3 * text], spans[3 * text + 1], spans[3 * text + 2]
            if not bool(held[:, start : start + length].all()):
                end = start + tokens
                seen[:, start:end] = torch.nn.functional.scaled_dot_product_attention(
                    queries[None, :, start:end],
                    keys[None, :, start:end],
                    values[None, :, start:end],
                    scale=scales[text],
                )[0]
    return seen.index_select(1, places[2]).transpose(0, 1).flatten(1)[None]
