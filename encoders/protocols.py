"""The seams of this room: what segmentation and ingest need of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.types import (
        Document,
        Embeddings,
        FloatArray,
        Segment,
        SegmentationReport,
        TextKind,
        TokenSpans,
    )


class Tokenizer(Protocol):
    """Counts as the model counts."""

    @property
    def special_tokens(self) -> int:
        """Tokens that the model adds around every text."""
        ...

    def tokenize(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Return the tokens of each text, in order, special tokens excluded, nothing truncated."""
        ...


class Encoder(Protocol):
    """Maps texts to one vector each."""

    @property
    def fingerprint(self) -> dict[str, str | int | float | bool | None]:
        """Everything that changes a vector: model, revision, dim, pooling, prompts, extension, temperature.

        Two encoders with equal fingerprints may be mixed in one collection. Batch
        size, threads and dtype are not part of it.
        """
        ...

    @property
    def dim(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The longest input in one pass, special tokens included."""
        ...

    @property
    def tokenizer(self) -> Tokenizer: ...

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Embed ``texts`` and say what of each was embedded.

        The vector of a text does not depend on the others in the call, beyond rounding.

        Args:
            texts: a sequence of strings, never one bare string.
            kind: which prompt the model applies.

        Raises:
            TypeError: ``texts`` is one string.
            InputTooLongError: only under the overflow policy ``error``; the default splits.
        """
        ...

    def encode(self, texts: Sequence[str], *, kind: TextKind = "document") -> FloatArray:
        """Return `embed`'s vectors alone: ``(len(texts), dim)`` float32, unit rows."""
        ...


class Segmenter(Protocol):
    """Cuts a document into tiles that fit an encoder."""

    @property
    def recipe(self) -> dict[str, str | int]:
        """Everything that changes the tiles: budget, overlap, versions of the rules."""
        ...

    def segment(self, document: Document) -> list[Segment]:
        """Cut ``document`` into tiles.

        The tiles tile the text: the first starts at 0, each next one where the last
        ended, the final one ends at ``len(text)``. An empty text has none. What the
        encoder reads for a tile never exceeds the token budget, and no tile starts
        inside a grapheme.
        """
        ...

    def segment_with_report(self, document: Document) -> tuple[list[Segment], SegmentationReport]:
        """Cut ``document`` and say by which rules, and why if they are weaker than those configured."""
        ...
