"""Trains a small reranker from nothing in several ways and measures each on lists it never saw."""

from __future__ import annotations

import asyncio
import copy
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from eval.metrics import evaluate
from eval.sorting_lists import (
    TEMPLATE,
    ExactTeacher,
    ListShape,
    SmallModel,
    make_lists,
    shuffled_orders,
    small_model,
    small_tokenizer,
    top_grades,
)
from retriever.rerank.labelling import label_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.table import Table

    from retriever.rerank.training_data import ListwiseExample
    from retriever.rerank.training_options import TrainingOptions, TrainingStep

_CUTS: Final = (1, 5, 10)
_LABELS_MEASURED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentOptions:
    """What is trained and measured.

    Attributes:
        model: the shape of the model.
        warm_up: lists of the stages before; all variants share them, with right orders: an understanding of
            grades and numbers, which a model that is not made on the spot would bring along.
        long: lists of the training proper and of the measurement.
        warm_up_lists: how many of each stage.
        long_lists: how many; all variants train on the same.
        held_out: lists measured, drawn with another seed.
        window: of the teacher; less than a list, so that one pass cannot order it.
        seeds: each one is a model, a draw of lists and a measurement of its own.
    """

    model: SmallModel = field(default_factory=SmallModel)
    warm_up: tuple[ListShape, ...] = (
        ListShape(shortest=2, longest=10),
        ListShape(shortest=10, longest=30),
    )
    long: ListShape = field(default_factory=lambda: ListShape(shortest=20, longest=50))
    warm_up_lists: tuple[int, ...] = (51_200, 10_000)
    long_lists: int = 6_400
    held_out: int = 100
    window: int = 10
    step: int = 5
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFigures:
    """How one variant did, averaged over the held-out lists.

    Attributes:
        figures: nDCG at 1, 5 and 10 against the right order.
        label_figures: the same of the labels that it learned from; empty without labels.
        seconds: of CPU time in training.
    """

    name: str
    seed: int
    figures: Mapping[str, float]
    label_figures: Mapping[str, float]
    steps: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Variant:
    name: str
    passes: int | None
    importance: bool


_VARIANTS: Final = (
    _Variant("multi-pass labels, importance-aware loss", None, True),
    _Variant("one-pass labels, importance-aware loss", 1, True),
    _Variant("multi-pass labels, plain loss", None, False),
    _Variant("one-pass labels, plain loss", 1, False),
)


def run_experiment(options: ExperimentOptions, report: Callable[[str], None]) -> list[VariantFigures]:
    """Train every variant for every seed and measure it; ``report`` is told what happens."""
    return [figures for seed in options.seeds for figures in _run_seed(options, seed, report)]


def _run_seed(options: ExperimentOptions, seed: int, report: Callable[[str], None]) -> list[VariantFigures]:
    held_out = make_lists(options.long, options.held_out, seed=1_000_003 + seed)
    tokenizer = small_tokenizer(options.model)
    base = small_model(options.model, tokenizer, seed=seed)
    chance = order_figures(held_out, shuffled_orders(held_out, seed=seed))
    answers = [VariantFigures(name="chance order", seed=seed, figures=chance, label_figures={})]
    answers.append(_measured("before training", seed, base, tokenizer, held_out))
    started = time.process_time()
    steps = 0
    for stage, (shape, count) in enumerate(zip(options.warm_up, options.warm_up_lists, strict=True)):
        lists = make_lists(shape, count, seed=10 * seed + stage)
        steps += _train(base, tokenizer, lists, _warm_up(options, seed, shape), report)
    seconds = time.process_time() - started
    warm = _measured("after the warm-up on shorter lists", seed, base, tokenizer, held_out)
    answers.append(replace(warm, steps=steps, seconds=seconds))
    report(str(answers[-1]))
    lists = make_lists(options.long, options.long_lists, seed=500_009 + seed)
    for variant in _VARIANTS:
        labelled = label_lists(lists, options, passes=variant.passes)
        model = copy.deepcopy(base)
        started = time.process_time()
        steps = _train(model, tokenizer, labelled, _proper(seed, importance=variant.importance), report)
        seconds = time.process_time() - started
        measured = _measured(variant.name, seed, model, tokenizer, held_out)
        labels = order_figures(lists[:_LABELS_MEASURED], [one.order for one in labelled[:_LABELS_MEASURED]])
        answers.append(replace(measured, steps=steps, seconds=seconds, label_figures=labels))
        report(str(answers[-1]))
    return answers


