"""Ways to rank documents that a benchmark's table compares, each over the same encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from eval.baselines import BM25Baseline, TruncatedBaseline, top

if TYPE_CHECKING:
    import numpy.typing as npt

    from encoders.protocols import Encoder, Segmenter
    from encoders.types import Document, FloatArray
    from eval.types import Dataset, Query

Ranker: TypeAlias = Callable[["Dataset", "Encoder", int], dict[str, dict[str, float]]]
"""Ranks the documents of a set for its queries: (dataset, encoder, limit) -> run."""

Aggregation: TypeAlias = Callable[["FloatArray", "FloatArray"], float]
"""Query and segment vectors ``(dim,)``, ``(segments, dim)`` to the score of a document."""


class SegmentVectors:
    """The vectors of every document's segments, from which documents are scored."""

    def __init__(self, documents: Sequence[Document], encoder: Encoder, segmenter: Segmenter) -> None:
        self._encoder = encoder
        self._ids = [document.id for document in documents]
        self._vectors = [self._encode(document, segmenter) for document in documents]

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

    def _encode(self, document: Document, segmenter: Segmenter) -> FloatArray:
        readings = [segment.reading(document.text) for segment in segmenter.segment(document)]
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


METHODS: dict[str, Ranker] = {
    "first 512 tokens": truncated,
    "mean of segments": by_segments(mean_vector),
    "best segment": by_segments(best),
    "mean of best 3 segments": by_segments(mean_of_best_three),
    "BM25": lexical,
    "hybrid": hybrid,
}
"""Name in tables and on the command line -> ranker."""
