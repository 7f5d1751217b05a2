"""What transformers' models call for attention, made known to them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from encoders.torch_attention import packed_attention

if TYPE_CHECKING:
    from typing import Any

    from torch import Tensor, nn

    from encoders.torch_model import TransformerModel

PACKED: Final = "longdoc_packed"
PADDED: Final = "longdoc_padded"

score_factors: ContextVar[Tensor] = ContextVar("score_factors")
"""``(texts, 1, 1, 1)``: the factor on the scores of each text in a padded batch."""


def padded_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,  # handed on to transformers' own function
) -> tuple[Tensor, None]:
    """Attend as transformers does with SDPA, with `score_factors` on the scores."""
    scaled = query * score_factors.get().to(query.dtype)
    seen, _ = sdpa_attention_forward(module, scaled, key, value, attention_mask, **options)
    return seen, None


def register() -> None:
    """Make both attention functions known to transformers; doing so twice changes nothing."""
    AttentionInterface.register(PACKED, packed_attention)
    AttentionInterface.register(PADDED, padded_attention)
    AttentionMaskInterface.register(PADDED, sdpa_mask)


def can_attend(model: TransformerModel) -> bool:
    """Tell whether the model calls its attention through transformers' interface."""
    return bool(getattr(type(model.module), "_supports_attention_backend", False))
