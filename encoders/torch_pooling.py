"""Hidden states of texts of one length to one vector each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from encoders.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from encoders.config import PoolingName


def _weighted_mean(hidden: Tensor) -> Tensor:
    """Weight token ``i`` by ``i``, counted from 1 (SGPT, arXiv:2202.08904)."""
    weights = torch.arange(1, hidden.shape[1] + 1, dtype=hidden.dtype, device=hidden.device)
    return torch.einsum("cth,t->ch", hidden, weights / weights.sum())


POOLINGS: Final[dict[PoolingName, Callable[[Tensor], Tensor]]] = {
    "mean": lambda hidden: hidden.mean(dim=1),
    "cls": lambda hidden: hidden[:, 0],
    "max": lambda hidden: hidden.amax(dim=1),
    "last": lambda hidden: hidden[:, -1],
    "weighted_mean": _weighted_mean,
    "mean_sqrt": lambda hidden: hidden.sum(dim=1) / hidden.shape[1] ** 0.5,
}


class Pooling(nn.Module):
    """Pools, concatenates several poolings, and applies the linear layers after them; on one device."""

    def __init__(
        self, names: tuple[PoolingName, ...], dense: tuple[Path, ...], *, device: torch.device
    ) -> None:
        super().__init__()
        self._pools = [POOLINGS[name] for name in names]
        self._dense = nn.Sequential(*(_load_dense(path) for path in dense)).to(device)
        self.device = device

    def width(self, hidden_size: int) -> int:
        """Return the length of a vector made of hidden states of ``hidden_size``."""
        pooled: Tensor = self._dense(torch.zeros(1, hidden_size * len(self._pools), device=self.device))
        return pooled.shape[-1]

    @torch.inference_mode()
    def forward(self, hidden: Tensor, *, skip: int) -> Tensor:
        """Pool ``(texts, tokens, hidden)`` without the first ``skip`` tokens, in float32."""
        kept = hidden[:, skip:].float()
        pooled: Tensor = self._dense(torch.cat([pool(kept) for pool in self._pools], dim=-1))
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
