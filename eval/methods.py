"""Ways to rank documents that a benchmark's table compares, each over the same encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from eval.baselines import BM25Baseline, TruncatedBaseline, top
from eval.cache import CachedEncoder
from eval.errors import EvaluationError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from encoders.late_chunking import TokenEncoder
    from encoders.protocols import Encoder, Segmenter
    from encoders.types import Document, FloatArray, Segment
    from eval.types import Dataset, Query
    from retriever.options import RerankMethod

Ranker: TypeAlias = Callable[["Dataset", "Encoder", int], dict[str, dict[str, float]]]
"""Ranks the documents of a set for its queries: (dataset, encoder, limit) -> run."""

Aggregation: TypeAlias = Callable[["FloatArray", "FloatArray"], float]
"""Query and segment vectors ``(dim,)``, ``(segments, dim)`` to the score of a document."""


class SegmentVectors:
    """The vectors of every document's segments, from which documents are scored."""

    def __init__(
        self,
        documents: Sequence[Document],
        encoder: Encoder,
        segmenter: Segmenter,
        embed: Callable[[Document, Sequence[Segment]], FloatArray] | None = None,
    ) -> None:
        self._encoder = encoder
        self._ids = [document.id for document in documents]
        embed = embed or self._embed
        self._vectors = [embed(document, segmenter.segment(document)) for document in documents]

    def run(
        self, queries: Sequence[Query], aggregate: Aggregation, limit: int
    ) -> dict[str, dict[str, float]]:
        """Rank documents for every query; a document without any segment scores 0."""
        vectors = self._encoder.encode([query.text for query in queries], kind="query")
        return {
            query.id: top(self._ids, self._scores(vector, aggregate), limit)
            for query, vector in zip(queries, vectors, strict=True)
        }

    def _scores(self, vector: FloatArray, aggregate: Aggregation) -> npt.NDArray[np.float64]:
        return np.array([aggregate(vector, held) if len(held) else 0.0 for held in self._vectors])

    def _embed(self, document: Document, segments: Sequence[Segment]) -> FloatArray:
        readings = [segment.reading(document.text) for segment in segments]
        return self._encoder.encode(readings, kind="document")


def best(vector: FloatArray, segments: FloatArray) -> float:
    """Score by the best segment."""
    return float((segments @ vector).max())


def mean_of_best_three(vector: FloatArray, segments: FloatArray) -> float:
    """Score by the mean of the best three segments, or of all where there are fewer."""
    scores = np.sort(segments @ vector)[-3:]
    return float(scores.mean())


def mean_vector(vector: FloatArray, segments: FloatArray) -> float:
    """Score by the cosine with the normalised mean of the segments."""
    mean = segments.mean(axis=0)
    return float(mean @ vector / max(float(np.linalg.norm(mean)), 1e-12))


def truncated(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
    """Rank by one vector of the beginning: 512 tokens, or as many as the model reads in one pass."""
    return TruncatedBaseline(dataset.documents, encoder).run(dataset.queries, limit=limit)


def lexical(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
    """Rank by BM25 over whole documents; the encoder is not used."""
    from indexers.lexical import analyse

    return BM25Baseline(dataset.documents, analyse).run(dataset.queries, limit=limit)


def windows_averaged(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
    """Rank by one vector of the whole text: windows as long as the model reads, averaged (PCW)."""
    return TruncatedBaseline(dataset.documents, encoder, max_tokens=None).run(dataset.queries, limit=limit)


def hybrid(rerank: RerankMethod = "none") -> Ranker:
    """Return the ranker that is the retriever itself with its default profile.

    Args:
        rerank: ``late_interaction`` scores its first documents again.
    """

    def rank(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
        from eval.measuring import ask, measure
        from eval.systems import RetrieverSystem
        from retriever import Retriever

        with (
            tempfile.TemporaryDirectory(prefix="longdoc-eval-") as store,
            Retriever.open(store, encoder=encoder) as retriever,
        ):
            retriever.add(dataset.documents)
            answers = ask(RetrieverSystem(retriever, limit=limit, rerank=rerank), dataset)
        return {query_id: dict(scores) for query_id, scores in measure("", answers, dataset).run.items()}

    return rank


def by_segments(aggregate: Aggregation) -> Ranker:
    """Return the ranker that scores documents by their segments' vectors."""

    def rank(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
        from encoders.segmentation import DocumentSegmenter

        vectors = SegmentVectors(dataset.documents, encoder, DocumentSegmenter(encoder.tokenizer))
        return vectors.run(dataset.queries, aggregate, limit)

    return rank


def late_chunking(*, overlap: int | None) -> Ranker:
    """Return the ranker by the best segment, each the mean of its token vectors read in the whole document.

    Args:
        overlap: tokens that neighbouring windows share; None leaves it to the encoder. With 0 the
            windows are those of `windows_averaged`.

    Raises:
        EvaluationError: (when it ranks) the encoder gives no token vectors.
    """

    def rank(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
        from encoders.late_chunking import late_chunk
        from encoders.segmentation import DocumentSegmenter

        source = encoder.inner if isinstance(encoder, CachedEncoder) else encoder
        if not hasattr(source, "token_windows"):
            raise EvaluationError(
                f"{type(source).__name__} gives no token vectors, which late chunking needs"
            )
        reader = cast("TokenEncoder", source)

        def embed(document: Document, segments: Sequence[Segment]) -> FloatArray:
            if overlap == 0:
                encoder.encode([document.text])  # the same windows: read once by an encoder that remembers
            spans = [segment.span for segment in segments]
            return late_chunk(reader, document.text, spans, overlap=overlap).vectors

        segmenter = DocumentSegmenter(encoder.tokenizer)
        return SegmentVectors(dataset.documents, encoder, segmenter, embed).run(dataset.queries, best, limit)

    return rank


def extended(name: str, extension: str, cache: Path | None = None) -> Ranker:
    """Return the ranker of one vector by a model that reads further; longer texts are cut.

    Args:
        name: of the model.
        extension: ``method:tokens``, such as ``pi:4096``; see `encoders.extension`.
        cache: remember vectors there.
    """

    @lru_cache
    def load() -> Encoder:
        from encoders.loading import load_encoder

        longer = load_encoder(name, extend=extension)
        return longer if cache is None else CachedEncoder(longer, cache)

    def rank(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
        baseline = TruncatedBaseline(dataset.documents, load(), max_tokens=load().max_tokens)
        return baseline.run(dataset.queries, limit=limit)

    return rank


METHODS: dict[str, Ranker] = {
    "beginning": truncated,
    "late chunking, best segment": late_chunking(overlap=0),
    "late chunking with overlap, best segment": late_chunking(overlap=None),
    "windows averaged": windows_averaged,
    "mean of segments": by_segments(mean_vector),
    "best segment": by_segments(best),
    "mean of best 3 segments": by_segments(mean_of_best_three),
    "BM25": lexical,
    "hybrid": hybrid(),
    "hybrid, late interaction": hybrid("late_interaction"),
}
"""Name in tables and on the command line -> ranker."""
