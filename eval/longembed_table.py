"""The LongEmbed table: our methods on the tasks that can be had, beside the published peers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from eval.beir import load_beir
from eval.datasets import judged_dataset
from eval.errors import DataError, EvaluationError
from eval.haystack import load_haystack
from eval.longembed import REMEDY, TASKS, load_qmsum_repository, load_task, published_scores
from eval.machine import machine, versions
from eval.methods import METHODS, extended
from eval.metrics import evaluate, mean_figures
from eval.record import FORMAT, created_at
from eval.sampling import sample
from eval.synthetic import LENGTHS, needle, passkey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from encoders.protocols import Encoder
    from eval.jsonl import JSONObject
    from eval.longembed import TaskName
    from eval.methods import Ranker
    from eval.running import Watch
    from eval.types import Dataset

_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """What to put into the table.

    Attributes:
        tasks: in the order of columns.
        methods: names of `eval.methods.METHODS`.
        extensions: such as ``pi:4096``: further rows, one vector by the model made to read further.
        encoder_name: the model that is extended.
        lengths: of the synthetic tasks, in tokens.
        queries: at most so many per set, by hash.
        documents: of a synthetic set, at most so many candidates; those with an answer come first.
        cache: where the vectors of extended models are remembered.
        data: the published data, one folder per task; None to generate or rebuild.
        haystack: folder of texts for a generated Needle.
        qmsum: a checkout of Yale-LILY/QMSum, or the task as a BEIR folder.
        seed: of the generated tasks.
    """

    tasks: tuple[TaskName, ...] = tuple(TASKS)
    methods: tuple[str, ...] = tuple(METHODS)
    extensions: tuple[str, ...] = ()
    encoder_name: str = "bundled"
    lengths: tuple[int, ...] = LENGTHS
    queries: int | None = None
    documents: int | None = None
    cache: Path | None = None
    data: Path | None = None
    haystack: Path | None = None
    qmsum: Path | None = None
    seed: int = 0


@dataclass(slots=True)
class Row:
    """One system's scores in per cent; by length for the synthetic tasks."""

    system: str
    scores: dict[str, float] = field(default_factory=dict)
    by_length: dict[str, dict[int, float]] = field(default_factory=dict)


def longembed_table(options: TableOptions, encoder: Encoder, watch: Watch) -> Iterator[JSONObject]:
    """Measure every method on every task that can be had; name those that cannot.

    Yields the record so far after every score, as a table takes hours; the last one is complete.

    Args:
        options: what to measure.
        encoder: the model.
        watch: is told of the stages.

    Raises:
        EvaluationError: a method is unknown, or no task can be had.
    """
    unknown = [name for name in options.methods if name not in METHODS]
    if unknown:
        raise EvaluationError(f"no method {', '.join(unknown)}; there are {', '.join(METHODS)}")
    rankers = {name: METHODS[name] for name in options.methods}
    rankers |= {
        f"one vector, {one}": extended(options.encoder_name, one, options.cache) for one in options.extensions
    }
    rows = [Row(name) for name in rankers]
    missing: dict[str, str] = {}
    for task in options.tasks:
        try:
            for length, dataset in _datasets(task, options):
                for row in rows:
                    watch.stage(f"{dataset.name}: {row.system}")
                    _put(row, task, length, _score(rankers[row.system], task, dataset, encoder))
                    yield _record(options, encoder, rows, missing)
        except DataError as error:
            missing[task] = str(error)
    if len(missing) == len(options.tasks):
        raise EvaluationError(f"no task can be had: {'; '.join(missing.values())}")
    yield _record(options, encoder, rows, missing)


def _record(
    options: TableOptions, encoder: Encoder, rows: Sequence[Row], missing: Mapping[str, str]
) -> JSONObject:
    return {
        "format": FORMAT,
        "kind": "longembed",
        "created_at": created_at(),
        "settings": {**_settings(options), "encoder": encoder.fingerprint},
        "versions": versions(),
        "machine": machine(),
        "tasks": {task: TASKS[task].title for task in options.tasks},
        "rows": [asdict(row) for row in rows],
        "missing": dict(missing),
        "published": [asdict(row) | {"average": row.average} for row in published_scores()],
    }


def task_names(names: Sequence[str]) -> tuple[TaskName, ...]:
    """Check names of tasks; none means all.

    Raises:
        EvaluationError: one is unknown.
    """
    unknown = [name for name in names if name not in TASKS]
    if unknown:
        raise EvaluationError(f"LongEmbed has no task {', '.join(unknown)}; it has {', '.join(TASKS)}")
    return tuple(task for task in TASKS if not names or task in names)


def _datasets(task: TaskName, options: TableOptions) -> Iterator[tuple[int | None, Dataset]]:
    for length in options.lengths if TASKS[task].synthetic else (None,):
        dataset = _dataset(task, length, options)
        if length is not None and options.documents is not None:
            dataset = _first(dataset, options.documents)
        yield length, sample(dataset, options.queries) if options.queries else dataset


def _first(dataset: Dataset, documents: int) -> Dataset:
    kept = dataset.documents[:documents]
    ids = {document.id for document in kept}
    queries = tuple(query for query in dataset.queries if dataset.qrels[query.id].keys() <= ids)
    return judged_dataset(
        dataset.name,
        kept,
        queries,
        {query.id: dataset.qrels[query.id] for query in queries},
        {query.id: dataset.spans[query.id] for query in queries if query.id in dataset.spans},
    )


def _dataset(task: TaskName, length: int | None, options: TableOptions) -> Dataset:
    if options.data is not None and (options.data / task).is_dir():
        return load_task(options.data, task, length=length)
    if task == "passkey" and length is not None:
        return passkey(length, seed=options.seed)
    if task == "needle" and length is not None and options.haystack is not None:
        return needle(length, load_haystack(options.haystack), seed=options.seed)
    if task == "qmsum" and options.qmsum is not None:
        beir = (options.qmsum / "corpus.jsonl").is_file()
        return load_beir(options.qmsum) if beir else load_qmsum_repository(options.qmsum)
    hints = {
        "needle": " or name a folder of texts with --haystack",
        "qmsum": " or name its source with --qmsum",
    }
    raise DataError(f"{TASKS[task].title} cannot be had: {REMEDY}{hints.get(task, '')}")


def _score(ranker: Ranker, task: TaskName, dataset: Dataset, encoder: Encoder) -> float:
    run = ranker(dataset, encoder, _LIMIT)
    return 100 * mean_figures(evaluate(dataset.qrels, run))[TASKS[task].metric]


def _put(row: Row, task: TaskName, length: int | None, score: float) -> None:
    if length is None:
        row.scores[task] = score
        return
    lengths = row.by_length.setdefault(task, {})
    lengths[length] = score
    row.scores[task] = fmean(lengths.values())


def _settings(options: TableOptions) -> JSONObject:
    return {
        "lengths": list(options.lengths),
        "queries_per_set": options.queries,
        "documents_per_synthetic_set": options.documents,
        "seed": options.seed,
        "generated": [
            task
            for task in options.tasks
            if TASKS[task].synthetic and not (options.data and (options.data / task).is_dir())
        ],
    }
