"""``longdoc train sea``: learn to join segment vectors, from any source trees or texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from eval.errors import EvaluationError
from eval.options import ENCODER, FILE, FOLDER, NEW_FOLDER
from eval.splitting import SPLIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from encoders.protocols import Encoder
    from encoders.torch_sea_training import SeaConfig, Trained
    from eval.code_pairs import Pair, PairKind
    from eval.progress import ProgressWatch
    from eval.sea_evaluation import WayFigures

PARTS: Final = ("train", "validation", "test")
_SHARES: Final = (0.7, 0.15, 0.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What to train on and how.

    Attributes:
        projects: one folder each.
        validation: names of projects to choose by; drawn by hash if none is named.
        test: names of projects to measure on, drawn likewise.
        shortest_text: characters; shorter texts fit one segment and teach nothing.
        longest_text: characters; longer texts cost more to encode than they teach.
        pairs: at most so many a part, chosen by hash.
        excluded: names of projects that are left out altogether.
        project_pairs: at most so many of one project in the training and validation parts, chosen by
            hash, so that a few large ones do not speak for all.
        split: how texts are cut, one of `eval.splitting.SPLITS`.
    """

    projects: tuple[Path, ...]
    kind: PairKind = "code"
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    shortest_text: int = 1500
    longest_text: int = 20_000
    pairs: int | None = None
    excluded: tuple[str, ...] = ()
    project_pairs: int | None = None
    split: str = "syntax"
    encoder: Encoder | str = "bundled"
    encoder_cache: Path | None = None

    @property
    def read(self) -> list[Path]:
        """The projects that are not left out; the others' files are not even opened."""
        return [folder for folder in self.projects if folder.name not in self.excluded]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """What was trained, and how it does on projects it never saw."""

    trained: Trained
    parts: Mapping[str, Sequence[Pair]]
    figures: Sequence[WayFigures]


def split_pairs(pairs: Sequence[Pair], options: TrainOptions) -> dict[str, list[Pair]]:
    """Divide pairs by project into train, validation and test.

    Raises:
        EvaluationError: a part has no pairs.
    """
    from eval.code_pairs import sample_pairs, split_of

    parts: dict[str, list[Pair]] = {part: [] for part in PARTS}
    named = bool(options.validation or options.test)
    for pair in pairs:
        if pair.project in options.validation:
            part = "validation"
        elif pair.project in options.test:
            part = "test"
        else:
            part = "train" if named else PARTS[split_of(pair.project, _SHARES)]
        parts[part].append(pair)
    if options.project_pairs is not None:
        for part in PARTS[:2]:
            parts[part] = _capped(parts[part], options.project_pairs)
    if options.pairs is not None:
        parts = {part: sample_pairs(held, options.pairs) for part, held in parts.items()}
    empty = [part for part, held in parts.items() if len(held) < 2]
    if empty:
        counts = ", ".join(f"{part} {len(held)}" for part, held in parts.items())
        raise EvaluationError(
            f"too few pairs ({counts}); give more projects, or name projects with --validation and --test",
            empty=", ".join(empty),
        )
    return parts


