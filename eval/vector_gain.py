"""``longdoc eval vector``: does one vector of the whole document add anything to the search?

The search's own score of every candidate is taken as it is; the cosine with the document's
vector is standardised over the same candidates and added by weight. The weight is chosen on
one half of the queries and reported on the other, both ways round.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from encoders.aggregation import Aggregator
    from encoders.protocols import Encoder, Segmenter
    from encoders.types import Document, FloatArray
    from eval.running import Watch
    from eval.statistics import Values
    from eval.types import Dataset, Interval, Run
    from retriever.engine import LocalEngine

WEIGHTS: Final = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
"""Of the vector beside the other components, which keep theirs; those add up to about 1."""

HALVES: Final = ("a", "b")
_METRIC: Final = "nDCG@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOptions:
    """What to measure.

    Attributes:
        data: a BEIR folder.
        aggregators: ``mean``, ``max``, ``sea``, ``sea-lines`` or files of weights.
        split: how the texts of the vectors are cut, and those of the search.
    """

    data: Path
    aggregators: tuple[str, ...] = ("sea",)
    split: str = "syntax"
    encoder: Encoder | str = "bundled"
    encoder_cache: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorGain:
    """The search with the vector against the search without it.

    Attributes:
        chosen: weight used on half ``a`` and on half ``b``, each the best of the other half.
        without: nDCG@10 of the search as it is.
        gain: in nDCG@10, every query under the weight that the other half chose.
        by_weight: in nDCG@10 over all queries, for each of `WEIGHTS`; for looking, not for quoting the best.
        alone: nDCG@10 of the vector by itself over the same candidates.
    """

    aggregator: str
    chosen: Mapping[str, float]
    without: Interval
    gain: Interval
    by_weight: Mapping[str, float]
    alone: Interval


def measure_gain(options: VectorOptions, watch: Watch) -> list[VectorGain]:
    """Index the data, join each document's segments, and compare the rankings.

    Raises:
        DataError: the set cannot be used.
        EvaluationError: one half of its queries is empty.
    """
    from encoders.aggregation import open_aggregator
    from eval.beir import load_beir
    from eval.encoding import open_encoder
    from eval.splitting import open_splitter
    from indexers.store import Store
    from retriever.engine import LocalEngine

    aggregators = {name: open_aggregator(name) for name in options.aggregators}
    dataset = load_beir(options.data)
    encoder = open_encoder(options.encoder, cache=options.encoder_cache)
    segmenter = open_splitter(options.split, encoder.tokenizer)
    with tempfile.TemporaryDirectory(prefix="longdoc-eval-") as scratch:
        engine = LocalEngine(Store(Path(scratch)), collection="default", encoder=encoder, segmenter=segmenter)
        try:
            watch.stage("indexing", total=len(dataset.documents))
            engine.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
            vectors = _document_vectors(dataset.documents, encoder, segmenter, aggregators, watch)
            scores = _scores(engine, dataset, vectors, watch)
        finally:
            engine.close()
    return [_gain(name, {one: own[name] for one, own in scores.items()}, dataset) for name in aggregators]


def _document_vectors(
    documents: Sequence[Document],
    encoder: Encoder,
    segmenter: Segmenter,
    aggregators: Mapping[str, Aggregator],
    watch: Watch,
) -> dict[str, dict[str, FloatArray]]:
    """Return the vector of every document, by aggregator and id."""
    watch.stage("joining segments", total=len(documents))
    found: dict[str, dict[str, FloatArray]] = {name: {} for name in aggregators}
    for done, document in enumerate(documents, start=1):
        segments = segmenter.segment(document)
        vectors = encoder.encode([segment.reading(document.text) for segment in segments])
        for name, aggregator in aggregators.items():
            found[name][document.id] = aggregator.aggregate(vectors)
        watch.reach(done)
    return found


@dataclass(frozen=True, slots=True)
class _Scored:
    """Candidates of one query: ``search`` and ``vector`` are ``(candidates,)``, the latter standardised."""

    ids: tuple[str, ...]
    search: Values
    vector: Values

    def ranked(self, weight: float) -> dict[str, float]:
        """Return the scores with so much of the vector; without the search for an infinite weight."""
        total = self.vector if np.isinf(weight) else self.search + weight * self.vector
        return dict(zip(self.ids, total.tolist(), strict=True))


def _scores(
    engine: LocalEngine, dataset: Dataset, vectors: Mapping[str, Mapping[str, FloatArray]], watch: Watch
) -> dict[str, dict[str, _Scored]]:
    """Return the candidates of every query, scored, by query and aggregator."""
    from retriever.fusion import comparable
    from retriever.options import SearchOptions

    profile = replace(engine.profiles()["default"], calibration=None)
    searcher = engine.searcher(profile)
    depth = searcher.depth(SearchOptions(query="any"))
    watch.stage("asking", total=len(dataset.queries))
    found: dict[str, dict[str, _Scored]] = {}
    for done, query in enumerate(dataset.queries, start=1):
        ranking = searcher.rank(searcher.ask(query.text, None), depth)
        ids = tuple(entry.doc_id for entry in ranking.entries)
        dense = np.asarray(ranking.question.dense, dtype=np.float64)
        found[query.id] = {
            name: _Scored(
                ids,
                ranking.total,
                comparable(np.array([own[one] @ dense for one in ids]), ids, profile.fusion),
            )
            for name, own in vectors.items()
        }
        watch.reach(done)
    return found


def _gain(aggregator: str, scored: Mapping[str, _Scored], dataset: Dataset) -> VectorGain:
    from eval.errors import EvaluationError
    from eval.sampling import half
    from eval.statistics import interval, paired_difference

    halves = {which: [query.id for query in half(dataset, which).queries] for which in HALVES}
    if not all(halves.values()):
        raise EvaluationError(f"half of {len(dataset.queries)} queries is empty; give more", half="empty")
    columns = {weight: _ndcg(scored, weight, dataset) for weight in (*WEIGHTS, np.inf)}
    without = columns[0.0]
    best = {
        which: max(WEIGHTS, key=lambda weight: np.mean([columns[weight][one] for one in ids]))
        for which, ids in halves.items()
    }
    chosen = {"a": best["b"], "b": best["a"]}
    with_vector = {one: columns[chosen[which]][one] for which, ids in halves.items() for one in ids}
    return VectorGain(
        aggregator=aggregator,
        chosen=chosen,
        without=interval(list(without.values())),
        gain=paired_difference(with_vector, without),
        by_weight={
            f"{weight:g}": float(np.mean([columns[weight][one] - without[one] for one in without]))
            for weight in WEIGHTS
        },
        alone=interval(list(columns[np.inf].values())),
    )


def _ndcg(scored: Mapping[str, _Scored], weight: float, dataset: Dataset) -> dict[str, float]:
    from eval.metrics import evaluate

    run: Run = {one: own.ranked(weight) for one, own in scored.items()}
    return {one: figures[_METRIC] for one, figures in evaluate(dataset.qrels, run).items()}


def gains_table(gains: Sequence[VectorGain]) -> Table:
    """Lay out one row per aggregator."""
    from rich.table import Table

    from eval.sea_tables import interval_text, mean_text

    table = Table(title="nDCG@10, weight of the vector from the other half", title_justify="left")
    for name in ("vector", "weights", "search", "with the vector", "the vector alone", "at each weight"):
        table.add_column(name)
    for one in gains:
        table.add_row(
            one.aggregator,
            " and ".join(f"{weight:g}" for weight in one.chosen.values()),
            mean_text(one.without),
            interval_text(one.gain),
            mean_text(one.alone),
            ", ".join(f"{weight}: {gain:+.3f}" for weight, gain in one.by_weight.items() if weight != "0"),
        )
    return table
