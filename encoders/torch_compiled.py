"""A BERT as one call that does not hold Python's lock.

Each operation of torch lets go of Python's lock and takes it again, and beside threads that
compute in Python it waits for it up to five milliseconds each time: a question that takes 8 ms
alone took 700. As TorchScript the model waits once. It computes what `encoders.torch_bert`
and `encoders.torch_products` compute, to the last bit.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor

from encoders.torch_fusion import fuses_gelu
from encoders.torch_products import attend_blocks, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from encoders.torch_products import Texts

_Function = TypeVar("_Function", bound="Callable[..., Any]")


class CompiledBert:
    """A BERT whose products are oneDNN's.

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
        self._fused = fuses_gelu(weights[4].dtype)
        self._run = compiled(_bert)

    def __call__(
        self, tokens: Sequence[Tensor], tables: Sequence[Tensor], texts: Texts, scale: Callable[[int], float]
    ) -> Tensor:
        """Run it.

        Args:
            tokens: ids, positions and token types, each ``(1, tokens)``.
            tables: of words, positions and token types, and weight and bias of the norm after them.
            texts: where each text lies.
            scale: the factor on the scores of a text of so many tokens.

        Returns:
            ``(1, tokens, hidden)``.
        """
        spans = texts.spans(self._heads)
        made: Tensor = self._run(
            list(tokens),
            list(tables),
            self._weights,
            (texts.held, texts.rooms, texts.row),
            spans,
            [scale(length) for length in spans[2::3]],
            self._heads,
            self._eps,
            self._fused,
        )
        return made


def can_compile() -> bool:
    """Tell whether this Python has TorchScript; torch says that it will go."""
    return sys.version_info < (3, 14)


def compiled(function: _Function) -> _Function:
    """Return a function of tensors as TorchScript, where this Python has it."""
    if not can_compile():
        return function
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return cast("_Function", torch.jit.script(function))


def _bert(
    tokens: list[Tensor],
    tables: list[Tensor],
    weights: list[Tensor],
    texts: tuple[Tensor, Tensor, int],
    spans: list[int],
    scales: list[float],
    heads: int,
    eps: float,
    fused: bool,
) -> Tensor:
    blocks = lay_out(texts[0], texts[1], texts[2], heads, 3)
    return run_layers(embed(tokens, tables, eps), weights, blocks, spans, scales, heads, eps, fused)


def embed(tokens: list[Tensor], tables: list[Tensor], eps: float) -> Tensor:
    """Return the states ``(1, tokens, hidden)`` that the first layer reads; see `CompiledBert`."""
    words = torch.nn.functional.embedding(tokens[0], tables[0])
    words = words + torch.nn.functional.embedding(tokens[2], tables[2])
    words = words + torch.nn.functional.embedding(tokens[1], tables[1])
    return torch.nn.functional.layer_norm(words, [words.size(2)], tables[3], tables[4], eps)


def run_layers(
    states: Tensor,
    weights: list[Tensor],
    blocks: tuple[Tensor, Tensor, Tensor],
    spans: list[int],
    scales: list[float],
    heads: int,
    eps: float,
    fused: bool,
) -> Tensor:
    """Run the layers of a BERT; see `CompiledBert`, `fuses_gelu` and `encoders.torch_products.Blocks`."""
    rows, room, back = blocks
    width = states.size(2)
    for layer in range(len(weights) // 12):
        own = weights[12 * layer : 12 * layer + 12]
        sides = torch.ops.mkldnn._linear_pointwise(states, own[0], own[1], "none", [], "")
        parts = sides.view(-1, width // heads)
        queries = parts.index_select(0, rows)
        keys = parts[heads:].index_select(0, rows)
        values = parts[2 * heads :].index_select(0, rows)
        values.index_fill_(0, room, 0)
        seen = attend_blocks(queries, keys, values, spans, scales, heads)
        seen = seen.index_select(0, back).view(1, -1, width)
        attended = torch.ops.mkldnn._linear_pointwise(seen, states, own[2], own[3], "add")
        attended = torch.nn.functional.layer_norm(attended, [width], own[4], own[5], eps)
        if fused:
            wide = torch.ops.mkldnn._linear_pointwise(attended, own[6], own[7], "gelu", [], "none")
        else:
            wide = torch.ops.mkldnn._linear_pointwise(attended, own[6], own[7], "none", [], "")
            wide = torch.ops.aten.gelu_(wide)
        narrow = torch.ops.mkldnn._linear_pointwise(wide, attended, own[8], own[9], "add")
        states = torch.nn.functional.layer_norm(narrow, [width], own[10], own[11], eps)
    return states
