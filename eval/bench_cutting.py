"""``longdoc bench cutting``: megabytes of source a second, step by step, on one core."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from encoders.types import Document
from eval.options import ENCODER, FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from encoders.protocols import Tokenizer

LANGUAGE: Final = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast one step is.

    Attributes:
        seconds: of processor time, the best round.
    """

    step: str
    seconds: float
    megabytes: float

    @property
    def megabytes_per_second(self) -> float:
        """The rate."""
        return self.megabytes / self.seconds


def read_sources(folder: Path, megabytes: float) -> list[Document]:
    """Read Python files in the order of a hash of their names until they hold so many megabytes."""
    from eval.tiling import source_files

    documents, size = [], 0
    python = [path for path in source_files([folder]) if path.suffix == ".py"]
    for path in sorted(python, key=lambda each: _place(each, folder)):
        if size >= megabytes * 1e6:
            break
        text = path.read_text(encoding="utf-8", errors="replace")
        documents.append(Document(id=path.name, text=text, source=str(path), media_type="text/x-python"))
        size += path.stat().st_size
    return documents


def measure_cutting(documents: Sequence[Document], tokenizer: Tokenizer, rounds: int) -> list[Rate]:
    """Time the parser, the parser with the walk and its cuts, token counts, and whole segmentation.

    A round does every step once over all documents; the steps of a round lie close together in time.
    """
    from encoders.code import code_layout
    from encoders.code_tree import parse
    from encoders.segmentation import DocumentSegmenter

    segmenter = DocumentSegmenter(tokenizer)
    steps: dict[str, Callable[[Document], object]] = {
        "parsing alone": lambda each: parse(each.text.encode("utf-8", "surrogatepass"), LANGUAGE),
        "parsing, walking and merging": lambda each: code_layout(each, LANGUAGE),
        "token counts alone": lambda each: tokenizer.tokenize([each.text]),
        "segments with token counts": segmenter.segment,
    }
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for step, run in steps.items():
            started = time.process_time()
            for document in documents:
                run(document)
            best[step] = min(best[step], time.process_time() - started)
    megabytes = sum(len(each.text.encode("utf-8", "surrogatepass")) for each in documents) / 1e6
    return [Rate(step=step, seconds=seconds, megabytes=megabytes) for step, seconds in best.items()]


def _place(path: Path, folder: Path) -> str:
    return hashlib.sha256(str(path.relative_to(folder)).encode("utf-8", "surrogatepass")).hexdigest()


@click.command("cutting")
@click.option("--code", "folder", required=True, type=FOLDER, help="A folder of Python sources.")
@click.option("--megabytes", type=click.FloatRange(0, min_open=True), default=2.5, show_default=True,
              help="At most about so many, chosen by name.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@ENCODER
def cutting(folder: Path, megabytes: float, rounds: int, encoder: str) -> None:
    """Cut Python sources and tell megabytes per processor second of each step, best of the rounds."""
    from encoders.opening import open_encoder

    documents = read_sources(folder, megabytes)
    if not documents:
        raise click.ClickException(f"{folder} holds no Python sources")
    for rate in measure_cutting(documents, open_encoder(encoder).tokenizer, rounds):
        click.echo(f"{rate.step}: {rate.megabytes_per_second:.2f} MB/s")
    click.echo(f"{len(documents)} files, {rate.megabytes:.2f} MB")
