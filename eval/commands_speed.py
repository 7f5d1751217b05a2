"""The verbs of ``longdoc bench``."""

from __future__ import annotations

from pathlib import Path

import click

from eval.bench_cutting import cutting
from eval.commands_store import edit, faults, growth, ingest, memory, replace


@click.group("bench")
def bench() -> None:
    """Measure speed and memory on this machine."""


@bench.command("encode")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="BEIR folder or text file.")
@click.option("--peers", is_flag=True, help="Also measure sentence-transformers and its backends.")
@click.option(
    "--peers-python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Interpreter with the peers installed, if not this one.",
)
@click.option("--peer", "chosen", multiple=True, help="Only peers whose name holds this, such as OpenVINO.")
@click.option("--lengths", default="160,512,2048", show_default=True, help="Tokens per text, by commas.")
@click.option("--tokens", default=20_000, show_default=True, help="Tokens per round and length.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--equal", is_flag=True, help="Texts of one length instead of ragged ones.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; all usable cores when left out.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures there.")
def encode(
    data: Path | None,
    peers: bool,
    peers_python: Path | None,
    chosen: tuple[str, ...],
    lengths: str,
    tokens: int,
    rounds: int,
    equal: bool,
    threads: int | None,
    json_file: Path | None,
) -> None:
    """Compare tokens per second, peak memory and accuracy at several text lengths."""
    from eval.bench_encode import compare_speed

    compare_speed(
        data,
        peers=(chosen or ("",)) if peers else (),
        peers_python=peers_python,
        lengths=[int(part) for part in lengths.split(",")],
        tokens=tokens,
        rounds=rounds,
        equal=equal,
        threads=threads,
        json_file=json_file,
    )


@bench.command("serve")
@click.option(
    "--corpus",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder in BEIR form: searched.",
)
@click.option(
    "--more",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another: indexed under the load.",
)
@click.option(
    "--store",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="New folder for the store.",
)
@click.option("--encoder", default="bundled", show_default=True)
@click.option("--searchers", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--think", "think_s", default=0.0, show_default=True, help="Seconds between answer and query.")
@click.option("--seconds", default=30.0, show_default=True, help="Length of each of the two phases.")
@click.option("--gathering/--no-gathering", default=True, help="Also compare batching with none.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures there.")
def serve(
    corpus: Path,
    more: Path,
    store: Path,
    encoder: str,
    searchers: int,
    think_s: float,
    seconds: float,
    gathering: bool,
    json_file: Path | None,
) -> None:
    """Load the service over loopback: latencies, errors and memory, with and without a job beside."""
    import json
    import logging

    from eval.bench_serve import Load, measure_gathering, measure_load, queries_of

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    figures = measure_load(
        Load(
            corpus=corpus,
            more=more,
            store=store,
            encoder=encoder,
            searchers=searchers,
            think_s=think_s,
            seconds=seconds,
        )
    )
    if gathering:
        figures["gathering"] = measure_gathering(
            encoder, queries_of(corpus), threads=min(searchers, 50), seconds=5
        )
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1))
    for part in ("documents", "index_s", "phases", "loop_lag", "gathering"):
        if part in figures:
            click.echo(f"{part}: {json.dumps(figures[part])}")
    memory = figures["memory_mb"]
    click.echo(f"memory MB: {json.dumps([memory[0], memory[len(memory) // 2], memory[-1]])}")


for _command in (cutting, edit, faults, growth, ingest, memory, replace):
    bench.add_command(_command)
