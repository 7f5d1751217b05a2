"""BERT, as most encoders of sentences are, from its weights alone.

Importing transformers takes longer than loading such a model and everything else that a
first search waits for. So the plain architecture is computed here, without padding; any
other is left to transformers (`encoders.torch_transformers`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import gelu, layer_norm, linear

from encoders.torch_attention import packed_attention
from encoders.torch_forward import AttentionOptions, PackedForward
from encoders.torch_fusion import PackedLinear, can_fuse
from encoders.torch_model import TransformerModel, choose_device, choose_dtype, extend_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
    table = module.embeddings.position_embeddings
    return TransformerModel(
        module=module,
        architecture="bert",
        hidden_size=int(config["hidden_size"]),
        vocabulary=int(config["vocab_size"]),
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
        self.embeddings = Embeddings(weights, eps=eps)
        self._layers = [
            _Layer.of(weights, f"encoder.layer.{number}.", heads=heads, eps=eps)
            for number in range(int(config["num_hidden_layers"]))
        ]

    def forward(self, input_ids: Tensor, position_ids: Tensor, token_type_ids: Tensor) -> Hidden:
        """Return the hidden states ``(1, tokens, hidden)``."""
        states = self.embeddings(input_ids, position_ids, token_type_ids)
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

    def forward(self, input_ids: Tensor, position_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return the states ``(1, tokens, hidden)`` that the first layer reads."""
        words = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        return self._norm(words + self.position_embeddings(position_ids))


@dataclass(frozen=True, slots=True)
class _Layer:
    """Attention and a wider layer, each with a residual and a norm.

    Attributes:
        attend: to queries, keys and values side by side.
        join: heads and residual to states.
        widen: with the activation.
        narrow: and residual to states.
    """

    heads: int
    attend: Callable[[Tensor], Tensor]
    join: Callable[[Tensor, Tensor], Tensor]
    widen: Callable[[Tensor], Tensor]
    narrow: Callable[[Tensor, Tensor], Tensor]

    @staticmethod
    def of(weights: Weights, name: str, *, heads: int, eps: float) -> _Layer:
        parts = [f"{name}attention.self.{part}" for part in _PARTS]
        weight = torch.cat([weights[f"{part}.weight"] for part in parts])
        bias = torch.cat([weights[f"{part}.bias"] for part in parts])
        return _Layer(
            heads=heads,
            attend=_linear(weight, bias),
            join=_with_residual(weights, f"{name}attention.output", eps),
            widen=_widening(weights, f"{name}intermediate.dense"),
            narrow=_with_residual(weights, f"{name}output", eps),
        )

    def __call__(self, module: nn.Module, states: Tensor) -> Tensor:
        shape = (1, states.shape[1], self.heads, -1)
        query, key, value = (
            part.view(shape).transpose(1, 2) for part in self.attend(states).chunk(3, dim=-1)
        )
        seen, _ = packed_attention(module, query, key, value, None)
        attended = self.join(seen.flatten(2), states)
        return self.narrow(self.widen(attended), attended)


def _table(weight: Tensor) -> nn.Embedding:
    rows, width = weight.shape
    return nn.Embedding(rows, width, _weight=weight, _freeze=True)


def _norm(weights: Weights, name: str, eps: float) -> Callable[[Tensor], Tensor]:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return lambda states: layer_norm(states, weight.shape, weight, bias, eps)


def _linear(weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    if _fuses(weight):
        return PackedLinear(weight, bias)
    return lambda states: linear(states, weight, bias)


def _widening(weights: Weights, name: str) -> Callable[[Tensor], Tensor]:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if _fuses(weight):
        return PackedLinear(weight, bias).gelu
    return lambda states: gelu(linear(states, weight, bias))


def _with_residual(weights: Weights, name: str, eps: float) -> Callable[[Tensor, Tensor], Tensor]:
    weight, bias = weights[f"{name}.dense.weight"], weights[f"{name}.dense.bias"]
    norm = _norm(weights, f"{name}.LayerNorm", eps)
    if _fuses(weight):
        packed = PackedLinear(weight, bias)
        return lambda states, residual: norm(packed.plus(states, residual))
    return lambda states, residual: norm(linear(states, weight, bias) + residual)


def _fuses(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and can_fuse(weight.dtype)
