"""A BERT as one call that does not hold Python's lock.

Each operation of torch lets go of Python's lock and takes it again, and beside threads that
compute in Python it waits for it up to five milliseconds each time: a question that takes 8 ms
alone took 700. As TorchScript the model waits once. It computes what `encoders.torch_bert` and
`encoders.torch_attention` compute, to the last bit.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor

from encoders.torch_fusion import fuses_gelu
from encoders.torch_kernel import attend_texts, masks_of
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
        self,
        tokens: Sequence[Tensor],
        tables: Sequence[Tensor],
        counts: list[int],
        scale: Callable[[int], float],
        texts: Texts | None = None,
    ) -> Tensor:
        """Run it.

        Args:
            tokens: ids, positions and token types, each ``(1, tokens)``.
            tables: of words, positions and token types, and weight and bias of the norm after them.
            counts: of `encoders.torch_kernel.attend_texts`.
            scale: the factor on the scores of a text of so many tokens.
            texts: where each text lies, when they are to attend by products.

        Returns:
            ``(1, tokens, hidden)``.
        """
        spans = counts if texts is None else texts.spans(self._heads)
        made: Tensor = self._run(
            list(tokens),
            list(tables),
            self._weights,
            None if texts is None else (texts.held, texts.rooms, texts.row),
            spans,
            [scale(length) for length in (spans[1::2] if texts is None else spans[2::3])],
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
    texts: tuple[Tensor, Tensor, int] | None,
    spans: list[int],
    scales: list[float],
    heads: int,
    eps: float,
    fused: bool,
) -> Tensor:
    blocks = None if texts is None else lay_out(texts[0], texts[1], texts[2], heads, 3)
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
    blocks: tuple[Tensor, Tensor, Tensor] | None,
    spans: list[int],
    scales: list[float],
    heads: int,
    eps: float,
    fused: bool,
) -> Tensor:
    """Run the layers of a BERT; see `CompiledBert` and `fuses_gelu`.

    Args:
        states: ``(1, tokens, hidden)``.
        weights: of `CompiledBert`.
        blocks: rows, room and way back of `encoders.torch_products.Blocks`; without them texts attend
            by torch's kernel.
        spans: of these blocks; without them the counts of `encoders.torch_kernel.attend_texts`.
        scales: the factor on the scores of each span.
        heads: of attention.
        eps: of the norms.
        fused: whether gelu is computed inside the product.
    """
    width = states.size(2)
    masks: list[Tensor] = []
    if blocks is None:
        masks = masks_of(spans, states)
    for layer in range(len(weights) // 12):
        own = weights[12 * layer : 12 * layer + 12]
        sides = torch.ops.mkldnn._linear_pointwise(states, own[0], own[1], "none", [], "")
        if blocks is None:
            beside = sides.view(-1, 3, heads, width // heads)
            seen = attend_texts(beside[:, 0], beside[:, 1], beside[:, 2], spans, scales, masks)
        else:
            rows, room, back = blocks
            parts = sides.view(-1, width // heads)
            queries = parts.index_select(0, rows)
            keys = parts[heads:].index_select(0, rows)
            values = parts[2 * heads :].index_select(0, rows)
            values.index_fill_(0, room, 0)
            seen = attend_blocks(queries, keys, values, spans, scales, heads).index_select(0, back)
        seen = seen.view(1, -1, width)
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
