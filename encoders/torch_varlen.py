"""Attention within all texts of a row as one kernel, on graphics cards that have it.

A kernel for each length of text would leave such a card waiting for the next one.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

_HALF: Final = (torch.bfloat16, torch.float16)
_WIDEST_HEAD: Final = 256
_TRIED: Final = (3, 1, 6)
"""Texts of the trial that tells whether the kernel is there."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the texts of a row begin and end.

    Attributes:
        edges: the first token of each text, and the end of the last; ``(texts + 1,)`` int32.
        longest: tokens of the longest text.
    """

    edges: Tensor
    longest: int


def bounds_of(lengths: Sequence[int], device: torch.device) -> Bounds:
    """Return the bounds of texts of so many tokens that lie one after another."""
    edges = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return Bounds(to_device(torch.from_numpy(edges), device), max(lengths))


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Bring numbers to where the model computes, without waiting for what it computes now."""
    if device.type != "cuda":
        return values if values.device == device else values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def fits(query: Tensor) -> bool:
    """Tell whether the kernel takes heads ``(1, heads, tokens, head_dim)`` of this width."""
    return query.shape[3] <= _WIDEST_HEAD and query.shape[3] % 8 == 0


def attend_at_once(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bounds: Bounds,
    *,
    scale: float,
    causal: bool,
    window: int | None = None,
) -> Tensor:
    """Attend within each text.

    Args:
        query: ``(1, heads, tokens, head_dim)``, in a format of 16 bits.
        key: ``(1, key_heads, tokens, head_dim)``; fewer heads are shared out.
        value: as ``key``.
        bounds: of the texts.
        scale: factor on the scores.
        causal: no token sees a later one.
        window: tokens see only others nearer than this; None for all.

    Returns:
        ``(1, tokens, heads, head_dim)``.
    """
    reach = -1 if window is None else window - 1
    shared = query.shape[1] // key.shape[1]
    if shared > 1 and not _shares_heads():
        key, value = (states.repeat_interleave(shared, dim=1) for states in (key, value))
        shared = 1
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
    seen: Tensor = _kernel()(
        q,
        k,
        v,
        bounds.edges,
        bounds.edges,
        bounds.longest,
        bounds.longest,
        scale=scale,
        window_size=(reach, 0 if causal else reach),
        **({"enable_gqa": True} if shared > 1 else {}),
    )
    return seen[None]


@lru_cache
def attends_at_once(device: torch.device, dtype: torch.dtype) -> bool:
    """Tell whether the kernel is there and gives what torch's plain attention gives; tries it once."""
    if device.type != "cuda" or dtype not in _HALF or not _has_kernel():
        return False
    made = torch.Generator().manual_seed(0)
    states = torch.randn(3, 1, 2, sum(_TRIED), 32, generator=made).to(device, dtype)
    query, key, value = states
    try:
        found = attend_at_once(query, key, value, bounds_of(_TRIED, device), scale=0.2, causal=False)
    except (RuntimeError, ValueError):  # a card too old for it, or a build of torch without it
        return False
    parts = zip(*(part.split(_TRIED, dim=2) for part in (query, key, value)), strict=True)
    alone = [scaled_dot_product_attention(q, k, v, scale=0.2) for q, k, v in parts]
    expected = torch.cat(alone, dim=2).transpose(1, 2)
    return bool(torch.allclose(found.float(), expected.float(), atol=0.02))


def _has_kernel() -> bool:
    try:
        return "window_size" in inspect.signature(_kernel()).parameters
    except ImportError:
        return False


@lru_cache
def _shares_heads() -> bool:
    return "enable_gqa" in inspect.signature(_kernel()).parameters


def _kernel() -> Callable[..., Any]:
    from torch.nn.attention.varlen import varlen_attn  # torch 2.10 and later

    return varlen_attn
