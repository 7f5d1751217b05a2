"""A loaded transformer, and where and in which numbers it computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch
from torch import nn

from encoders.errors import InvalidInputError, ModelError
from encoders.extension import Extension, PositionKind, interpolated_table
from encoders.processor import fast_dtype, local_flags
from encoders.torch_rotary import extend_rotary

if TYPE_CHECKING:
    from encoders.config import DtypeName

_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerModel:
    """A loaded transformer and what its inputs look like.

    Attributes:
        module: maps token ids to hidden states.
        architecture: the model type that its configuration names.
        hidden_size: length of a token vector.
        vocabulary: number of token ids.
        positions: how it tells positions apart.
        position_offset: the position of the first token (2 for XLM-R and MPNet).
        original: the longest input it was made for, special tokens included.
        token_types: it takes token type ids.
        takes_positions: it takes position ids.
        device: where it is.
        dtype: the number format it computes in.
    """

    module: nn.Module
    architecture: str
    hidden_size: int
    vocabulary: int
    positions: PositionKind
    position_offset: int
    original: int
    token_types: bool
    takes_positions: bool
    device: torch.device
    dtype: torch.dtype


def position_table(module: nn.Module) -> nn.Embedding | None:
    """Return the table of learned positions, None for a model without one."""
    table = getattr(getattr(module, "embeddings", None), "position_embeddings", None)
    return table if isinstance(table, nn.Embedding) else None


def extend_model(model: TransformerModel, extension: Extension) -> None:
    """Change what an extension needs changed in the weights; positions are up to the forward."""
    if extension.method == "pi":
        table = position_table(model.module)
        if table is None:
            raise ModelError(f"{model.architecture} has no table of positions to interpolate")
        cast("Any", model.module).embeddings.position_embeddings = _lengthened(
            table, model.position_offset, extension
        )
    if extension.method in {"ntk", "yarn"}:
        extend_rotary(model.module, extension)


def _lengthened(table: nn.Embedding, offset: int, extension: Extension) -> nn.Embedding:
    rows = table.weight.detach().float().cpu().numpy()
    longer = np.concatenate([rows[:offset], interpolated_table(rows[offset:], factor=extension.factor)])
    longer_table = nn.Embedding(len(longer), longer.shape[1])
    longer_table.weight = nn.Parameter(torch.from_numpy(longer).to(table.weight), requires_grad=False)
    return longer_table


def choose_device(name: str) -> torch.device:
    """Turn ``auto`` into CUDA, then MPS, then the CPU, whichever is there.

    Raises:
        InvalidInputError: there is no device of that name.
    """
    if name != "auto":
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, TypeError, AssertionError) as error:
            told = str(error).partition("\n")[0]
            raise InvalidInputError(f"torch cannot compute on the device {name!r}: {told}") from error
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_dtype(name: DtypeName, device: torch.device) -> torch.dtype:
    """Turn ``auto`` into the format in which ``device`` is fast."""
    if name != "auto":
        return _DTYPES[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return _DTYPES[fast_dtype(local_flags())] if device.type == "cpu" else torch.float32
