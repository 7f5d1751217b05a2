"""Attention over texts that lie one after another in a single row.

`encoders.torch_registration` makes it known to transformers; any model that calls its
attention through that interface then runs without padding. The same function holds what
changes attention scores: temperature, query scaling, SelfExtend.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import torch
from torch.nn.functional import scaled_dot_product_attention

from encoders.errors import ModelError
from encoders.extension import query_scale
from encoders.torch_kernel import attend_texts, masks_of
from encoders.torch_products import attend
from encoders.torch_varlen import attend_at_once, fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from encoders.extension import Extension
    from encoders.torch_products import Texts
    from encoders.torch_varlen import Bounds

_BLOCK: Final = 512
_LONG: Final = 2048  # from here on keys and values are read so often that laying them out costs less
_SCORE_CHANGES: Final = ("softcap", "s_aux", "position_bias")


@dataclass(frozen=True, slots=True)
class Group:
    """Texts of one length: tokens ``[start, end)`` of the row, ``tokens`` each."""

    start: int
    end: int
    tokens: int

    @property
    def texts(self) -> int:
        """Return how many texts the group holds."""
        return (self.end - self.start) // self.tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """What the attention of one forward needs to know beyond queries, keys and values.

    Attributes:
        groups: the texts of the row.
        temperature: TempScale; every score is divided by it.
        query_scaling_from: LongEmbed's query scaling from this length on; None for none.
        extension: SelfExtend, when the encoder uses it.
        rotations: cosine and sine ``(tokens, head_dim)`` of positions, for SelfExtend.
        texts: where they lie for `encoders.torch_products`; None where torch's kernel is quicker.
        bounds: where they lie for `encoders.torch_varlen`; None where its kernel is not there.
    """

    groups: tuple[Group, ...]
    temperature: float = 1.0
    query_scaling_from: int | None = None
    extension: Extension | None = None
    rotations: Callable[[Tensor], tuple[Tensor, Tensor]] | None = field(default=None, compare=False)
    texts: Texts | None = field(default=None, compare=False)
    bounds: Bounds | None = field(default=None, compare=False)

    @property
    def counts(self) -> list[int]:
        """The texts of each group and the tokens of each of them, by turns."""
        return [count for group in self.groups for count in (group.texts, group.tokens)]

    @property
    def uniform(self) -> bool:
        """Tell whether texts of all lengths attend alike."""
        return self.query_scaling_from is None and not self.changes_scores

    @property
    def changes_scores(self) -> bool:
        """Tell whether scores of long texts are made of other positions (SelfExtend)."""
        return self.extension is not None and self.extension.method == "selfextend"

    def scale(self, scaling: float, tokens: int) -> float:
        """Return the factor on the scores of a text."""
        factor = 1.0
        if self.query_scaling_from is not None:
            factor = query_scale(tokens, original=self.query_scaling_from)
        return scaling * factor / self.temperature


packing: ContextVar[Packing] = ContextVar("packing")


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    **others: object,  # transformers hands every attention function what any of them may need
) -> tuple[Tensor, None]:
    """Attend within each text of the current `packing`.

    Args:
        module: the attention layer; says whether it is causal.
        query: ``(1, heads, tokens, head_dim)``.
        key: ``(1, key_heads, tokens, head_dim)``; fewer heads are shared out.
        value: as ``key``.
        attention_mask: None; the packing says who sees whom.
        scaling: factor on the scores; ``head_dim ** -0.5`` when None.
        dropout: ignored, there is none at inference.
        is_causal: overrides the layer's own.
        sliding_window: tokens see only others nearer than this.
        others: ignored, unless they change scores.

    Returns:
        ``(1, tokens, heads, head_dim)``.

    Raises:
        ModelError: the layer changes its scores in a way that is not known here.
    """
    unknown = [name for name in _SCORE_CHANGES if others.get(name) is not None]
    if unknown:
        raise ModelError(f"{type(module).__name__} changes its attention scores by {', '.join(unknown)}")
    now = packing.get()
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    heads, width = query.shape[1], query.shape[3]
    shared = heads // key.shape[1]
    base = width**-0.5 if scaling is None else scaling
    if now.bounds is not None and fits(query):
        scale = now.scale(base, now.bounds.longest)
        return attend_at_once(
            query, key, value, now.bounds, scale=scale, causal=causal, window=sliding_window
        ), None
    plain = not causal and sliding_window is None and shared == 1 and not now.changes_scores
    if plain and now.texts is not None:
        return attend(query[0], key[0], value[0], now.texts, lambda tokens: now.scale(base, tokens))[
            None
        ], None
    if plain:
        q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
        scales = [now.scale(base, group.tokens) for group in now.groups]
        return attend_texts(q, k, v, now.counts, scales, masks_of(now.counts, q))[None], None
    out = query.new_empty(1, query.shape[2], heads, value.shape[3])
    out[0, now.groups[-1].end :] = 0  # rows that belong to no text
    for group in now.groups:
        q, k, v = (_texts(states, group) for states in (query, key, value))
        if shared > 1:
            k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        if group.tokens >= _LONG:
            k, v = k.contiguous(), v.contiguous()
        scale = now.scale(base, group.tokens)
        if sliding_window is not None and sliding_window < group.tokens:
            seen = _windowed(q, k, v, scale=scale, causal=causal, window=sliding_window)
        elif _self_extends(now, group) and sliding_window is None:
            seen = _self_extended(q, k, v, now, scale=scale, causal=causal)
        else:
            seen = scaled_dot_product_attention(q, k, v, scale=scale, is_causal=causal and group.tokens > 1)
        out[0, group.start : group.end] = seen.transpose(1, 2).reshape(-1, heads, seen.shape[3])
    return out, None


def _texts(states: Tensor, group: Group) -> Tensor:
    """View ``(1, heads, tokens, width)`` as ``(texts, heads, tokens of each, width)``."""
    heads, _, width = states.shape[1:]
    part = states[0, :, group.start : group.end]
    return part.view(heads, group.texts, group.tokens, width).transpose(0, 1)


def _blocks(tokens: int) -> Iterator[tuple[int, int]]:
    for start in range(0, tokens, _BLOCK):
        yield start, min(start + _BLOCK, tokens)


def _windowed(q: Tensor, k: Tensor, v: Tensor, *, scale: float, causal: bool, window: int) -> Tensor:
    """Attend to tokens nearer than ``window``; memory grows with the window, not the text."""
    tokens = q.shape[2]
    done = []
    for start, end in _blocks(tokens):
        low, high = max(start - window + 1, 0), end if causal else min(end + window - 1, tokens)
        distance = _distances(start, end, low, high, q.device)
        visible = distance.abs() < window
        if causal:
            visible &= distance >= 0
        mask = torch.zeros_like(distance, dtype=q.dtype).masked_fill_(~visible, float("-inf"))
        done.append(
            scaled_dot_product_attention(
                q[:, :, start:end], k[:, :, low:high], v[:, :, low:high], attn_mask=mask, scale=scale
            )
        )
    return torch.cat(done, dim=2)


def _distances(start: int, end: int, low: int, high: int, device: torch.device) -> Tensor:
    """Return query position minus key position, ``(end - start, high - low)``."""
    return torch.arange(start, end, device=device)[:, None] - torch.arange(low, high, device=device)[None]


def _self_extends(now: Packing, group: Group) -> bool:
    extension = now.extension
    return extension is not None and extension.method == "selfextend" and group.tokens > extension.original


def _self_extended(q: Tensor, k: Tensor, v: Tensor, now: Packing, *, scale: float, causal: bool) -> Tensor:
    """Attend with exact positions near by and grouped positions far away.

    Queries and keys arrive rotated by their plain positions; rotating them on
    by the difference puts them at their grouped ones.

    Source:
        Zhu et al. 2024, arXiv:2404.12096, section 4; Jin et al. 2024, arXiv:2401.01325.
    """
    extension, rotations = now.extension, now.rotations
    if extension is None or rotations is None:
        raise RuntimeError("SelfExtend needs an extension and the model's rotations")
    near, group = extension.neighbours, extension.group
    plain = torch.arange(q.shape[2], device=q.device)
    grouped = plain // group
    shifted = grouped + near - near // group
    at_grouped = _rotate(k, rotations, grouped - plain)
    at_shifted = k if causal else _rotate(k, rotations, shifted - plain)
    q_grouped, q_shifted = _rotate(q, rotations, grouped - plain), _rotate(q, rotations, shifted - plain)
    done = []
    for start, end in _blocks(q.shape[2]):
        high = end if causal else q.shape[2]
        distance = _distances(start, end, 0, high, q.device)
        scores = q[:, :, start:end] @ k[:, :, :high].transpose(2, 3)
        before = q_shifted[:, :, start:end] @ at_grouped[:, :, :high].transpose(2, 3)
        scores = torch.where(distance >= near, before, scores)
        if causal:
            scores = scores.masked_fill(distance < 0, float("-inf"))
        else:
            after = q_grouped[:, :, start:end] @ at_shifted[:, :, :high].transpose(2, 3)
            scores = torch.where(distance <= -near, after, scores)
        weights = torch.softmax(scores * scale, dim=-1, dtype=torch.float32).to(v.dtype)
        done.append(weights @ v[:, :, :high])
    return torch.cat(done, dim=2)


def _rotate(
    states: Tensor, rotations: Callable[[Tensor], tuple[Tensor, Tensor]], positions: Tensor
) -> Tensor:
    """Rotate ``(texts, heads, tokens, width)`` on by ``positions``; what RoPE leaves alone stays."""
    cos, sin = rotations(positions)
    turned, rest = states[..., : cos.shape[-1]].float(), states[..., cos.shape[-1] :]
    half = turned.shape[-1] // 2
    swapped = torch.cat((-turned[..., half:], turned[..., :half]), dim=-1)
    return torch.cat(((turned * cos + swapped * sin).to(states.dtype), rest), dim=-1)
