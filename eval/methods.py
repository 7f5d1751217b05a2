"""Ways to rank documents that a benchmark's table compares, each over the same encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from eval.baselines import BM25Baseline, TruncatedBaseline, top
from eval.cache import CachedEncoder
from eval.errors import EvaluationError

if TYPE_CHECKING:
    import numpy.typing as npt

    from encoders.late_chunking import TokenEncoder
    from encoders.protocols import Encoder, Segmenter
    from encoders.types import Document, FloatArray, Segment
    from eval.types import Dataset, Query

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
    """Rank by one vector of the first 512 tokens."""
    return TruncatedBaseline(dataset.documents, encoder).run(dataset.queries, limit=limit)


def lexical(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
    """Rank by BM25 over whole documents; the encoder is not used."""
    from indexers.lexical import analyse

    return BM25Baseline(dataset.documents, analyse).run(dataset.queries, limit=limit)


def hybrid(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
    """Rank by the retriever itself with its default profile."""
    from eval.measuring import ask, measure
    from eval.systems import RetrieverSystem
    from retriever import Retriever

    with (
        tempfile.TemporaryDirectory(prefix="longdoc-eval-") as store,
        Retriever.open(store, encoder=encoder) as retriever,
    ):
        retriever.add(dataset.documents)
        answers = ask(RetrieverSystem(retriever, limit=limit), dataset)
    return {query_id: dict(scores) for query_id, scores in measure("", answers, dataset).run.items()}


def by_segments(aggregate: Aggregation) -> Ranker:
    """Return the ranker that scores documents by their segments' vectors."""

    def rank(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
        from encoders.segmentation import DocumentSegmenter

        vectors = SegmentVectors(dataset.documents, encoder, DocumentSegmenter(encoder.tokenizer))
        return vectors.run(dataset.queries, aggregate, limit)

    return rank


def late_chunking(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
    """Rank by the best segment, each the mean of its token vectors read in the whole document.

    Raises:
        EvaluationError: the encoder gives no token vectors.
    """
    from encoders.late_chunking import late_chunk
    from encoders.segmentation import DocumentSegmenter

    source = encoder.inner if isinstance(encoder, CachedEncoder) else encoder
    if not hasattr(source, "token_windows"):
        raise EvaluationError(f"{type(source).__name__} gives no token vectors, which late chunking needs")

    def embed(document: Document, segments: Sequence[Segment]) -> FloatArray:
        return late_chunk(cast("TokenEncoder", source), document.text, [one.span for one in segments]).vectors

    segmenter = DocumentSegmenter(encoder.tokenizer)
    return SegmentVectors(dataset.documents, encoder, segmenter, embed).run(dataset.queries, best, limit)


def extended(name: str, extension: str) -> Ranker:
    """Return the ranker of one vector by a model that reads further; longer texts are cut.

    Args:
        name: of the model.
        extension: ``method:tokens``, such as ``pi:4096``; see `encoders.extension`.
    """

    def rank(dataset: Dataset, encoder: Encoder, limit: int) -> dict[str, dict[str, float]]:
        from encoders.loading import load_encoder

        longer = load_encoder(name, extend=extension)
        baseline = TruncatedBaseline(dataset.documents, longer, max_tokens=longer.max_tokens)
        return baseline.run(dataset.queries, limit=limit)

    return rank


METHODS: dict[str, Ranker] = {
    "first 512 tokens": truncated,
    "mean of segments": by_segments(mean_vector),
    "best segment": by_segments(best),
    "mean of best 3 segments": by_segments(mean_of_best_three),
    "late chunking, best segment": late_chunking,
    "BM25": lexical,
    "hybrid": hybrid,
}
"""Name in tables and on the command line -> ranker."""
