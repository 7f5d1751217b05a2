"""Rotary positions that long texts see differently from short ones."""

from __future__ import annotations

import copy
import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING

import torch
from torch import nn

from encoders.errors import ModelError
from encoders.extension import Extension, ntk_frequencies, yarn_frequencies

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

long_tokens: ContextVar[Tensor] = ContextVar("long_tokens")
"""``(rows, tokens)`` bool: which tokens belong to texts over the original length."""


class ExtendedRotary(nn.Module):
    """Turns tokens of long texts by the extended frequencies, all others by the original ones."""

    def __init__(self, original: nn.Module, extension: Extension) -> None:
        super().__init__()
        self._original = original
        self._extended = copy.deepcopy(original)
        for name in _global_frequencies(original):
            _extend(self._extended, name, extension)

    def forward(self, x: Tensor, position_ids: Tensor, *layer_type: str) -> tuple[Tensor, Tensor]:
        """Return cosine and sine ``(rows, tokens, width)``."""
        cos, sin = self._original(x, position_ids, *layer_type)
        is_long = long_tokens.get()[..., None]
        if not is_long.any():
            return cos, sin
        far_cos, far_sin = self._extended(x, position_ids, *layer_type)
        return torch.where(is_long, far_cos, cos), torch.where(is_long, far_sin, sin)


def rotary_modules(model: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Find the modules that make cosines and sines: parent, name and module of each."""
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if not isinstance(parent, ExtendedRotary) and _global_frequencies(child)
    ]


def extend_rotary(model: nn.Module, extension: Extension) -> None:
    """Put `ExtendedRotary` in the place of every rotary module of ``model``."""
    for parent, name, child in rotary_modules(model):
        setattr(parent, name, ExtendedRotary(child, extension))


def rotations_of(model: nn.Module) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return a function from positions ``(tokens,)`` to cosine and sine ``(tokens, width)``.

    Raises:
        ModelError: the model does not rotate halves, the one way that is known here.
    """
    [(_, _, rotary), *_] = rotary_modules(model)
    _require_rotated_halves(model)
    takes_layer = "layer_type" in inspect.signature(rotary.forward).parameters
    layer = ("full_attention",) if takes_layer else ()

    def rotations(positions: Tensor) -> tuple[Tensor, Tensor]:
        cos, sin = rotary(torch.zeros(1, device=positions.device), positions[None], *layer)
        return cos[0], sin[0]

    return rotations


def _global_frequencies(module: nn.Module) -> list[str]:
    """Name the frequencies of layers that see the whole text; windowed layers need none extended."""
    own = dict(module.named_buffers(recurse=False))
    return [name for name in ("inv_freq", "full_attention_inv_freq") if name in own]


def _extend(rotary: nn.Module, name: str, extension: Extension) -> None:
    frequencies = getattr(rotary, name)
    plain = frequencies.detach().float().cpu().numpy()
    if extension.method == "ntk":
        changed = ntk_frequencies(plain, lambda_=extension.lambda_)
    else:
        changed, factor = yarn_frequencies(plain, factor=extension.factor, original=extension.original)
        scaling = name.replace("inv_freq", "attention_scaling")
        setattr(rotary, scaling, getattr(rotary, scaling, 1.0) * factor)
    setattr(rotary, name, nn.Buffer(torch.from_numpy(changed).to(frequencies.device), persistent=False))


def _require_rotated_halves(model: nn.Module) -> None:
    function = getattr(inspect.getmodule(type(model)), "apply_rotary_pos_emb", None)
    if function is None:
        raise ModelError(f"{type(model).__name__} rotates in a way that selfextend does not know")
    states, angle = torch.arange(4.0).reshape(1, 1, 1, 4), torch.tensor([[[0.1, 0.2, 0.1, 0.2]]])
    turned, _ = function(states, states, angle.cos(), angle.sin())
    swapped = torch.tensor([[[[-2.0, -3.0, 0.0, 1.0]]]])
    if not torch.allclose(turned, states * angle.cos() + swapped * angle.sin()):
        raise ModelError(f"{type(model).__name__} does not rotate halves; selfextend cannot be used with it")
