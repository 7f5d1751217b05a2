"""Indexes a data set, asks its queries, and compares the answers with the baselines."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from eval.beir import load_beir, merge
from eval.distractors import read_distractors
from eval.encoding import open_encoder
from eval.errors import EvaluationError
from eval.evidence import CHARACTERS_PER_DOCUMENT
from eval.machine import peak_memory_bytes
from eval.measuring import Measurement, ask, differences, ids_by_origin, measure, measure_run
from eval.record import ALL, make_record
from eval.sampling import Half, half, sample
from eval.splitting import open_splitter
from eval.systems import RetrieverSystem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.protocols import Encoder
    from eval.jsonl import JSONObject
    from eval.protocols import System
    from eval.types import Dataset
    from indexers.report import IndexReport
    from retriever import Retriever

COMPARED = ("nDCG@10", "MRR@10", "Recall@100")
OURS = "longdoc"
_TIMED = 200


class Watch(Protocol):
    """Is told how far a run has come."""

    def stage(self, name: str, *, total: int = 0) -> None:
        """Begin a stage of ``total`` steps; 0 where the number is not known."""
        ...

    def reach(self, done: int) -> None:
        """Say that ``done`` steps of the stage are finished."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to measure.

    Attributes:
        data: BEIR folders; several are merged into one collection.
        queries: at most so many of every set, by hash; None for all.
        half: only one half of the queries, by hash.
        baselines: also measure BM25 and the truncated vector.
        distractors: folders whose files are put beside the data, where no query is answered.
        distractor_files: how many.
        store: keep the index there; None for a temporary folder.
        limit: documents asked for.
        evidence: spans asked for per document.
        encoder: ``bundled``, a folder, or an encoder.
        encoder_cache: folder of remembered vectors; makes the ingest speed meaningless.
        split: how code is cut, one of `eval.splitting.SPLITS`; prose is cut as always by the first two.
    """

    data: tuple[Path, ...]
    queries: int | None = None
    half: Half | None = None
    baselines: bool = False
    distractors: tuple[Path, ...] = ()
    distractor_files: int = 20_000
    store: Path | None = None
    collection: str = "default"
    limit: int = 100
    evidence: int = 10
    encoder: Encoder | str = "bundled"
    encoder_cache: Path | None = None
    split: str = "syntax"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Measurements, ours first, and their record."""

    measurements: tuple[Measurement, ...]
    record: JSONObject


def load(options: RunOptions) -> Dataset:
    """Load, merge and sample the data that ``options`` name.

    Raises:
        DataError: a set cannot be used, or there are too few distractors.
        EvaluationError: the sample leaves no query.
    """
    dataset = merge([load_beir(folder) for folder in options.data])
    if options.distractors:
        others = read_distractors(options.distractors, options.distractor_files, beside=dataset.documents)
        dataset = replace(dataset, documents=(*dataset.documents, *others))
    if options.half:
        dataset = half(dataset, options.half)
    if options.queries is not None:
        dataset = sample(dataset, options.queries)
    if not dataset.queries:
        raise EvaluationError(f"no query of {dataset.name} is left after sampling; ask for more")
    return dataset


def run_evaluation(options: RunOptions, watch: Watch) -> RunResult:
    """Measure our retriever, and the baselines where asked for."""
    watch.stage("loading")
    dataset = load(options)
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="longdoc-eval-"))
        store = options.store or Path(scratch)
        retriever = stack.enter_context(_open(store, options))
        watch.stage("indexing", total=len(dataset.documents))
        report = retriever.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
        system = RetrieverSystem(retriever, limit=options.limit, evidence=options.evidence)
        ours = _measure_ours(system, dataset, watch)
        costs = {
            "ingest": ingest_costs(report),
            "query": usual_latency(retriever, dataset, watch),
            "ranking_query": latency(ours.seconds),
            "peak_memory_bytes": peak_memory_bytes(),
        }
        settings = _settings(options, retriever.encoder)
        others = _baselines(dataset, retriever.encoder, options.limit, watch) if options.baselines else ()
    extra = {"differences": [one for other in others for one in _differences(ours, other, dataset)]}
    record = make_record("run", dataset, [ours, *others], settings=settings, costs=costs, extra=extra)
    return RunResult(measurements=(ours, *others), record=record)


