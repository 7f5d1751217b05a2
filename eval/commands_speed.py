"""The verbs of ``longdoc bench``."""

from __future__ import annotations

from pathlib import Path

import click

from eval.bench_cutting import cutting
from eval.commands_serve import crash, serve
from eval.commands_store import edit, faults, growth, ingest, memory, replace
from eval.options import ENCODER


@click.group("bench")
def bench() -> None:
    """Measure speed and memory on this machine."""


@bench.command("encode")
@ENCODER
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
@click.option("--device", default="cpu", show_default=True, help="Where all compute, such as cuda.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures there.")
def encode(
    encoder: str,
    data: Path | None,
    peers: bool,
    peers_python: Path | None,
    chosen: tuple[str, ...],
    lengths: str,
    tokens: int,
    rounds: int,
    equal: bool,
    threads: int | None,
    device: str,
    json_file: Path | None,
) -> None:
    """Compare tokens per second, peak memory and accuracy at several text lengths."""
    from eval.bench_encode import compare_speed

    compare_speed(
        data,
        encoder=encoder,
        peers=(chosen or ("",)) if peers else (),
        peers_python=peers_python,
        lengths=[int(part) for part in lengths.split(",")],
        tokens=tokens,
        rounds=rounds,
        equal=equal,
        threads=threads,
        device=device,
        json_file=json_file,
    )


for _command in (crash, cutting, edit, faults, growth, ingest, memory, replace, serve):
    bench.add_command(_command)
