"""``longdoc eval code``: how well code is found by what it says of itself, on anybody's own repository."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from eval.errors import EvaluationError
from eval.options import ENCODER, FILE, FOLDER, NEW_FOLDER
from eval.splitting import SPLIT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.protocols import Encoder
    from eval.code_pairs import PairKind
    from eval.progress import ProgressWatch
    from eval.sea_evaluation import WayFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOptions:
    """What to measure on.

    Attributes:
        projects: one folder each; all their texts are candidates for every query.
        pairs: at most so many, chosen by hash.
        aggregator: ``sea``, ``sea-lines`` or a file of weights; empty to leave the trained vector out.
        split: how texts are cut, one of `eval.splitting.SPLITS`.
    """

    projects: tuple[Path, ...]
    kind: PairKind = "code"
    lengths: tuple[int, int] = (0, 60_000)
    pairs: int | None = 1000
    aggregator: str = "sea"
    split: str = "syntax"
    encoder: Encoder | str = "bundled"
    encoder_cache: Path | None = None


def benchmark(options: CodeOptions, watch: ProgressWatch) -> list[WayFigures]:
    """Build pairs, encode them and compare every way to score.

    Raises:
        EvaluationError: the folders hold fewer than two pairs.
    """
    from encoders.aggregation import open_aggregator
    from eval.code_pairs import find_pairs, sample_pairs
    from eval.encoding import open_encoder
    from eval.sea_data import encode_pairs
    from eval.sea_evaluation import all_ways, compare_ways
    from eval.splitting import open_splitter

    trained = open_aggregator(options.aggregator) if options.aggregator else None
    watch.stage("reading sources")
    pairs = find_pairs(options.projects, kind=options.kind, lengths=options.lengths)
    if len(pairs) < 2:
        raise EvaluationError(
            f"{len(pairs)} pairs found; give folders with documented sources", pairs=len(pairs)
        )
    if options.pairs is not None:
        pairs = sample_pairs(pairs, options.pairs)
    encoder = open_encoder(options.encoder, cache=options.encoder_cache)
    watch.stage("encoding", total=len(pairs))
    segmenter = open_splitter(options.split, encoder.tokenizer)
    encoded = encode_pairs(pairs, encoder, segmenter, truncated=True, progress=watch.reach)
    return compare_ways(all_ways(encoded, trained), encoded)


def figures_record(figures: Sequence[WayFigures]) -> dict[str, object]:
    """Return the figures as JSON values."""
    return {"format": 1, "figures": [asdict(one) for one in figures]}


@click.command("code")
@click.option("--code", "projects", multiple=True, required=True, type=FOLDER, help="A project's folder.")
@click.option("--kind", type=click.Choice(["code", "text"]), default="code", show_default=True)
@click.option("--pairs", type=click.IntRange(min=2), default=1000, show_default=True, help="At most so many.")
@click.option("--shortest", default=0, show_default=True, help="Characters of the shortest text.")
@click.option("--longest", default=60_000, show_default=True, help="Characters of the longest text.")
@click.option("--aggregator", default="sea", show_default=True, help="sea, sea-lines, a file, or ''.")
@SPLIT
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there for repeated experiments.")
def code(
    projects: tuple[Path, ...],
    kind: PairKind,
    pairs: int,
    shortest: int,
    longest: int,
    aggregator: str,
    split: str,
    json_file: Path | None,
    encoder: str,
    encoder_cache: Path | None,
) -> None:
    """Measure on pairs of description and code of your own.

    Docstrings or comments are the queries; figures are by the length of the code.
    """
    from rich.console import Console

    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.sea_tables import ways_table

    options = CodeOptions(
        projects=projects,
        kind=kind,
        lengths=(shortest, longest),
        pairs=pairs,
        aggregator=aggregator,
        split=split,
        encoder=encoder,
        encoder_cache=encoder_cache,
    )
    with ProgressWatch() as watch:
        figures = benchmark(options, watch)
    if json_file:
        write_record(json_file, figures_record(figures))
    Console().print(ways_table(figures))
