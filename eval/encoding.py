"""From an option of the command line to an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from encoders.protocols import Encoder


def open_encoder(
    encoder: Encoder | str, *, cache: Path | None = None, remember_windows: bool = False
) -> Encoder:
    """Load a named model, take an encoder as it is, and remember its vectors where asked to.

    Args:
        encoder: a name as `encoders.opening` understands it, or the encoder itself.
        cache: the folder that vectors of texts are kept in.
        remember_windows: keep the latest hidden states too; see `eval.repeated_rows`.
    """
    from encoders.opening import open_encoder as open_named
    from encoders.torch_encoder import TorchEncoder
    from eval.cache import CachedEncoder
    from eval.repeated_rows import remembering

    loaded = open_named(encoder) if isinstance(encoder, str) else encoder
    if remember_windows and isinstance(loaded, TorchEncoder):
        loaded = remembering(loaded)
    return loaded if cache is None else CachedEncoder(loaded, cache)
