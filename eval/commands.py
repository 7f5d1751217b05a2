"""``longdoc eval``: what can be measured from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from eval.sampling import Half

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("eval")
def eval_() -> None:
    """Measure retrieval: on benchmarks, on your own collection, against what you use today."""


@eval_.command("run")
@click.option("--data", multiple=True, required=True, type=FOLDER, help="BEIR folder; several are merged.")
@click.option("--queries", type=click.IntRange(min=1), help="At most N queries of every set, by hash.")
@click.option("--half", type=click.Choice(["a", "b"]), help="One half of the queries, by hash.")
@click.option("--baselines", is_flag=True, help="Also measure BM25 and one vector of the first 512 tokens.")
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
@click.option("--run", "run_file", type=FILE, help="Write our rankings there, in TREC form.")
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Keep the index there.")
@click.option("--collection", default="default", show_default=True)
@click.option("--encoder", default="bundled", show_default=True, help="'bundled', or a model's folder.")
@click.option(
    "--encoder-cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Remember vectors there for repeated experiments.",
)
def run(
    data: tuple[Path, ...],
    queries: int | None,
    half: Half | None,
    baselines: bool,
    json_file: Path | None,
    run_file: Path | None,
    store: Path | None,
    collection: str,
    encoder: str,
    encoder_cache: Path | None,
) -> None:
    """Index BEIR folders and measure the answers to their queries."""
    from rich.console import Console

    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.running import RunOptions, run_evaluation
    from eval.tables import show_run
    from eval.trec import write_run

    options = RunOptions(
        data=data,
        queries=queries,
        half=half,
        baselines=baselines,
        store=store,
        collection=collection,
        encoder=encoder,
        encoder_cache=encoder_cache,
    )
    with ProgressWatch() as watch:
        result = run_evaluation(options, watch)
    if json_file:
        write_record(json_file, result.record)
    if run_file:
        write_run(run_file, result.measurements[0].run, tag=result.measurements[0].system)
    show_run(Console(), result.record)


@eval_.command("compare")
@click.argument("first", type=READABLE)
@click.argument("second", type=READABLE)
@click.option("--first-system", help="Which system of the first record; ours by default.")
@click.option("--second-system", help="Which system of the second record; ours by default.")
@click.option("--json", "json_file", type=FILE, help="Write the comparison there.")
def compare_(
    first: Path, second: Path, first_system: str | None, second_system: str | None, json_file: Path | None
) -> None:
    """Say whether two records differ by more than chance, query by query."""
    from dataclasses import asdict

    from rich.console import Console

    from eval.comparing import compare, system_of
    from eval.record import read_record, write_record
    from eval.tables import comparison_table

    comparison = compare(
        system_of(read_record(first), first_system), system_of(read_record(second), second_system)
    )
    if json_file:
        write_record(json_file, {"format": 1, "kind": "compare", **asdict(comparison)})
    console = Console()
    console.print(comparison_table(comparison))
    unshared = (comparison.only_first, comparison.only_second)
    if any(unshared):
        console.print(
            f"not compared: {unshared[0]} queries only in the first, {unshared[1]} only in the second"
        )
