"""A transformer from disk, ready for inference."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch
from torch import nn
from transformers import AutoModel
from transformers.utils import logging as transformers_logging

from encoders.errors import ModelError
from encoders.extension import Extension, PositionKind, interpolated_table
from encoders.processor import fast_dtype, local_flags
from encoders.torch_rotary import extend_rotary, rotary_modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from transformers import PreTrainedModel

    from encoders.config import DtypeName

_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_UNLIMITED: Final = 1_000_000


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

    module: PreTrainedModel
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


def load_transformer(folder: Path, *, dtype: DtypeName, device: str) -> TransformerModel:
    """Load a transformer for inference, from disk alone.

    Raises:
        ModelError: transformers cannot load it, or weights are missing.
    """
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    with _without_progress_bars():
        try:
            module, report = AutoModel.from_pretrained(
                folder, local_files_only=True, dtype=number, output_loading_info=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"transformers cannot load {folder}: {error}", folder=str(folder)) from error
    _require_all_weights(report["missing_keys"], folder)
    return adopt(module.eval().to(place), dtype=number)


def adopt(module: PreTrainedModel, *, dtype: torch.dtype) -> TransformerModel:
    """Describe a transformer that is in memory already."""
    loose = cast("Any", module)  # attributes differ between architectures
    if getattr(loose, "pooler", None) is not None:
        loose.pooler = None  # pooling is done on the hidden states
    config = loose.config
    config.use_cache = False
    table = position_table(module)
    takes = inspect.signature(module.forward).parameters
    offset = 0 if table is None or table.padding_idx is None else table.padding_idx + 1
    limit = getattr(config, "max_position_embeddings", None)
    original = limit if isinstance(limit, int) else _UNLIMITED
    if table is not None:
        original = table.num_embeddings - offset
    return TransformerModel(
        module=module,
        architecture=str(config.model_type),
        hidden_size=int(config.hidden_size),
        vocabulary=int(config.vocab_size),
        positions="table" if table is not None else "rotary" if rotary_modules(module) else "other",
        position_offset=offset,
        original=original,
        token_types="token_type_ids" in takes,
        takes_positions="position_ids" in takes,
        device=next(module.parameters()).device,
        dtype=dtype,
    )


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
    """Turn ``auto`` into CUDA, then MPS, then the CPU, whichever is there."""
    if name != "auto":
        return torch.device(name)
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


def _require_all_weights(missing: Iterable[str], folder: Path) -> None:
    names = sorted(name for name in missing if not name.startswith("pooler."))
    if names:
        raise ModelError(
            f"{folder} lacks {len(names)} weights of its architecture ({', '.join(names[:3])}, ...); "
            "its vectors would be random",
            missing=names[:10],
        )


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing on the caller's terminal."""
    bars = cast("Any", transformers_logging)  # these three functions carry no types
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
