"""``longdoc eval mteb``: the package `mteb` measures our models on local data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eval.options import ENCODER, FILE, FOLDER

if TYPE_CHECKING:
    from pathlib import Path


@click.command("mteb")
@click.option("--task", default="LEMBQMSumRetrieval", show_default=True, help="A retrieval task of mteb.")
@click.option("--data", required=True, type=FOLDER, help="BEIR folder that takes the place of its data.")
@click.option("--queries", type=click.IntRange(min=1), help="At most N queries, by hash.")
@click.option("--model", type=click.Choice(["encoder", "retriever"]), default="retriever", show_default=True)
@ENCODER
@click.option("--json", "json_file", type=FILE, help="Write all scores there.")
def mteb(
    task: str, data: Path, queries: int | None, model: str, encoder: str, json_file: Path | None
) -> None:
    """Let mteb measure our encoder or our whole retriever."""
    from contextlib import closing, nullcontext

    from eval.beir import load_beir
    from eval.encoding import open_encoder
    from eval.mteb_models import MtebEncoder, MtebRetriever, local_task, run_task
    from eval.record import created_at, write_record
    from eval.sampling import sample

    dataset = load_beir(data)
    prepared = local_task(task, sample(dataset, queries) if queries else dataset)
    loaded = open_encoder(encoder)
    held = nullcontext(MtebEncoder(loaded)) if model == "encoder" else closing(MtebRetriever(loaded))
    with held as measured:
        scores = run_task(measured, prepared)
    if json_file:
        facts = {"format": 1, "kind": "mteb", "created_at": created_at(), "task": task, "model": model}
        write_record(json_file, {**facts, "scores": scores})
    for name in ("main_score", "ndcg_at_10", "mrr_at_10", "recall_at_100"):
        click.echo(f"{name}: {scores[name]:.4f}")
