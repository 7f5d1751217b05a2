"""``longdoc train reranker``: labels from a teacher, training, and the experiment that shows both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from eval.options import FILE, NEW_FOLDER, READABLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retriever.rerank.protocols import RankingModel
    from retriever.rerank.training_data import ListwiseExample
    from retriever.rerank.training_options import TrainingStep


@click.command("reranker")
@click.option("--model", required=True, help="Name or folder of the causal model to train.")
@click.option("--data", required=True, type=READABLE, help="JSON lines with query, passages and order.")
@click.option("--out", required=True, type=NEW_FOLDER, help="Folder of the trained model.")
@click.option("--teacher-model", help="Labels lists without an order; its name, or its folder.")
@click.option("--teacher-url", help="The teacher's OpenAI-compatible endpoint.")
@click.option("--labels-out", type=FILE, help="Write the labelled lists there.")
@click.option("--passes", type=click.IntRange(min=1), help="Of the teacher; by default all that are needed.")
@click.option("--window", type=click.IntRange(min=2), default=20, show_default=True)
@click.option("--step", type=click.IntRange(min=1), default=10, show_default=True)
@click.option("--passage-tokens", type=click.IntRange(min=8), default=100, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--learning-rate", default=5e-6, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--accumulation", type=click.IntRange(min=1), default=8, show_default=True)
@click.option("--plain-loss", is_flag=True, help="Weigh all ranks alike.")
@click.option("--lora-rank", type=click.IntRange(min=1), help="Train with LoRA of this rank (needs peft).")
@click.option("--seed", default=42, show_default=True)
def train_reranker(
    model: str,
    data: Path,
    out: Path,
    teacher_model: str | None,
    teacher_url: str | None,
    labels_out: Path | None,
    passes: int | None,
    window: int,
    step: int,
    passage_tokens: int,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    accumulation: int,
    plain_loss: bool,
    lora_rank: int | None,
    seed: int,
) -> None:
    """Train a causal language model to rank whole lists in one call."""
    from retriever.rerank.loading import ModelChoice, load_ranking_model
    from retriever.rerank.torch_model import LocalSettings, load_pretrained, save_local_model
    from retriever.rerank.torch_training import RerankerTrainer
    from retriever.rerank.training_data import read_examples, write_examples
    from retriever.rerank.training_options import LoraSettings, TrainingOptions

    network, tokenizer = load_pretrained(model)
    examples = _cut(list(read_examples(data)), tokenizer, passage_tokens)
    if any(not example.order for example in examples):
        if teacher_model is None:
            raise click.UsageError("some lists have no order; name a --teacher-model to label them")
        teacher = load_ranking_model(ModelChoice(model=teacher_model, url=teacher_url))
        import asyncio

        examples = asyncio.run(_label(examples, teacher, window=window, step=step, passes=passes))
    if labels_out:
        write_examples(labels_out, examples)
    settings = LocalSettings(list_limit=max(len(example.passages) for example in examples))
    trainer = RerankerTrainer(network, tokenizer, template=settings.template)
    options = TrainingOptions(
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        accumulation=accumulation,
        importance=not plain_loss,
        lora=LoraSettings(rank=lora_rank, alpha=2 * lora_rank) if lora_rank else None,
        seed=seed,
    )
    losses = trainer.train(examples, options, on_step=_say)
    save_local_model(out, trainer.merged(), tokenizer, settings)
    click.echo(f"{len(examples)} lists, {len(losses)} steps, loss {losses[0]:.3f} to {losses[-1]:.3f}: {out}")


@click.command("reranker-experiment")
@click.option("--seed", "seeds", multiple=True, type=int, help="May be repeated; 0 by default.")
@click.option("--warm-up-lists", nargs=2, type=int, default=(51_200, 10_000), show_default=True,
              help="Lists of 2 to 10 and of 10 to 30 that all variants share.")  # fmt: skip
@click.option("--long-lists", default=6_400, show_default=True, help="Lists of 20 to 50.")
@click.option("--held-out", default=100, show_default=True, help="Lists of 20 to 50 to measure on.")
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
def reranker_experiment(
    seeds: tuple[int, ...],
    warm_up_lists: tuple[int, int],
    long_lists: int,
    held_out: int,
    json_file: Path | None,
) -> None:
    """Train a tiny reranker from nothing, with labels of one pass and of many, weighted and plain."""
    from dataclasses import asdict

    from rich.console import Console

    from eval.record import write_record
    from eval.reranker_experiment import ExperimentOptions, figures_table, run_experiment

    options = ExperimentOptions(
        warm_up_lists=warm_up_lists, long_lists=long_lists, held_out=held_out, seeds=seeds or (0,)
    )
    figures = run_experiment(options, lambda line: click.echo(line, err=True))
    if json_file:
        rows = [asdict(one) for one in figures]
        write_record(json_file, {"format": 1, "kind": "reranker", "options": asdict(options), "rows": rows})
    Console().print(figures_table(figures))


def _cut(
    examples: Sequence[ListwiseExample], tokenizer: object, passage_tokens: int
) -> list[ListwiseExample]:
    """Cut passages as they will be cut when the model ranks."""
    from retriever.rerank.passages import candidates_from_texts, fit_passages
    from retriever.rerank.torch_model import HubTokens

    counter = HubTokens(tokenizer)
    return [
        replace(
            example,
            passages=fit_passages(
                example.query, candidates_from_texts(example.passages), limit=passage_tokens, counter=counter
            ).texts,
        )
        for example in examples
    ]


async def _label(
    examples: Sequence[ListwiseExample],
    teacher: RankingModel,
    *,
    window: int,
    step: int,
    passes: int | None,
) -> list[ListwiseExample]:
    """Label what has no order; lists that the teacher could not rank whole are left out, and said so."""
    from retriever.rerank.labelling import label_list

    labelled = []
    async with teacher.session() as ranker:
        for number, example in enumerate(examples, start=1):
            if example.order:
                labelled.append(example)
                continue
            label = await label_list(
                example.query, example.passages, ranker, window=window, step=step, passes=passes
            )
            if label.unranked:
                click.echo(
                    f"list {number} left out: no ranking in {label.unranked} of {label.calls} calls", err=True
                )
                continue
            labelled.append(replace(example, order=label.order))
    return labelled


def _say(state: TrainingStep) -> None:
    if state.step % 10 == 0 or state.step == state.steps:
        click.echo(
            f"step {state.step} of {state.steps}, loss {state.loss:.3f}, {state.seconds:.0f} s", err=True
        )
