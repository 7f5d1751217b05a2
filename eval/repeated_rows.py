"""A forward that remembers: windows that several methods read, or that filler repeats, are computed once.

For experiments only: speed measured with it says nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from encoders.torch_encoder import TorchEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from encoders.torch_forward import Forward, HiddenStates
    from encoders.types import IntArray

_KEPT_TOKENS: Final = 200_000  # 300 MB of hidden states of the bundled model


def remembering(encoder: TorchEncoder) -> TorchEncoder:
    """Return the same encoder with a forward that remembers its latest rows."""
    return TorchEncoder(replace(encoder.parts, forward=RepeatedRows(encoder.parts.forward), parallel=False))


class RepeatedRows:
    """Implements `encoders.torch_forward.Forward`; gives the wrapped one only rows that are new."""

    def __init__(self, forward: Forward, *, kept_tokens: int = _KEPT_TOKENS) -> None:
        self._forward = forward
        self._kept_tokens = kept_tokens
        self._held = 0
        self._states: OrderedDict[bytes, Tensor] = OrderedDict()

    @property
    def note(self) -> str:
        """Say how the wrapped forward runs."""
        return self._forward.note

    def __call__(self, rows: Sequence[IntArray]) -> HiddenStates:
        """Run one batch; every place comes alone."""
        keys = [row.tobytes() for row in rows]
        new = {key: row for key, row in zip(keys, rows, strict=True) if key not in self._states}
        fresh: dict[bytes, Tensor] = {}
        if new:
            names = list(new)
            for places, group in self._forward(list(new.values())):
                fresh |= {names[place]: states.clone() for place, states in zip(places, group, strict=True)}
        for place, key in enumerate(keys):
            states = fresh[key] if key in fresh else self._states[key]
            yield [place], states[None]
        for key in keys:
            self._keep(key, fresh.get(key))

    def _keep(self, key: bytes, fresh: Tensor | None) -> None:
        if key in self._states:
            self._states.move_to_end(key)
        elif fresh is not None:
            self._states[key] = fresh
            self._held += len(fresh)
        while self._held > self._kept_tokens and len(self._states) > 1:
            self._held -= len(self._states.popitem(last=False)[1])
