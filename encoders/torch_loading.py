"""Put a `TorchEncoder` together from a folder and a configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.errors import InvalidInputError, ModelError
from encoders.extension import MAX_FACTOR, parse_extension
from encoders.fast_tokenizer import load_tokenizer
from encoders.optional import require
from encoders.processor import usable_cores
from encoders.torch_bert import load_bert, packed_bert
from encoders.torch_encoder import EncoderParts, TorchEncoder
from encoders.torch_forward import AttentionOptions
from encoders.torch_pooling import Pooling
from encoders.torch_threads import use_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from encoders.config import EncoderConfig
    from encoders.extension import Extension
    from encoders.model_folder import ModelFolder
    from encoders.torch_forward import Forward
    from encoders.torch_model import TransformerModel
    from encoders.types import TextKind

_BATCH_TOKENS: Final = {"cpu": 2048}
_ACCELERATOR_BATCH_TOKENS: Final = 65_536
_RELATED: Final = (
    "The tenant may end the contract with thirty days' notice.",
    "A lease can be terminated by the renter one month in advance.",
)
_TELLING: Final = 16
"""Fewer numbers of a vector than these tell nothing about a model."""
_UNRELATED: Final = "Boil the potatoes in salted water until they are soft."


def build_encoder(folder: ModelFolder, config: EncoderConfig, *, name: str) -> TorchEncoder:
    """Load the model of ``folder`` as ``config`` says.

    Raises:
        ModelError: the model cannot be loaded, cannot do what is asked, or gives broken vectors.
        InvalidInputError: the configuration asks for what the model does not have.
    """
    use_threads(config.threads or usable_cores())
    model, choose_forward = _load(folder.transformer, config)
    extension = None
    if config.extend is not None:
        extension = parse_extension(config.extend, kind=model.positions, original=model.original)
    options = AttentionOptions(
        temperature=config.temperature, query_scaling=config.query_scaling, extension=extension
    )
    forward = choose_forward(model, options, config)
    names = (config.pooling,) if config.pooling else folder.pooling
    pooling = Pooling(names, folder.after_pooling, device=model.device)
    width = pooling.width(model.hidden_size)
    window = _window(folder, config, model, extension)
    parts = EncoderParts(
        tokenizer=load_tokenizer(folder.transformer, lowercase=folder.lowercase),
        forward=forward,
        pooling=pooling,
        prompts=_prompts(folder, config),
        include_prompt=folder.include_prompt,
        hidden_size=model.hidden_size,
        pooled_size=width,
        dim=_dim(config, width),
        max_tokens=extension.target if extension and extension.method == "pcw" else window,
        window_tokens=window,
        batch_tokens=config.batch_tokens or _BATCH_TOKENS.get(model.device.type, _ACCELERATOR_BATCH_TOKENS),
        parallel=model.device.type == "cpu",
        overflow=config.overflow,
        fingerprint=_fingerprint(folder, config, name=name, dim=config.dim or width, window=window),
    )
    encoder = TorchEncoder(parts)
    if config.self_check:
        check_vectors(encoder, name=name)
    return encoder


def _load(
    folder: Path, config: EncoderConfig
) -> tuple[TransformerModel, Callable[[TransformerModel, AttentionOptions, EncoderConfig], Forward]]:
    """Return a model, and what chooses how it runs; transformers is imported only where it is needed."""
    if config.forward != "padded":
        plain = load_bert(folder, dtype=config.dtype, device=config.device)
        if plain is not None:
            return plain, packed_bert
    require("transformers", extra="local")
    from encoders.torch_transformers import choose_forward, load_transformer

    return load_transformer(folder, dtype=config.dtype, device=config.device), choose_forward


def check_vectors(encoder: TorchEncoder, *, name: str) -> None:
    """Refuse a model that does not tell a paraphrase from an unrelated sentence.

    Weights that do not fit the code that runs them give near-random vectors and
    no error of their own.

    Raises:
        ModelError: vectors are not finite, all alike, or in the wrong order.
    """
    if encoder.dim < _TELLING:
        return
    result = encoder.embed([*_RELATED, _UNRELATED])
    if any(ledger.share < 0.5 for ledger in result.coverage):
        return  # a model of another script; English says nothing about it
    vectors = result.vectors
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    if not np.isfinite(vectors).all() or not far < near or far > 0.9999:
        raise ModelError(
            f"{name} gives broken vectors: a paraphrase has cosine {near:.3f}, an unrelated sentence "
            f"{far:.3f}; its weights probably do not fit this version of transformers. "
            "Pass self_check=False to use it anyway",
            paraphrase=near,
            unrelated=far,
        )


def _window(
    folder: ModelFolder, config: EncoderConfig, model: TransformerModel, extension: Extension | None
) -> int:
    """Return the tokens of one pass: asked for, or those that the extension reaches, or the folder states."""
    if extension is not None and extension.method != "pcw":
        usual = limit = extension.target
    else:
        limit = model.original
        usual = min(folder.max_tokens or _tokenizer_limit(folder) or limit, limit)
    asked = config.max_tokens or usual
    if asked > limit:
        method = {"table": "pi", "rotary": "ntk"}.get(model.positions, "pcw")
        if asked > MAX_FACTOR * model.original:
            method = "pcw"
        raise InvalidInputError(
            f"the model reads at most {limit} tokens in one pass, max_tokens={asked} was asked for; leave "
            f"max_tokens out and extend the model with extend='{method}:{asked}', or let long texts be split",
            max_tokens=asked,
            limit=limit,
        )
    return asked


def _tokenizer_limit(folder: ModelFolder) -> int | None:
    path = folder.transformer / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    limit = config.get("model_max_length")
    return limit if isinstance(limit, int) and limit > 0 else None


def _dim(config: EncoderConfig, width: int) -> int:
    if config.dim is not None and config.dim > width:
        raise InvalidInputError(
            f"the model gives {width} dimensions, dim={config.dim} was asked for",
            dim=config.dim,
            available=width,
        )
    return config.dim or width


def _prompts(folder: ModelFolder, config: EncoderConfig) -> dict[TextKind, str]:
    chosen = {**folder.prompts, **(config.prompts or {})}
    return {"query": chosen.get("query", ""), "document": chosen.get("document", "")}


def _fingerprint(
    folder: ModelFolder, config: EncoderConfig, *, name: str, dim: int, window: int
) -> dict[str, str | int | float | bool | None]:
    prompts = _prompts(folder, config)
    return {
        "model": name,
        "revision": folder.revision,
        "dim": dim,
        "max_tokens": window,
        "pooling": config.pooling or "+".join(folder.pooling),
        "query_prompt": prompts["query"],
        "document_prompt": prompts["document"],
        "extension": config.extend,
        "temperature": config.temperature,
        "query_scaling": config.query_scaling,
        "overflow": config.overflow,
        "tokens": "repaired-words-1",
    }
