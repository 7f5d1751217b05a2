"""Documents of any number, made from their number alone, and vectors that cost next to nothing.

Vectors lie in clusters in a subspace, as those of texts do; words follow Zipf's law.
What is measured with them is everything but the encoder.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from encoders.fake import HashTokenizer
from encoders.types import Coverage, Document, Embeddings, Segment, SegmentationReport, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.protocols import Tokenizer
    from encoders.types import FloatArray, TextKind

SEGMENTS_PER_DOCUMENT = 100
_WORDS_PER_SEGMENT = 24
_VOCABULARY = 50_000
_CENTRES = 2_000
_SUBSPACE = 64


class LineSegmenter:
    """Makes every line a segment."""

    @property
    def recipe(self) -> dict[str, str | int]:
        """Return the rule."""
        return {"segmenter": "lines of a made-up document"}

    def segment(self, document: Document) -> list[Segment]:
        """Cut at line ends."""
        return self.segment_with_report(document)[0]

    def segment_with_report(self, document: Document) -> tuple[list[Segment], SegmentationReport]:
        """Cut at line ends."""
        segments = []
        start = 0
        for ordinal, line in enumerate(document.text.splitlines(keepends=True)):
            end = start + len(line)
            segments.append(
                Segment(
                    ordinal=ordinal, span=Span(start, end), context_start=start, tokens=_WORDS_PER_SEGMENT
                )
            )
            start = end
        return segments, SegmentationReport(rules="lines")


class ClusterEncoder:
    """Maps a text to a unit vector near one of 2,000 centres, by its hash."""

    def __init__(self, dim: int = 384) -> None:
        rng = np.random.default_rng(7)
        basis = rng.normal(size=(_SUBSPACE, dim)).astype(np.float32)
        self._centres: FloatArray = (rng.normal(size=(_CENTRES, _SUBSPACE)) @ basis).astype(np.float32)
        self._centres /= np.linalg.norm(self._centres, axis=1, keepdims=True)
        self._noise: FloatArray = (rng.normal(size=(4_096, dim)) / np.sqrt(dim)).astype(np.float32)
        self._dim = dim

    @property
    def fingerprint(self) -> dict[str, str | int | float | bool | None]:
        """Return its name and dimension."""
        return {"model": "clusters", "dim": self._dim}

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return self._dim

    @property
    def max_tokens(self) -> int:
        """As much as a segment ever holds."""
        return 1 << 16

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts words."""
        return HashTokenizer(special_tokens=0)

    def encode(self, texts: Sequence[str], *, kind: TextKind = "document") -> FloatArray:
        """Return one vector a text."""
        numbers = [int.from_bytes(blake2b(text.encode(), digest_size=12).digest(), "big") for text in texts]
        vectors: FloatArray = (
            np.stack(
                [
                    self._centres[number % _CENTRES]
                    + self._noise[(number >> 16) % 4_096]
                    + self._noise[(number >> 32) % 4_096] * 0.5
                    for number in numbers
                ]
            )
            if numbers
            else np.zeros((0, self._dim), dtype=np.float32)
        )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: FloatArray = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
        return unit

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Return one vector a text, each covered completely."""
        ledger = Coverage(tokens=_WORDS_PER_SEGMENT, embedded=_WORDS_PER_SEGMENT, segments=1)
        return Embeddings(vectors=self.encode(texts), coverage=(ledger,) * len(texts))


def documents(first: int, last: int) -> Iterator[Document]:
    """Make the documents ``first`` to ``last - 1``."""
    words = [f"w{number:x}" for number in range(_VOCABULARY)]
    table = np.cumsum(1.0 / np.arange(1, _VOCABULARY + 1))
    table /= table[-1]
    for number in range(first, last):
        rng = np.random.default_rng(number)
        drawn = np.searchsorted(table, rng.random(SEGMENTS_PER_DOCUMENT * _WORDS_PER_SEGMENT)).tolist()
        lines = [
            " ".join(words[place] for place in drawn[at : at + _WORDS_PER_SEGMENT])
            for at in range(0, len(drawn), _WORDS_PER_SEGMENT)
        ]
        yield Document(
            id=f"d{number:07}",
            text="\n".join(lines),
            metadata={"hundredth": number % 100, "thousandth": number % 1_000},
        )


def queries(count: int) -> list[str]:
    """Make queries of five words, some frequent and some rare."""
    rng = np.random.default_rng(99)
    ranks = np.minimum(rng.zipf(1.3, size=(count, 5)) + 20, _VOCABULARY - 1)
    return [" ".join(f"w{rank:x}" for rank in row) for row in ranks.tolist()]
