"""Hidden states of texts to one vector each."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from encoders.errors import ModelError
from encoders.torch_compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.config import PoolingName


_OF_A_TEXT: Final = "sentence_embedding"


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
    """Pools, concatenates several poolings, and applies what follows them; on one device.

    Args:
        names: of the poolings.
        after: see `encoders.model_folder.ModelFolder`.
        device: where the hidden states are.
    """

    def __init__(
        self, names: tuple[PoolingName, ...], after: tuple[Path | None, ...], *, device: torch.device
    ) -> None:
        super().__init__()
        self._names: list[str] = list(names)
        self._pool = compiled(pool_all) if device.type == "cpu" else pool_all
        steps = [_Normalize() if path is None else _Dense(path) for path in after]
        self._after = nn.Sequential(*steps).to(device)
        self.device = device

    @property
    def names(self) -> list[str]:
        """Of the poolings."""
        return self._names

    def width(self, hidden_size: int) -> int:
        """Return the length of a vector made of hidden states of ``hidden_size``.

        Raises:
            ModelError: the layer after the pooling reads another number of them.
        """
        width = hidden_size * len(self._names)
        expected = next((one.linear.in_features for one in self._after if isinstance(one, _Dense)), width)
        if expected != width:
            raise ModelError(
                f"the pooling {'+'.join(self._names)} gives {width} numbers and the linear layer after it "
                f"reads {expected}; leave pooling= to the model's own files",
                given=width,
                read=expected,
            )
        made: Tensor = self._after(torch.zeros(1, width, device=self.device))
        return made.shape[-1]

    @torch.inference_mode()
    def forward(self, groups: Sequence[Tensor], *, skip: int) -> Tensor:
        """Return one vector a text, float32; see `pool_all`."""
        return self.finish(self._pool(list(groups), self._names, skip))

    @torch.inference_mode()
    def finish(self, pooled: Tensor) -> Tensor:
        """Apply what follows the pooling to pooled states ``(texts, hidden * poolings)``."""
        finished: Tensor = self._after(pooled)
        return finished


class _Dense(nn.Module):
    """A linear layer, its activation, and what it reads added to what it gives where the folder says so."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        inputs, outputs = config["in_features"], config["out_features"]
        for name in ("module_input_name", "module_output_name"):
            if config.get(name) not in {None, _OF_A_TEXT}:
                raise ModelError(
                    f"{path} computes with {config[name]}; only {_OF_A_TEXT} can be read here", path=str(path)
                )
        self.linear = nn.Linear(inputs, outputs, bias=config.get("bias", True))
        self._residual = bool(config.get("use_residual", False))
        if self._residual and inputs != outputs:
            self.residual = nn.Linear(inputs, outputs, bias=False)
        name = str(config.get("activation_function", "torch.nn.Tanh")).rpartition(".")[2]
        activation = getattr(nn, name, None)
        if activation is None:
            raise ModelError(
                f"{path} has the activation {name}, which torch.nn does not have", path=str(path)
            )
        self._activation = activation()
        self.load_state_dict(_weights(path))
        self.eval()

    def forward(self, vectors: Tensor) -> Tensor:
        made: Tensor = self._activation(self.linear(vectors))
        if not self._residual:
            return made
        return made + (self.residual(vectors) if hasattr(self, "residual") else vectors)


class _Normalize(nn.Module):
    def forward(self, vectors: Tensor) -> Tensor:
        return nn.functional.normalize(vectors, dim=-1)


def _weights(path: Path) -> dict[str, Tensor]:
    if (path / "model.safetensors").is_file():
        from safetensors.torch import load_file

        return load_file(path / "model.safetensors")
    loaded: dict[str, Tensor] = torch.load(path / "pytorch_model.bin", weights_only=True, map_location="cpu")
    return loaded
