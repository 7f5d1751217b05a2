"""An encoder around another one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.protocols import Encoder, Tokenizer
    from encoders.types import Embeddings, FloatArray, TextKind


class WrappedEncoder(ABC):
    """Gives the vectors of the encoder it wraps, in another way (`encoders.protocols.Encoder`)."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def inner(self) -> Encoder:
        """The wrapped encoder."""
        return self._encoder

    @property
    def fingerprint(self) -> dict[str, str | int | float | bool | None]:
        """The wrapped encoder's: the vectors are the same."""
        return self._encoder.fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._encoder.dim

    @property
    def max_tokens(self) -> int:
        """The longest input in one pass."""
        return self._encoder.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts as the model counts."""
        return self._encoder.tokenizer

    def encode(self, texts: Sequence[str], *, kind: TextKind = "document") -> FloatArray:
        """Return `embed`'s vectors alone."""
        return self.embed(texts, kind=kind).vectors

    @abstractmethod
    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Embed ``texts``."""
