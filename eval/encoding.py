"""From an option of the command line to an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from encoders.protocols import Encoder


def open_encoder(encoder: Encoder | str, *, cache: Path | None = None) -> Encoder:
    """Load a named model, take an encoder as it is, and remember its vectors where asked to."""
    from encoders.opening import open_encoder as open_named
    from eval.cache import CachedEncoder

    loaded = open_named(encoder) if isinstance(encoder, str) else encoder
    return loaded if cache is None else CachedEncoder(loaded, cache)
