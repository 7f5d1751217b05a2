"""From one string, as people write it in commands and settings, to an encoder."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from encoders.errors import ModelError
from encoders.gathering import GatheringEncoder

if TYPE_CHECKING:
    from encoders.protocols import Encoder

HASH = "hash"


class SharedEncoder:
    """An encoder for many threads, opened by the first that needs it and never twice.

    Args:
        name: see `open_encoder`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._opened: Encoder | None = None
        self._opening = threading.Lock()

    def __call__(self) -> Encoder:
        """Return the encoder, whose callers are served together and in turns."""
        with self._opening:
            if self._opened is None:
                self._opened = GatheringEncoder(open_encoder(self.name))
            return self._opened


def open_encoder(name: str) -> Encoder:
    """Open an encoder by name.

    Args:
        name: ``bundled``, a folder, a name on the hub, or ``hash`` or ``hash:DIM``, which
            needs no model and is meant for tests and dry runs.

    Raises:
        ModelError: there is no such model.
        MissingDependencyError: what it needs is not installed.
    """
    kind, _, dim = name.partition(":")
    if kind == HASH:
        from encoders.fake import HashEncoder

        if dim and not dim.isdecimal():
            raise ModelError(f"{name!r} is no encoder; write hash:64 for 64 dimensions", name=name)
        return HashEncoder(dim=int(dim)) if dim else HashEncoder()
    from encoders.loading import load_encoder

    return load_encoder(name)