def _capped(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """Keep at most so many pairs of each project."""
    from eval.code_pairs import sample_pairs

    projects: dict[str, list[Pair]] = {}
    for pair in pairs:
        projects.setdefault(pair.project, []).append(pair)
    return [pair for held in projects.values() for pair in sample_pairs(held, most)]


def train_sea(options: TrainOptions, config: SeaConfig, watch: ProgressWatch) -> TrainResult:
    """Build pairs, encode them, train, and measure on the test projects."""
    from encoders.torch_sea_training import TrainingPairs, train_attention
    from eval.code_pairs import find_pairs
    from eval.encoding import open_encoder
    from eval.sea_data import encode_pairs
    from eval.sea_evaluation import all_ways, compare_ways
    from eval.splitting import open_splitter

    watch.stage("reading sources")
    lengths = (options.shortest_text, options.longest_text)
    found = find_pairs(options.read, kind=options.kind, lengths=lengths)
    parts = split_pairs(found, options)
    encoder = open_encoder(options.encoder, cache=options.encoder_cache)
    segmenter = open_splitter(options.split, encoder.tokenizer)
    encoded = {}
    for part, pairs in parts.items():
        watch.stage(f"encoding {part} pairs", total=len(pairs))
        truncated = part == "test"
        encoded[part] = encode_pairs(pairs, encoder, segmenter, truncated=truncated, progress=watch.reach)
    watch.stage("training", total=config.epochs)
    train, validation = (
        TrainingPairs(queries=encoded[part].queries, documents=encoded[part].segments) for part in PARTS[:2]
    )
    trained = train_attention(train, validation, config, progress=lambda epoch, loss, mrr: watch.reach(epoch))
    ways = all_ways(encoded["test"], trained.aggregator)
    return TrainResult(trained=trained, parts=parts, figures=compare_ways(ways, encoded["test"]))


def make_card(result: TrainResult, options: TrainOptions, config: SeaConfig) -> dict[str, str]:
    """Say in words what the weights are, for the header of their file."""
    overall = {one.way: one for one in result.figures if one.group == "all"}
    ours = overall["SEA"]
    names = {part: sorted({pair.project for pair in pairs}) for part, pairs in result.parts.items()}
    return {
        "encoder": str(options.encoder),
        "kind": options.kind,
        "split": options.split,
        "config": str(config),
        "best_epoch": str(result.trained.best_epoch),
        "validation_mrr": f"{max(result.trained.validation_mrr):.4f}",
        "test_mrr": f"{ours.mrr.mean:.4f} [{ours.mrr.low:.4f}, {ours.mrr.high:.4f}]",
        **{f"{part}_pairs": str(len(pairs)) for part, pairs in result.parts.items()},
        **{f"{part}_projects": ", ".join(projects) for part, projects in names.items()},
        **{f"test_mrr_{way}": f"{one.mrr.mean:.4f}" for way, one in overall.items() if way != "SEA"},
    }


@click.group("train")
def train() -> None:
    """Train what can be trained on your own files."""


@train.command("sea")
@click.option("--code", "projects", multiple=True, type=FOLDER, help="A project's folder; may be repeated.")
@click.option("--each", "roots", multiple=True, type=FOLDER, help="A folder whose sub-folders are projects.")
@click.option("--kind", type=click.Choice(["code", "text"]), default="code", show_default=True)
@click.option("--validation", multiple=True, help="Name of a project to choose by; by hash if none is named.")
@click.option("--test", multiple=True, help="Name of a project to measure on.")
@click.option("--pairs", type=click.IntRange(min=2), help="At most so many pairs a part, by hash.")
@click.option("--exclude", "excluded", multiple=True, help="Name of a project to leave out.")
@click.option(
    "--project-pairs", type=click.IntRange(min=1), help="At most so many of a project to train or choose by."
)
@click.option("--shortest", default=1500, show_default=True, help="Characters of the shortest text.")
@click.option("--longest", default=20_000, show_default=True, help="Characters of the longest text.")
@SPLIT
@click.option("--layers", type=click.IntRange(1, 2), default=1, show_default=True, help="Of the attention.")
@click.option("--mean-share", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--map", "with_map", is_flag=True, help="Also learn a linear map of the joined vector.")
@click.option("--learning-rate", default=0.03, show_default=True, help="Of the attention.")
@click.option("--loss-temperature", default=0.05, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=60, show_default=True, help="At most so many.")
@click.option("--out", required=True, type=FILE, help="The weights, as safetensors.")
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there for repeated experiments.")
def sea(
    projects: tuple[Path, ...],
    roots: tuple[Path, ...],
    kind: PairKind,
    validation: tuple[str, ...],
    test: tuple[str, ...],
    pairs: int | None,
    excluded: tuple[str, ...],
    project_pairs: int | None,
    shortest: int,
    longest: int,
    split: str,
    layers: int,
    mean_share: float,
    with_map: bool,
    learning_rate: float,
    loss_temperature: float,
    epochs: int,
    out: Path,
    encoder: str,
    encoder_cache: Path | None,
) -> None:
    """Train the attention that joins segment vectors, and measure it on projects it never saw."""
    from dataclasses import replace

    from rich.console import Console

    from encoders.aggregation import save_attention
    from encoders.torch_sea_training import SeaConfig
    from eval.progress import ProgressWatch
    from eval.sea_tables import ways_table

    folders = sorted(folder for root in roots for folder in root.iterdir() if folder.is_dir())
    options = TrainOptions(
        projects=(*projects, *folders),
        kind=kind,
        validation=validation,
        test=test,
        shortest_text=shortest,
        longest_text=longest,
        pairs=pairs,
        excluded=excluded,
        project_pairs=project_pairs,
        split=split,
        encoder=encoder,
        encoder_cache=encoder_cache,
    )
    config = SeaConfig(
        layers=layers,
        mean_share=mean_share,
        map=with_map,
        learning_rate=learning_rate,
        loss_temperature=loss_temperature,
        epochs=epochs,
    )
    with ProgressWatch() as watch:
        result = train_sea(options, config, watch)
    save_attention(out, replace(result.trained.aggregator, card=make_card(result, options, config)))
    Console().print(ways_table(result.figures))
