"""``longdoc eval``: what can be measured from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eval.code_benchmark import code
from eval.commands_bench import answers, context, mteb, published, vector
from eval.commands_own import needle, own, shadow, votes
from eval.options import ENCODER, FILE, FOLDER, NEW_FOLDER, READABLE, distractor_options
from eval.splitting import SPLIT
from eval.tiling import coverage

if TYPE_CHECKING:
    from pathlib import Path

    from eval.sampling import Half


@click.group("eval")
def eval_() -> None:
    """Measure retrieval: on benchmarks and on your own texts."""


@eval_.command("run")
@click.option("--data", multiple=True, required=True, type=FOLDER, help="BEIR folder; several are merged.")
@click.option("--queries", type=click.IntRange(min=1), help="At most N queries of every set, by hash.")
@click.option("--half", type=click.Choice(["a", "b"]), help="One half of the queries, by hash.")
@click.option("--baselines", is_flag=True, help="Also measure BM25 and one vector of the beginning.")
@SPLIT
@distractor_options
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
@click.option("--run", "run_file", type=FILE, help="Write our rankings there, in TREC form.")
@click.option("--store", type=NEW_FOLDER, help="Keep the index there.")
@click.option("--collection", default="default", show_default=True)
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there for repeated experiments.")
def run(
    data: tuple[Path, ...],
    queries: int | None,
    half: Half | None,
    baselines: bool,
    distractors: tuple[Path, ...],
    distractor_files: int,
    split: str,
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
        distractors=distractors,
        distractor_files=distractor_files,
        split=split,
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
    """Say whether two records differ by more than chance."""
    from rich.console import Console

    from eval.comparing import compare, comparison_record, systems_to_compare
    from eval.record import write_record
    from eval.tables_own import show_comparison

    comparison = compare(*systems_to_compare((first, second), (first_system, second_system)))
    if json_file:
        write_record(json_file, comparison_record(comparison))
    show_comparison(Console(), comparison)


@eval_.command("longembed")
@click.option("--task", "tasks", multiple=True, help="passkey, needle, narrativeqa, …; all by default.")
@click.option("--method", "methods", multiple=True, help="Which rankers; all by default.")
@click.option("--extend", "extensions", multiple=True, help="A row for the model extended, such as pi:4096.")
@click.option("--length", "lengths", multiple=True, type=int, help="Of Passkey and Needle; 256 … 32768.")
@click.option("--queries", type=click.IntRange(min=1), help="At most N queries of every set, by hash.")
@click.option(
    "--documents", type=click.IntRange(min=1), help="Of Passkey and Needle; those with an answer first."
)
@click.option("--data", type=FOLDER, help="The published data, one folder per task.")
@click.option("--haystack", type=FOLDER, help="Texts to hide generated needles in.")
@click.option("--qmsum", type=FOLDER, help="A checkout of Yale-LILY/QMSum, or the task as a BEIR folder.")
@ENCODER
@click.option(
    "--max-tokens", type=click.IntRange(min=8), help="Of one pass; the model's own limit if not given."
)
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there.")
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
def longembed(
    tasks: tuple[str, ...],
    methods: tuple[str, ...],
    extensions: tuple[str, ...],
    lengths: tuple[int, ...],
    queries: int | None,
    documents: int | None,
    data: Path | None,
    haystack: Path | None,
    qmsum: Path | None,
    encoder: str,
    max_tokens: int | None,
    encoder_cache: Path | None,
    json_file: Path | None,
) -> None:
    """Fill the LongEmbed table, beside the published peers."""
    from rich.console import Console

    from encoders.loading import load_encoder
    from eval.encoding import open_encoder
    from eval.longembed_table import TableOptions, longembed_table, task_names
    from eval.methods import METHODS
    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.synthetic import LENGTHS
    from eval.tables_own import show_longembed

    options = TableOptions(
        tasks=task_names(tasks),
        methods=methods or tuple(METHODS),
        extensions=extensions,
        encoder_name=encoder,
        lengths=lengths or LENGTHS,
        queries=queries,
        documents=documents,
        cache=encoder_cache,
        data=data,
        haystack=haystack,
        qmsum=qmsum,
    )
    with ProgressWatch() as watch:
        model = load_encoder(encoder, max_tokens=max_tokens) if max_tokens else encoder
        opened = open_encoder(model, cache=encoder_cache, remember_windows=True)
        for record in longembed_table(options, opened, watch):
            if json_file:
                write_record(json_file, record)
    show_longembed(Console(), record)


@eval_.command("report")
@click.argument("records", nargs=-1, required=True, type=READABLE)
@click.option("--out", required=True, type=FILE, help="The page, one HTML file that needs nothing else.")
@click.option("--title", default="Retrieval evaluation", show_default=True)
@click.option("--pictures", type=NEW_FOLDER, help="Also write every chart there as SVG.")
def report(records: tuple[Path, ...], out: Path, title: str, pictures: Path | None) -> None:
    """Draw records of any kind as one page."""
    from eval.record import read_record
    from eval.report import report_page, write_pictures

    loaded = [read_record(path) for path in records]
    out.write_text(report_page(loaded, title=title), encoding="utf-8")
    click.echo(f"{out}: {len(loaded)} {'record' if len(loaded) == 1 else 'records'}")
    for path in write_pictures(pictures, loaded) if pictures else []:
        click.echo(path)


for command in (needle, own, shadow, votes, mteb, context, answers, published, code, coverage, vector):
    eval_.add_command(command)
