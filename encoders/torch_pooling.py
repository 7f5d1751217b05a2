"""Hidden states of texts to one vector each."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from encoders.errors import ModelError
from encoders.torch_compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.config import PoolingName


def pool(hidden: Tensor, name: str, before: int) -> Tensor:
    """Make one vector of the tokens of each text ``(texts, tokens, hidden)``, by a `PoolingName`.

    ``before``: tokens before these that do not count, but have their places.
    """
    if name == "mean":
        return hidden.mean(dim=1)
    if name == "cls":
        return hidden[:, 0]
    if name == "max":
        return hidden.amax(dim=1)
    if name == "last":
        return hidden[:, -1]
    if name == "mean_sqrt":
        return hidden.sum(dim=1) / math.sqrt(hidden.size(1))
    if name == "weighted_mean":  # token i by i, counted from 1 (SGPT, arXiv:2202.08904)
        first, last = before + 1, before + hidden.size(1)
        weights = torch.arange(first, last + 1, dtype=hidden.dtype, device=hidden.device)
        return torch.einsum("cth,t->ch", hidden, weights / weights.sum())
    raise ValueError(f"there is no pooling {name}")


def pool_all(groups: list[Tensor], names: list[str], skip: int) -> Tensor:
    """Pool texts of several lengths, and put the results of several poolings side by side.

    Args:
        groups: hidden states ``(texts, tokens, hidden)`` of texts of one length each.
        names: of the poolings.
        skip: tokens at the beginning of each text that do not count.

    Returns:
        ``(texts, hidden * poolings)`` float32, in the order of the groups.
    """
    pooled: list[Tensor] = []
    for hidden in groups:
        kept = hidden[:, skip:].float()
        own: list[Tensor] = []
        for name in names:
            own.append(pool(kept, name, skip))  # TorchScript reads it
        pooled.append(torch.cat(own, -1))
    return torch.cat(pooled)


class Pooling(nn.Module):
    """Pools, concatenates several poolings, and applies the linear layers after them; on one device."""

    def __init__(
        self, names: tuple[PoolingName, ...], dense: tuple[Path, ...], *, device: torch.device
    ) -> None:
        super().__init__()
        self._names: list[str] = list(names)
        self._pool = compiled(pool_all) if device.type == "cpu" else pool_all
        self._dense = nn.Sequential(*(_load_dense(path) for path in dense)).to(device)
        self.device = device

    def width(self, hidden_size: int) -> int:
        """Return the length of a vector made of hidden states of ``hidden_size``."""
        pooled: Tensor = self._dense(torch.zeros(1, hidden_size * len(self._names), device=self.device))
        return pooled.shape[-1]

    @torch.inference_mode()
    def forward(self, groups: Sequence[Tensor], *, skip: int) -> Tensor:
        """Return one vector a text, float32; see `pool_all`."""
        pooled: Tensor = self._dense(self._pool(list(groups), self._names, skip))
        return pooled


def _load_dense(path: Path) -> nn.Module:
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    layer = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
    layer.load_state_dict({key.removeprefix("linear."): value for key, value in _weights(path).items()})
    name = str(config.get("activation_function", "torch.nn.modules.linear.Identity")).rpartition(".")[2]
    activation = getattr(nn, name, None)
    if activation is None:
        raise ModelError(f"{path} has the activation {name}, which torch.nn does not have", path=str(path))
    return nn.Sequential(layer, activation()).eval()


def _weights(path: Path) -> dict[str, Tensor]:
    if (path / "model.safetensors").is_file():
        from safetensors.torch import load_file

        return load_file(path / "model.safetensors")
    loaded: dict[str, Tensor] = torch.load(path / "pytorch_model.bin", weights_only=True, map_location="cpu")
    return loaded
