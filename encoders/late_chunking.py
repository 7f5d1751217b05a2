"""Vectors of spans read in the context of their whole document.

The model reads windows as long as it can; the token vectors of a window go
straight into the sums of the spans that own them. A text of a million tokens
takes the memory of its offsets and of one window.

Source: Günther et al. 2024, "Late Chunking", arXiv:2409.04701.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from encoders.coverage import measure_coverage
from encoders.errors import InvalidInputError
from encoders.pooling import owners
from encoders.types import Embeddings, TokenSpans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from encoders.types import Coverage, FloatArray, IntArray, Span, TextKind, TokenEmbeddings


class TokenEncoder(Protocol):
    """Gives a vector to every token of a text of any length."""

    def finish_means(self, means: FloatArray) -> FloatArray:
        """Make vectors like those of `encode` of means of token vectors.

        Args:
            means: ``(n, token_dim)``; a row of zeros stays one.

        Raises:
            InvalidInputError: its model does not average token vectors.
        """
        ...

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""
        ...

    def tokens_of(self, text: str, *, kind: TextKind = "document") -> TokenSpans:
        """Return the tokens of ``text``, special tokens excluded."""
        ...

    def token_windows(
        self, text: str, *, kind: TextKind = "document", overlap: int | None = None
    ) -> Iterator[TokenEmbeddings]:
        """Yield the vectors of these tokens, each once, in order, window by window."""
        ...


def late_chunk(
    encoder: TokenEncoder,
    text: str,
    spans: Sequence[Span],
    *,
    kind: TextKind = "document",
    overlap: int | None = None,
) -> Embeddings:
    """Embed each span of ``text`` as the mean of its token vectors, read in context.

    What follows the pooling of the model, and a shorter ``dim``, apply as they do in `encode`. A token
    belongs to the span that holds its first character, so spans that tile the text share no token and
    lose none.

    Args:
        encoder: reads the text.
        text: the whole document.
        spans: in order, without overlap.
        kind: which prompt the model applies.
        overlap: tokens that neighbouring windows share; None leaves it to the encoder.

    Returns:
        one unit row and one ledger per span; a span without any token has a row of zeros.

    Raises:
        InvalidInputError: spans overlap, are out of order or end after the text; or the model does
            not average token vectors.
    """
    if spans and spans[-1].end > len(text):
        raise InvalidInputError(
            f"the last span ends at character {spans[-1].end:,} and the text at {len(text):,}",
            end=spans[-1].end,
            characters=len(text),
        )
    tokens = encoder.tokens_of(text, kind=kind)
    owner = owners(tokens.offsets, spans)
    sums = np.zeros((len(spans), encoder.token_dim))
    counts = np.bincount(owner[owner >= 0], minlength=len(spans))
    done = 0
    for window in encoder.token_windows(text, kind=kind, overlap=overlap):
        own = owner[done : done + len(window.offsets)]
        _add(sums, own, window)
        done += len(own)
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return Embeddings(encoder.finish_means(means), tuple(_ledger(text, span, tokens) for span in spans))


def _add(sums: npt.NDArray[np.float64], owner: IntArray, window: TokenEmbeddings) -> None:
    """Add the vectors of a window to their owners' sums; owners come in order, so runs are summed."""
    kept = np.flatnonzero(owner >= 0)
    if not len(kept):
        return
    firsts = np.flatnonzero(np.diff(owner[kept], prepend=-1))
    vectors = window.vectors[kept].astype(np.float64)
    sums[owner[kept][firsts]] += np.add.reduceat(vectors, firsts, axis=0)


def _ledger(text: str, span: Span, tokens: TokenSpans) -> Coverage:
    """Measure the tokens that begin in ``span``; what an earlier token reaches over is that token's."""
    first, last = np.searchsorted(tokens.offsets[:, 0], (span.start, span.end)).tolist()
    reached = int(tokens.offsets[first - 1, 1]) if first else 0
    start = min(max(span.start, reached), span.end)
    own = TokenSpans(
        np.clip(tokens.offsets[first:last], start, span.end) - start,
        tokens.known[first:last],
        tokens.word_starts[first:last],
    )
    return measure_coverage(text[start : span.end], own)
