"""``longdoc bench serve`` and ``longdoc bench crash``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _load_options(command: Command) -> Command:
    """Add what names the documents, the store and the searchers."""
    for option in (
        click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures there."),
        click.option("--searchers", default=50, show_default=True, type=click.IntRange(1, 500)),
        click.option("--encoder", default="bundled", show_default=True),
        click.option(
            "--store", required=True, type=click.Path(file_okay=False, path_type=Path), help="New folder."
        ),
        click.option("--more", required=True, type=_FOLDER, help="Another: indexed under the load."),
        click.option("--corpus", required=True, type=_FOLDER, help="Folder in BEIR form: searched."),
    ):
        command = option(command)
    return command


@click.command("serve")
@_load_options
@click.option(
    "--think",
    "think_s",
    multiple=True,
    type=float,
    default=(0.0, 1.0),
    show_default=True,
    help="Seconds between an answer and the next query; each has phases of its own.",
)
@click.option("--seconds", default=30.0, show_default=True, help="Length of a phase.")
@click.option("--gathering/--no-gathering", default=True, help="Also compare batching with none.")
def serve(
    corpus: Path,
    more: Path,
    store: Path,
    encoder: str,
    searchers: int,
    json_file: Path | None,
    think_s: tuple[float, ...],
    seconds: float,
    gathering: bool,
) -> None:
    """Load the service over loopback: latencies, errors and memory, with and without a job beside."""
    import logging

    from eval.bench_serve import Load, measure_gathering, measure_load, queries_of

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    load = Load(
        corpus=corpus,
        more=more,
        store=store,
        encoder=encoder,
        searchers=searchers,
        think_s=think_s,
        seconds=seconds,
    )
    figures = measure_load(load)
    if gathering:
        figures["gathering"] = measure_gathering(encoder, queries_of(corpus), threads=searchers, seconds=5)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1))
    for phase in figures["phases"]:
        click.echo(json.dumps(phase))
    for part in ("documents", "index_s", "loop_lag", "gathering"):
        if part in figures:
            click.echo(f"{part}: {json.dumps(figures[part])}")
    memory = figures["memory_mb"]
    click.echo(f"memory MB: {json.dumps([memory[len(memory) * part // 8] for part in range(8)])}")


@click.command("crash")
@_load_options
def crash(
    corpus: Path, more: Path, store: Path, encoder: str, searchers: int, json_file: Path | None
) -> None:
    """Kill the service under load, start it again: what was lost, and how soon it is ready."""
    from eval.bench_crash import measure_crash
    from eval.bench_serve import Load

    figures = measure_crash(Load(corpus=corpus, more=more, store=store, encoder=encoder, searchers=searchers))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1))
    click.echo(json.dumps(figures))
