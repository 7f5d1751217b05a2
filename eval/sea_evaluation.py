"""Scores documents by one vector or by all segments, and compares the ways on the same pairs.

Every way ranks every text for every query, and all texts are cut alike, the right one
like the wrong ones. The released evaluation of SEA split the right ones only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from encoders.aggregation import PooledAggregator
from encoders.types import Document
from eval.baselines import BM25Baseline
from eval.statistics import interval, paired_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from encoders.aggregation import Aggregator
    from eval.sea_data import EncodedPairs
    from eval.types import Interval

Scores: TypeAlias = npt.NDArray[np.float64]
"""``(queries, texts)``; the right text of query ``i`` is text ``i``."""

LENGTHS: Final = (256, 512, 1024, 4096)
"""Tokens of the right text up to which a bucket goes; one more holds the longer ones."""

_BEST: Final = 3
_SMALLEST_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """One way to score, over one group of queries.

    Attributes:
        group: ``all``, or the bucket of lengths.
        against: difference in MRR from every other way, by its name.
    """

    way: str
    group: str
    mrr: Interval
    ndcg: Interval
    against: Mapping[str, Interval]


def vector_scores(encoded: EncodedPairs, aggregator: Aggregator) -> Scores:
    """Score by the cosine with one vector a text."""
    documents = np.stack([aggregator.aggregate(segments) for segments in encoded.segments])
    return (encoded.queries @ documents.T).astype(np.float64)


def segment_scores(encoded: EncodedPairs, best: int) -> Scores:
    """Score by the mean of the ``best`` highest cosines with segments, or of all where there are fewer."""
    columns = [
        np.sort(encoded.queries @ segments.T, axis=1)[:, -best:].mean(axis=1)
        if len(segments)
        else np.full(len(encoded), -1.0)
        for segments in encoded.segments
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def lexical_scores(encoded: EncodedPairs) -> Scores:
    """Score by BM25 over whole texts."""
    from indexers.lexical import analyse

    documents = [Document(id=pair.id, text=pair.text) for pair in encoded.pairs]
    baseline = BM25Baseline(documents, analyse)
    return np.stack([baseline.scores(pair.query) for pair in encoded.pairs])


def fused(parts: Sequence[tuple[float, Scores]]) -> Scores:
    """Add scores, standardised within each query, by weight."""
    total = np.zeros_like(parts[0][1])
    for weight, scores in parts:
        spread = np.maximum(scores.std(axis=1, keepdims=True), _SMALLEST_SPREAD)
        total += weight * (scores - scores.mean(axis=1, keepdims=True)) / spread
    return total


def all_ways(encoded: EncodedPairs, trained: Aggregator | None) -> dict[str, Scores]:
    """Score by every way that is compared; hybrid is BM25 and the best segments, half and half."""
    lexical, segments = lexical_scores(encoded), segment_scores(encoded, _BEST)
    ways = {
        "first 256 tokens": (encoded.queries @ encoded.truncated.T).astype(np.float64),
        "mean": vector_scores(encoded, PooledAggregator("mean")),
        "max": vector_scores(encoded, PooledAggregator("max")),
        "best segment": segment_scores(encoded, 1),
        "mean of best 3": segments,
        "BM25": lexical,
        "hybrid": fused([(0.5, lexical), (0.5, segments)]),
    }
    if trained is not None:
        vector = vector_scores(encoded, trained)
        ways["SEA"] = vector
        ways["hybrid with SEA"] = fused([(0.5, lexical), (0.25, segments), (0.25, vector)])
    return ways


def ranks(scores: Scores) -> npt.NDArray[np.int64]:
    """Return the rank of the right text of every query, from 1; ties count against it."""
    right = np.diag(scores)[:, None]
    counted: npt.NDArray[np.int64] = (scores >= right).sum(axis=1)
    return counted


def compare_ways(ways: Mapping[str, Scores], encoded: EncodedPairs) -> list[WayFigures]:
    """Return MRR and nDCG@10 of every way, overall and by the length of the right text, with intervals."""
    places = {way: ranks(scores) for way, scores in ways.items()}
    groups = {"all": np.arange(len(encoded))} | length_groups(encoded)
    return [
        _figures(way, group, places, rows) for group, rows in groups.items() if len(rows) for way in places
    ]


def length_groups(encoded: EncodedPairs) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows of each bucket of `LENGTHS`, the empty ones included."""
    bucket = np.searchsorted(np.array(LENGTHS), encoded.tokens)
    names = [f"up to {limit} tokens" for limit in LENGTHS] + [f"above {LENGTHS[-1]} tokens"]
    return {name: np.flatnonzero(bucket == number) for number, name in enumerate(names)}


def _figures(
    way: str, group: str, places: Mapping[str, npt.NDArray[np.int64]], rows: npt.NDArray[np.int64]
) -> WayFigures:
    mine = _by_query(places[way], rows, _reciprocal)
    return WayFigures(
        way=way,
        group=group,
        mrr=interval(list(mine.values())),
        ndcg=interval(list(_by_query(places[way], rows, _gain).values())),
        against={
            other: paired_difference(mine, _by_query(theirs, rows, _reciprocal))
            for other, theirs in places.items()
            if other != way
        },
    )


def _by_query(
    places: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], figure: Callable[[int], float]
) -> dict[str, float]:
    return {str(row): figure(int(places[row])) for row in rows.tolist()}


def _reciprocal(rank: int) -> float:
    return 1.0 / rank


def _gain(rank: int) -> float:
    """Return nDCG@10 of one relevant text: ``1 / log2(1 + rank)`` within the first ten."""
    return float(1.0 / np.log2(1 + rank)) if rank <= 10 else 0.0
