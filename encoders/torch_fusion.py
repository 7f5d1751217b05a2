"""Faster linear layers for inference on a CPU.

oneDNN keeps a weight in the layout its kernels read and adds the bias, and the
residual, while the result is still in cache. What a model computes stays the
same up to rounding; modules are swapped, no model code is repeated.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

# To oneDNN every number of tokens is another computation. It keeps 1,024 of them, and torch as many
# for each thread: gigabytes more than the last 128 and 32, and no less time.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
os.environ.setdefault("LRU_CACHE_CAPACITY", "32")

_ROWS: Final = 1024  # tokens per batch that the weight layout is chosen for


class PackedLinear(nn.Module):
    """``x W + b`` with the weight in oneDNN's own layout."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS)
        self._bias = None if bias is None else bias.detach()

    def forward(self, states: Tensor) -> Tensor:
        """Return ``x W + b``."""
        result: Tensor = torch.ops.mkldnn._linear_pointwise(states, self._weight, self._bias, "none", [], "")
        return result

    def packed(self) -> tuple[Tensor, ...]:
        """Return weight and bias; nothing without a bias."""
        return () if self._bias is None else (self._weight, self._bias)

    def gelu(self, states: Tensor) -> Tensor:
        """Return ``gelu(x W + b)``."""
        if not fuses_gelu(states.dtype):
            after: Tensor = torch.ops.aten.gelu_(self(states))
            return after
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self._weight, self._bias, "gelu", [], "none"
        )
        return result

    def plus(self, states: Tensor, other: Tensor) -> Tensor:
        """Return ``x W + b + other``."""
        result: Tensor = torch.ops.mkldnn._linear_pointwise.binary(
            states, other, self._weight, self._bias, "add"
        )
        return result


class ResidualNorm(nn.Module):
    """A linear layer, the residual and the layer norm of a BERT-like block."""

    def __init__(self, linear: nn.Linear, norm: nn.LayerNorm) -> None:
        super().__init__()
        self._linear = PackedLinear(linear.weight, linear.bias)
        self._norm = norm

    def forward(self, hidden_states: Tensor, input_tensor: Tensor) -> Tensor:
        """Return ``norm(hidden_states W + b + input_tensor)``."""
        normed: Tensor = self._norm(self._linear.plus(hidden_states, input_tensor))
        return normed


def can_fuse(dtype: torch.dtype) -> bool:
    """Tell whether oneDNN computes in ``dtype`` on this processor."""
    backend: Any = torch.backends.mkldnn
    if not backend.is_available():
        return False
    bfloat16 = dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype == torch.float32 or bfloat16


def fuses_gelu(dtype: torch.dtype) -> bool:
    """Tell whether oneDNN's product and gelu in one are quicker than torch's gelu after the product.

    With AVX2 alone they are not: 4,096 tokens to the wider layer took 49.8 ms on 2 cores of Zen 3,
    and 39.8 one after the other.
    """
    return dtype != torch.float32 or torch.backends.cpu.get_cpu_capability() != "AVX2"


def fuse(model: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Swap the linear layers of ``model`` in place.

    Returns:
        what `unfuse` needs to undo it.
    """
    swapped: list[tuple[nn.Module, str, nn.Module]] = []
    for name, child in list(model.named_children()):
        new = _fused(child)
        if new is None:
            swapped += fuse(child)
        else:
            swapped.append((model, name, child))
            setattr(model, name, new.eval())
    return swapped


def unfuse(swapped: list[tuple[nn.Module, str, nn.Module]]) -> None:
    """Put the original modules back."""
    for parent, name, child in reversed(swapped):
        setattr(parent, name, child)


def _fused(module: nn.Module) -> nn.Module | None:
    if type(module) is nn.Linear:
        return PackedLinear(module.weight, module.bias)
    dense, norm = getattr(module, "dense", None), getattr(module, "LayerNorm", None)
    names = {name for name, _ in module.named_children()}
    if names == {"dense", "LayerNorm", "dropout"} and type(dense) is nn.Linear and type(norm) is nn.LayerNorm:
        return ResidualNorm(dense, norm)
    return None