def label_lists(
    lists: Sequence[ListwiseExample], options: ExperimentOptions, *, passes: int | None
) -> list[ListwiseExample]:
    """Replace the right orders by those that a teacher of short windows finds in ``passes`` passes."""

    async def label_all() -> list[ListwiseExample]:
        teacher = ExactTeacher()
        labelled = []
        for one in lists:
            label = await label_list(
                one.query, one.passages, teacher, window=options.window, step=options.step, passes=passes
            )
            labelled.append(replace(one, order=label.order))
        return labelled

    return asyncio.run(label_all())


def order_figures(lists: Sequence[ListwiseExample], orders: Sequence[Sequence[int]]) -> dict[str, float]:
    """Return mean nDCG at 1, 5 and 10 of ``orders``, by how near the right order begins."""
    figures = {}
    for cut in _CUTS:
        qrels = {str(number): top_grades(one) for number, one in enumerate(lists)}
        run = {
            str(number): {str(place): float(-rank) for rank, place in enumerate(order[:cut])}
            for number, order in enumerate(orders)
        }
        ideal = {
            str(number): {str(place): float(-rank) for rank, place in enumerate(one.order[:cut])}
            for number, one in enumerate(lists)
        }
        found = evaluate(qrels, run)
        best = evaluate(qrels, ideal)
        shares = [found[key]["nDCG@10"] / best[key]["nDCG@10"] for key in qrels]
        figures[f"nDCG@{cut}"] = sum(shares) / len(shares)
    return figures


def _measured(
    name: str, seed: int, model: Any, tokenizer: Any, held_out: Sequence[ListwiseExample]
) -> VariantFigures:
    orders = _decode(model, tokenizer, held_out)
    return VariantFigures(name=name, seed=seed, figures=order_figures(held_out, orders), label_figures={})


def _decode(model: Any, tokenizer: Any, lists: Sequence[ListwiseExample]) -> list[tuple[int, ...]]:
    """Rank through the reranker, as a caller would: one call a list, decoded as a permutation."""
    from retriever.rerank.passages import candidates_from_texts
    from retriever.rerank.planning import RerankOptions
    from retriever.rerank.reranker import ListwiseReranker
    from retriever.rerank.torch_model import LocalRankingModel, LocalSettings

    settings = LocalSettings(list_limit=100, template=TEMPLATE)
    local = LocalRankingModel(model, tokenizer, name="small", settings=settings)
    reranker = ListwiseReranker(local, RerankOptions(policy="full", deadline_s=None))
    return [reranker.rerank(one.query, candidates_from_texts(one.passages)).order for one in lists]


def _train(
    model: Any,
    tokenizer: Any,
    lists: Sequence[ListwiseExample],
    options: TrainingOptions,
    report: Callable[[str], None],
) -> int:
    from retriever.rerank.torch_training import RerankerTrainer

    def on_step(state: TrainingStep) -> None:
        if state.step % 100 == 0:
            report(f"step {state.step}/{state.steps}, loss {state.loss:.3f}, {state.seconds:.0f} s")

    trainer = RerankerTrainer(model, tokenizer, template=TEMPLATE)
    return len(trainer.train(lists, options, on_step=on_step))


def _warm_up(options: ExperimentOptions, seed: int, shape: ListShape) -> TrainingOptions:
    """Train on short lists with numbers up to those of long ones, else large numbers come as a surprise."""
    return replace(
        _proper(seed, importance=True),
        batch_size=max(16, 640 // shape.longest),
        learning_rate=4e-3,
        identifier_range=options.model.numbers,
    )


def _proper(seed: int, *, importance: bool) -> TrainingOptions:
    from retriever.rerank.training_options import TrainingOptions

    return TrainingOptions(
        epochs=1,
        batch_size=16,
        accumulation=1,
        learning_rate=2e-3,
        warmup_steps=30,
        weight_decay=0.01,
        noise=0.0,
        importance=importance,
        seed=seed,
    )


def figures_table(rows: Sequence[VariantFigures]) -> Table:
    """Draw the figures, one row a variant."""
    from rich.table import Table

    columns = [f"nDCG@{cut}" for cut in _CUTS]
    table = Table("seed", "variant", *columns, "labels' nDCG@10", "steps", "CPU seconds")
    for row in rows:
        labels = f"{row.label_figures['nDCG@10']:.3f}" if row.label_figures else ""
        shown = [f"{row.figures[column]:.3f}" for column in columns]
        table.add_row(str(row.seed), row.name, *shown, labels, str(row.steps), f"{row.seconds:.0f}")
    return table
