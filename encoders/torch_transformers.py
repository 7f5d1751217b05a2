"""Any transformer that transformers can load, run as fast as it turns out to allow."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES
from transformers.utils import logging as transformers_logging

from encoders.errors import ModelError
from encoders.torch_forward import AttentionOptions, PackedForward
from encoders.torch_fusion import can_fuse, fuse, unfuse
from encoders.torch_model import TransformerModel, choose_device, choose_dtype, extend_model, position_table
from encoders.torch_padded import PaddedForward
from encoders.torch_registration import PACKED, can_attend, register
from encoders.torch_rotary import rotary_modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from transformers import PreTrainedModel

    from encoders.config import DtypeName, EncoderConfig
    from encoders.torch_forward import Forward
    from encoders.types import FloatArray

_PROBE_LENGTHS: Final = (3, 41)
_UNLIMITED: Final = 1_000_000


def load_transformer(folder: Path, *, dtype: DtypeName, device: str) -> TransformerModel:
    """Load a transformer for inference, from disk alone.

    Raises:
        ModelError: transformers cannot load it, or weights are missing.
    """
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    with _without_progress_bars():
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            encodes = MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES.get(config.model_type, "")
            # of a T5 and its kin the encoder alone
            auto = AutoModelForTextEncoding if encodes.endswith("EncoderModel") else AutoModel
            module, report = auto.from_pretrained(
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
    original = min(original, _longest_alike(config))
    return TransformerModel(
        module=module,
        architecture=str(config.model_type),
        hidden_size=int(config.hidden_size),
        vocabulary=int(getattr(module.get_input_embeddings(), "num_embeddings", config.vocab_size)),
        positions="table" if table is not None else "rotary" if rotary_modules(module) else "other",
        position_offset=offset,
        original=original,
        token_types="token_type_ids" in takes,
        takes_positions="position_ids" in takes,
        device=next(module.parameters()).device,
        dtype=dtype,
    )


def _longest_alike(config: Any) -> int:
    """Return the tokens up to which a text's rotations do not depend on the longest text beside it."""
    parameters = getattr(config, "rope_parameters", None) or {}
    kinds = [parameters, *(one for one in parameters.values() if isinstance(one, dict))]
    is_long = any(one.get("rope_type") == "longrope" for one in kinds)
    stated = [one.get("original_max_position_embeddings") for one in (*kinds, vars(config))]
    return min((one for one in stated if is_long and isinstance(one, int)), default=_UNLIMITED)


def choose_forward(model: TransformerModel, options: AttentionOptions, config: EncoderConfig) -> Forward:
    """Take the packed forward if the model supports it and it gives the padded one's hidden states."""
    before = _probe(model, PaddedForward(model, AttentionOptions(), reason="reference"))
    reason = "asked for"
    if config.forward != "padded":
        reason = _try_packed(model, before)
    if not reason:
        _try_fusing(model, before)
    elif config.forward == "packed":
        raise ModelError(f"the packed forward cannot be used: {reason}", architecture=model.architecture)
    if options.extension is not None:
        extend_model(model, options.extension)
    return PaddedForward(model, options, reason=reason) if reason else _packed(model, options)


def _packed(model: TransformerModel, options: AttentionOptions) -> PackedForward:
    register()
    cast("Any", model.module).set_attn_implementation(PACKED)
    return PackedForward(model, options)


def _try_packed(model: TransformerModel, expected: FloatArray) -> str:
    """Return why the packed forward cannot be used, or nothing."""
    if not can_attend(model):
        return f"{model.architecture} does not call its attention through transformers' interface"
    try:
        found = _probe(model, _packed(model, AttentionOptions()))
    except ModelError as error:
        return str(error)
    if not _agree(found, expected, model.dtype):
        return f"{model.architecture} gives other vectors when packed"
    return ""


def _try_fusing(model: TransformerModel, expected: FloatArray) -> None:
    if model.device.type != "cpu" or not can_fuse(model.dtype):
        return
    swapped = fuse(model.module)
    try:
        agrees = _agree(_probe(model, _packed(model, AttentionOptions())), expected, model.dtype)
    except (AttributeError, RuntimeError):  # a model that reads the weight of a layer instead of calling it
        agrees = False
    if not agrees:
        unfuse(swapped)


def _probe(model: TransformerModel, forward: Forward) -> FloatArray:
    """Return the hidden states of a few random texts."""
    random = np.random.default_rng(0)
    rows = [random.integers(0, model.vocabulary, size=size) for size in _PROBE_LENGTHS]
    found = {places[0]: states[0].float().cpu().numpy() for places, states in forward(rows)}
    return np.concatenate([found[place] for place in range(len(rows))])


def _agree(found: FloatArray, expected: FloatArray, dtype: torch.dtype) -> bool:
    scale = float(np.abs(expected).max())
    return bool(np.abs(found - expected).max() <= scale * (1e-3 if dtype == torch.float32 else 0.1))


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
