"""Verbs of ``longdoc eval`` for further benchmarks on BEIR folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval.options import ENCODER, FILE, FOLDER, NEW_FOLDER
from eval.splitting import SPLIT
from retriever.context.types import EXPANSIONS, ORDERS

if TYPE_CHECKING:
    from retriever.context.types import Expand, Order

BUDGETS = (500, 1000, 2000, 4000)


@click.command("mteb")
@click.option("--task", default="LEMBQMSumRetrieval", show_default=True, help="A retrieval task of mteb.")
@click.option("--subset", help="Of a task that has several, such as python.")
@click.option("--data", type=FOLDER, help="BEIR folder that takes the place of its data; else the hub.")
@click.option("--queries", type=click.IntRange(min=1), help="At most N queries of --data, by hash.")
@click.option("--model", type=click.Choice(["encoder", "retriever"]), default="retriever", show_default=True)
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there.")
@click.option("--json", "json_file", type=FILE, help="Write all scores there.")
def mteb(
    task: str,
    subset: str | None,
    data: Path | None,
    queries: int | None,
    model: str,
    encoder: str,
    encoder_cache: Path | None,
    json_file: Path | None,
) -> None:
    """Let mteb measure our encoder or our whole retriever."""
    from contextlib import closing, nullcontext

    from eval.beir import load_beir
    from eval.encoding import open_encoder
    from eval.mteb_models import MtebEncoder, MtebRetriever, hub_task, local_task, mteb_record, run_task
    from eval.record import write_record
    from eval.sampling import sample

    if data is None:
        prepared = hub_task(task, subset)
    else:
        dataset = load_beir(data)
        prepared = local_task(task, sample(dataset, queries) if queries else dataset, subset)
    loaded = open_encoder(encoder, cache=encoder_cache)
    held = nullcontext(MtebEncoder(loaded)) if model == "encoder" else closing(MtebRetriever(loaded))
    with held as measured:
        scores = run_task(measured, prepared)
    if json_file:
        settings = {
            "task": task,
            "subset": subset,
            "data": data.resolve().name if data else None,
            "queries": queries,
            "model": model,
            "encoder": loaded.fingerprint,
        }
        write_record(json_file, mteb_record(settings, scores))
    for name in ("main_score", "ndcg_at_10", "mrr_at_10", "recall_at_100"):
        click.echo(f"{name}: {scores[name]:.4f}")


@click.command("vector")
@click.option("--data", required=True, type=FOLDER, help="BEIR folder.")
@click.option("--aggregator", "aggregators", multiple=True, default=("sea",), show_default=True,
              help="mean, max, sea, sea-lines or a file; may be repeated.")  # fmt: skip
@SPLIT
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there for repeated experiments.")
def vector(
    data: Path,
    aggregators: tuple[str, ...],
    split: str,
    json_file: Path | None,
    encoder: str,
    encoder_cache: Path | None,
) -> None:
    """Add one vector of each whole document to the search, and say what it gains."""
    from dataclasses import asdict

    from rich.console import Console

    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.vector_gain import VectorOptions, gains_table, measure_gain

    options = VectorOptions(
        data=data, aggregators=aggregators, split=split, encoder=encoder, encoder_cache=encoder_cache
    )
    with ProgressWatch() as watch:
        gains = measure_gain(options, watch)
    if json_file:
        write_record(json_file, {"format": 1, "gains": [asdict(one) for one in gains]})
    Console().print(gains_table(gains))


@click.command("context")
@click.option("--data", required=True, type=FOLDER, help="BEIR folder with spans.jsonl.")
@click.option("--queries", type=click.IntRange(min=1), help="At most N queries, by hash.")
@click.option("--budget", "budgets", multiple=True, type=click.IntRange(min=1), help="Tokens; several.")
@click.option("--expand", type=click.Choice(EXPANSIONS), default="sentence", show_default=True)
@click.option("--tokenizer", default="encoder", show_default=True, help="Who counts: cl100k_base, a folder.")
@click.option("--store", type=NEW_FOLDER, help="Keep the index there, or use the one that is there.")
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there.")
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
def context(
    data: Path,
    queries: int | None,
    budgets: tuple[int, ...],
    expand: Expand,
    tokenizer: str,
    store: Path | None,
    encoder: str,
    encoder_cache: Path | None,
    json_file: Path | None,
) -> None:
    """Measure how much gold evidence a context holds.

    By token budget and by the order of reading.
    """
    from rich.console import Console

    from eval.beir import load_beir
    from eval.context_run import ContextRunOptions, run_context
    from eval.encoding import open_encoder
    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.sampling import sample
    from eval.tables_own import context_table

    dataset = load_beir(data)
    asked = sample(dataset, queries) if queries else dataset
    options = ContextRunOptions(budgets=budgets or BUDGETS, expand=expand, tokenizer=tokenizer, store=store)
    with ProgressWatch() as watch:
        record = run_context(asked, open_encoder(encoder, cache=encoder_cache), options, watch)
    if json_file:
        write_record(json_file, record)
    Console().print(context_table(record))


@click.command("answers")
@click.option("--data", required=True, type=FOLDER, help="BEIR folder with spans.jsonl.")
@click.option("--llm", required=True, help="OpenAI-compatible address; the key is LONGDOC_LLM_KEY.")
@click.option("--model", required=True, help="The model that answers.")
@click.option("--judge", help="The model that judges, at the same address; by default the same one.")
@click.option("--queries", type=click.IntRange(min=1), default=50, show_default=True, help="By hash.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--order", type=click.Choice(ORDERS), default="score", show_default=True)
@click.option("--expand", type=click.Choice(EXPANSIONS), default="sentence", show_default=True)
@click.option("--tokenizer", help="Of the model that answers; estimated by default.")
@click.option("--store", type=NEW_FOLDER, help="Keep the index there, or use the one that is there.")
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there.")
@click.option("--json", "json_file", type=FILE, help="Write the record there, with every answer.")
def answers(
    data: Path,
    llm: str,
    model: str,
    judge: str | None,
    queries: int,
    max_tokens: int,
    order: Order,
    expand: Expand,
    tokenizer: str | None,
    store: Path | None,
    encoder: str,
    encoder_cache: Path | None,
    json_file: Path | None,
) -> None:
    """Let a language model answer from contexts, and judge it.

    Judged are accuracy, citations and quotations.
    """
    from rich.console import Console

    from eval.answers_run import AnswersOptions, run_answers
    from eval.beir import load_beir
    from eval.encoding import open_encoder
    from eval.llm import ChatEndpoint
    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.sampling import sample
    from eval.tables_own import answers_table

    options = AnswersOptions(
        model=model,
        judge=judge or model,
        max_tokens=max_tokens,
        order=order,
        expand=expand,
        tokenizer=tokenizer,
        store=store,
    )
    writer, judging = (ChatEndpoint(url=llm, model=name) for name in (options.model, options.judge))
    with ProgressWatch() as watch:
        record = run_answers(
            sample(load_beir(data), queries),
            open_encoder(encoder, cache=encoder_cache),
            writer,
            judging,
            options,
            watch,
        )
    if json_file:
        write_record(json_file, record)
    Console().print(answers_table(record))


@click.command("published")
@click.argument("name", type=click.Choice(["loco", "followir", "longmemeval-sessions", "longmemeval-rounds"]))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder, LongMemEval's file.")
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there.")
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
def published(
    name: str, data: Path, encoder: str, encoder_cache: Path | None, json_file: Path | None
) -> None:
    """Run LoCoV1, FollowIR or LongMemEval where the data is."""
    from rich.console import Console

    from eval.encoding import open_encoder
    from eval.progress import ProgressWatch
    from eval.published_sets import RUNNERS
    from eval.record import write_record
    from eval.tables_own import show_published

    with ProgressWatch() as watch:
        record = RUNNERS[name](data, open_encoder(encoder, cache=encoder_cache), watch)
    if json_file:
        write_record(json_file, record)
    show_published(Console(), record)
