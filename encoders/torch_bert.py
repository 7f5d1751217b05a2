"""BERT, as most encoders of sentences are, from its weights alone.

Importing transformers takes longer than loading such a model and everything else that a
first search waits for. So the plain architecture is computed here, without padding; any
other is left to transformers (`encoders.torch_transformers`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import gelu, layer_norm, linear

from encoders.torch_attention import packed_attention, packing
from encoders.torch_compiled import CompiledBert, can_compile, embed
from encoders.torch_forward import AttentionOptions, PackedForward
from encoders.torch_fusion import PackedLinear, can_fuse
from encoders.torch_model import TransformerModel, choose_device, choose_dtype, extend_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from encoders.config import DtypeName, EncoderConfig

Weights: TypeAlias = "Mapping[str, Tensor]"

_PLAIN: Final = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "quantization_config": None,
}
_SILENT: Final = {"position_embedding_type": "absolute", "is_decoder": False, "quantization_config": None}
_PARTS: Final = ("query", "key", "value")


def load_bert(folder: Path, *, dtype: DtypeName, device: str) -> TransformerModel | None:
    """Load a plain BERT for inference; None when the folder holds another model, or not all its weights."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    file = folder / "model.safetensors"
    if any(config.get(name, _SILENT.get(name)) != value for name, value in _PLAIN.items()):
        return None
    if not file.is_file():
        return None
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    weights = {
        name.removeprefix("bert."): weight.to(place, number) for name, weight in load_file(file).items()
    }
    try:
        module = Bert(config, weights)
    except KeyError:
        return None
    table, words = module.embeddings.position_embeddings, module.embeddings.word_embeddings
    if words.embedding_dim != config["hidden_size"]:
        return None
    return TransformerModel(
        module=module,
        architecture="bert",
        hidden_size=int(config["hidden_size"]),
        vocabulary=words.num_embeddings,
        positions="table",
        position_offset=0,
        original=table.num_embeddings,
        token_types=True,
        takes_positions=True,
        device=place,
        dtype=number,
    )


def packed_bert(model: TransformerModel, options: AttentionOptions, _: EncoderConfig) -> PackedForward:
    """Run what `load_bert` loaded."""
    if options.extension is not None:
        extend_model(model, options.extension)
    return PackedForward(model, options)


class Hidden(NamedTuple):
    """What a forward returns, named as transformers names it."""

    last_hidden_state: Tensor


class Bert(nn.Module):
    """Maps the tokens of texts that lie in one row to their hidden states; see `packed_attention`.

    Args:
        config: of the model's folder.
        weights: by the names that its file has.

    Raises:
        KeyError: a weight is missing.
    """

    def __init__(self, config: Mapping[str, Any], weights: Weights) -> None:
        super().__init__()
        eps = float(config.get("layer_norm_eps", 1e-12))
        heads = int(config["num_attention_heads"])
        self._head_width = int(config["hidden_size"]) // heads
        self.embeddings = Embeddings(weights, eps=eps)
        self._layers = [
            _Layer.of(weights, f"encoder.layer.{number}.", heads=heads, eps=eps)
            for number in range(int(config["num_hidden_layers"]))
        ]
        packed = [weight for layer in self._layers for weight in layer.packed()]
        self._compiled = CompiledBert(packed, heads=heads, eps=eps) if packed and can_compile() else None

    def forward(self, input_ids: Tensor, position_ids: Tensor, token_type_ids: Tensor) -> Hidden:
        """Return the hidden states ``(1, tokens, hidden)``."""
        now, tokens = packing.get(), (input_ids, position_ids, token_type_ids)
        if self._compiled is not None and not now.changes_scores:
            scale = partial(now.scale, self._head_width**-0.5)
            return Hidden(self._compiled(tokens, self.embeddings.tables, now.counts, scale, now.texts))
        states = self.embeddings(tokens)
        for layer in self._layers:
            states = layer(self, states)
        return Hidden(states)