def ingest_costs(report: IndexReport) -> JSONObject:
    """Return what indexing cost and what it left out.

    ``tokens_per_second`` counts tokens of the documents, not the context that is read
    twice; it is None where nothing was embedded, because the store held everything.
    """
    tokens = report.coverage.tokens
    return {
        "added": len(report.added),
        "updated": len(report.updated),
        "unchanged": len(report.unchanged),
        "skipped": [asdict(one) for one in report.skipped],
        "failed": [asdict(one) for one in report.failed],
        "tokens": tokens,
        "tokens_embedded": report.coverage.embedded,
        "coverage": report.coverage.share,
        "incomplete": list(report.incomplete),
        "seconds": report.seconds,
        "tokens_per_second": tokens / report.seconds if tokens and report.seconds else None,
    }


def usual_latency(retriever: Retriever, dataset: Dataset, watch: Watch) -> JSONObject:
    """Time searches as users make them, for ten documents with three spans each.

    The searches that are measured for quality ask for a hundred documents, which costs
    more. At most 200 queries are timed, taken evenly.
    """
    step = max(1, len(dataset.queries) // _TIMED)
    queries = dataset.queries[::step][:_TIMED]
    system = RetrieverSystem(retriever, limit=10, evidence=3)
    watch.stage("timing", total=len(queries))
    return latency([answer.seconds for answer in ask(system, replace(dataset, queries=queries))])


def latency(seconds: Sequence[float]) -> JSONObject:
    """Return the quantiles of query times in milliseconds, as the caller waited for them."""
    p50, p95 = np.quantile(seconds, [0.5, 0.95])
    return {"count": len(seconds), "p50_ms": 1e3 * float(p50), "p95_ms": 1e3 * float(p95)}


def _open(store: Path, options: RunOptions) -> Retriever:
    from retriever import Retriever

    encoder = open_encoder(options.encoder, cache=options.encoder_cache)
    segmenter = open_splitter(options.split, encoder.tokenizer)
    return Retriever.open(store, collection=options.collection, encoder=encoder, segmenter=segmenter)


def _measure_ours(system: System, dataset: Dataset, watch: Watch) -> Measurement:
    system.answer(dataset.queries[0])  # the first search loads what the later ones find loaded
    watch.stage("searching", total=len(dataset.queries))
    return measure(OURS, ask(system, dataset, reach=watch.reach), dataset)


def _baselines(dataset: Dataset, encoder: Encoder, limit: int, watch: Watch) -> tuple[Measurement, ...]:
    from eval.baselines import BM25Baseline, TruncatedBaseline
    from indexers.lexical import analyse

    watch.stage("baseline: BM25")
    lexical = BM25Baseline(dataset.documents, analyse).run(dataset.queries, limit=limit)
    watch.stage("baseline: one vector of the beginning")
    truncated = TruncatedBaseline(dataset.documents, encoder).run(dataset.queries, limit=limit)
    return measure_run("BM25", lexical, dataset), measure_run("beginning", truncated, dataset)


def _differences(ours: Measurement, other: Measurement, dataset: Dataset) -> list[JSONObject]:
    groups = ids_by_origin(dataset)
    if len(groups) > 1:
        groups = {ALL: tuple(query.id for query in dataset.queries), **groups}
    return [
        {"set": group, "baseline": other.system, "metric": metric, **asdict(found)}
        for group, ids in groups.items()
        for metric, found in differences(ours, other, ids, COMPARED).items()
    ]


def _settings(options: RunOptions, encoder: Encoder) -> JSONObject:
    return {
        "data": [folder.resolve().name for folder in options.data],
        "queries_per_set": options.queries,
        "half": options.half,
        "distractors": options.distractor_files if options.distractors else 0,
        "limit": options.limit,
        "evidence_per_document": options.evidence,
        "evidence_characters_per_document": CHARACTERS_PER_DOCUMENT,
        "collection": options.collection,
        "split": options.split,
        "vectors_from_cache": options.encoder_cache is not None,
        "encoder": encoder.fingerprint,
    }