class Embeddings(nn.Module):
    """Words, positions and token types; the tables keep transformers' names, by which they are extended."""

    def __init__(self, weights: Weights, *, eps: float) -> None:
        super().__init__()
        self.word_embeddings = _table(weights["embeddings.word_embeddings.weight"])
        self.position_embeddings = _table(weights["embeddings.position_embeddings.weight"])
        self.token_type_embeddings = _table(weights["embeddings.token_type_embeddings.weight"])
        self._norm = _norm(weights, "embeddings.LayerNorm", eps)

    @property
    def tables(self) -> list[Tensor]:
        """Those of words, positions and token types, and weight and bias of the norm after them."""
        tables = (self.word_embeddings, self.position_embeddings, self.token_type_embeddings)
        return [*(table.weight for table in tables), self._norm.weight, self._norm.bias]

    def forward(self, tokens: Sequence[Tensor]) -> Tensor:
        """Return the states ``(1, tokens, hidden)`` that the first layer reads.

        Args:
            tokens: ids, positions and token types, each ``(1, tokens)``.
        """
        return embed(list(tokens), self.tables, self._norm.eps)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Attention and a wider layer, each with a residual and a norm.

    Attributes:
        attend: to queries, keys and values side by side.
        join: heads to states.
        widen: to the wider layer.
        narrow: back to states.
    """

    heads: int
    attend: PackedLinear | _Linear
    join: PackedLinear | _Linear
    first_norm: _Norm
    widen: PackedLinear | _Linear
    narrow: PackedLinear | _Linear
    second_norm: _Norm

    @staticmethod
    def of(weights: Weights, name: str, *, heads: int, eps: float) -> _Layer:
        parts = [f"{name}attention.self.{part}" for part in _PARTS]
        weight = torch.cat([weights[f"{part}.weight"] for part in parts])
        bias = torch.cat([weights[f"{part}.bias"] for part in parts])

        def named(part: str) -> PackedLinear | _Linear:
            return _linear(weights[f"{name}{part}.dense.weight"], weights[f"{name}{part}.dense.bias"])

        return _Layer(
            heads=heads,
            attend=_linear(weight, bias),
            join=named("attention.output"),
            first_norm=_norm(weights, f"{name}attention.output.LayerNorm", eps),
            widen=named("intermediate"),
            narrow=named("output"),
            second_norm=_norm(weights, f"{name}output.LayerNorm", eps),
        )

    def packed(self) -> list[Tensor]:
        """Return the weights as `CompiledLayers` takes them; none where they are not in oneDNN's layout."""
        products = (self.attend, self.join, self.widen, self.narrow)
        attend, join, widen, narrow = ([*one.packed()] for one in products)
        if not attend:
            return []
        first, second = ([norm.weight, norm.bias] for norm in (self.first_norm, self.second_norm))
        return [*attend, *join, *first, *widen, *narrow, *second]

    def __call__(self, module: nn.Module, states: Tensor) -> Tensor:
        shape = (1, states.shape[1], self.heads, -1)
        query, key, value = (
            part.view(shape).transpose(1, 2) for part in self.attend(states).chunk(3, dim=-1)
        )
        seen, _ = packed_attention(module, query, key, value, None)
        attended = self.first_norm(self.join.plus(seen.flatten(2), states))
        return self.second_norm(self.narrow.plus(self.widen.gelu(attended), attended))


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, states: Tensor) -> Tensor:
        return layer_norm(states, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True, slots=True)
class _Linear:
    """What `PackedLinear` does, where oneDNN cannot."""

    weight: Tensor
    bias: Tensor

    def __call__(self, states: Tensor) -> Tensor:
        return linear(states, self.weight, self.bias)

    def gelu(self, states: Tensor) -> Tensor:
        return gelu(self(states))

    def plus(self, states: Tensor, other: Tensor) -> Tensor:
        return self(states) + other

    def packed(self) -> tuple[Tensor, ...]:
        return ()


def _table(weight: Tensor) -> nn.Embedding:
    rows, width = weight.shape
    return nn.Embedding(rows, width, _weight=weight, _freeze=True)


def _norm(weights: Weights, name: str, eps: float) -> _Norm:
    return _Norm(weights[f"{name}.weight"], weights[f"{name}.bias"], eps)


def _linear(weight: Tensor, bias: Tensor) -> PackedLinear | _Linear:
    packs = weight.device.type == "cpu" and can_fuse(weight.dtype)
    return PackedLinear(weight, bias) if packs else _Linear(weight, bias)
