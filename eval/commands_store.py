"""The verbs of ``longdoc bench`` that measure a store rather than an encoder."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.bench_growth import GrowthStep

_MB = 1e6
_COLUMNS = (
    "segments | added in s | segments/s | memory at rest MB | peak MB | disk MB | search p50 / p95 ms | "
    "1 % p50 / p95 | 0.1 % p50 / p95 | beside ingest p95 / max | equal to brute force"
)


@click.command("growth")
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), required=True, help="Grown on.")
@click.option("--sizes", default="10000,100000,300000", show_default=True, help="Segments, by commas.")
@click.option("--queries", "count", default=100, show_default=True, type=click.IntRange(min=2))
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Add the steps to it.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw all steps of --json there."
)
def growth(store: Path, sizes: str, count: int, file: Path | None, svg: Path | None) -> None:
    """Grow a store to each size with made-up vectors and measure ingest, memory, disk and search."""
    from eval.bench_growth import grow

    click.echo(f"| {_COLUMNS} |\n|{'---|' * (_COLUMNS.count('|') + 1)}")
    wanted = [int(size) for size in sizes.split(",")]
    steps = [asdict(step) for step in grow(store, wanted, count=count, tell=_say)]
    if file is not None:
        kept = json.loads(file.read_text()) if file.exists() else []
        steps = sorted([*kept, *steps], key=lambda step: int(step["segments"]))
        file.write_text(json.dumps(steps, indent=1))
    if svg is not None:
        svg.write_text(_drawn(steps))


@click.command("faults")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="New folder.")
@click.option("--rounds", default=50, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True)
def faults(folder: Path, rounds: int, seed: int) -> None:
    """Kill owners and callers at random instants, fill the disk, mount it read-only; nothing may be lost."""
    from eval.bench_faults import in_own_mounts, kill_job, kill_writers, may_mount

    folder.mkdir(parents=True)
    for name in ("writers", "job", "full", "read-only"):
        (folder / name).mkdir()
    say = partial(click.echo, err=True)
    results = {
        "killed while documents change": kill_writers(folder / "writers", rounds, seed=seed, tell=say),
        "killed while a job runs": kill_job(folder / "job", max(1, rounds // 5), seed=seed),
    }
    if may_mount():
        results["disk full"] = in_own_mounts("full", folder / "full")
        results["store read-only"] = in_own_mounts("read-only", folder / "read-only")
    else:
        say("full and read-only disks need root and are left out")
    click.echo(json.dumps(results, indent=1))


@click.command("ingest")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="For stores.")
@click.option("--documents", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--rounds", default=4, show_default=True, type=click.IntRange(min=1))
@click.option("--encoder", default="bundled", show_default=True)
def ingest(data: Path, folder: Path, documents: int, rounds: int, encoder: str) -> None:
    """Compare indexing with the bare encoder on the first documents of a BEIR folder, in turns."""
    from eval.bench_ingest import compare_with_encoder

    folder.mkdir(parents=True)
    speed = compare_with_encoder(data, folder, documents=documents, rounds=rounds, encoder=encoder)
    click.echo(json.dumps(asdict(speed), indent=1))


@click.command("memory")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="New folder.")
@click.option("--megabytes", default=50, show_default=True, type=click.IntRange(min=0))
@click.option("--files", default=5_000, show_default=True, type=click.IntRange(min=0))
@click.option("--encoder", default="hash:384", show_default=True)
def memory(folder: Path, megabytes: int, files: int, encoder: str) -> None:
    """Index one large file and many small ones; tell the peak memory of all processes together."""
    from eval.bench_ingest import index_many_files, index_one_large_file

    folder.mkdir(parents=True)
    if megabytes:
        found = index_one_large_file(folder / "one", megabytes=megabytes, encoder=encoder)
        click.echo(json.dumps(asdict(found)))
    if files:
        found = index_many_files(folder / "many", count=files, encoder=encoder)
        click.echo(json.dumps(asdict(found)))


@click.command("edit")
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), required=True, help="New folder.")
@click.option("--words", default=200_000, show_default=True, type=click.IntRange(min=100))
@click.option("--encoder", default="bundled", show_default=True)
def edit(store: Path, words: int, encoder: str) -> None:
    """Change one paragraph in the middle of a long document; tell how much is embedded again."""
    from eval.bench_editing import edit_in_the_middle

    click.echo(json.dumps(asdict(edit_in_the_middle(store, words=words, encoder=encoder)), indent=1))


@click.command("replace")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="New folder.")
@click.option("--replacements", default=200, show_default=True, type=click.IntRange(min=2))
@click.option("--writers", default=2, show_default=True, type=click.IntRange(min=1))
@click.option("--encoder", default="hash:64", show_default=True)
def replace(folder: Path, replacements: int, writers: int, encoder: str) -> None:
    """Search all the time while a document is replaced; every answer must be that of one version."""
    from eval.bench_editing import quiet_answers, search_while_replacing

    folder.mkdir(parents=True)
    expected = quiet_answers(folder / "quiet", replacements=replacements, encoder=encoder)
    seen = search_while_replacing(folder, expected=expected, writers=writers, encoder=encoder)
    click.echo(json.dumps(asdict(seen), indent=1))
    if seen.mixed:
        raise click.exceptions.Exit(1)


def _say(step: GrowthStep) -> None:
    speed = step.added / step.ingest_s if step.added else 0.0
    cells = [
        f"{step.segments:,}",
        f"{step.ingest_s:.0f}",
        f"{speed:,.0f}",
        f"{step.anonymous_bytes / _MB:,.0f}",
        f"{step.peak_bytes / _MB:,.0f}",
        f"{step.disk_bytes / _MB:,.0f}",
        f"{step.p50_ms:.0f} / {step.p95_ms:.0f}",
        f"{step.hundredth_p50_ms:.0f} / {step.hundredth_p95_ms:.0f}",
        f"{step.thousandth_p50_ms:.0f} / {step.thousandth_p95_ms:.0f}",
        f"{step.during_p95_ms:.0f} / {step.during_max_ms:.0f}",
        f"{step.equal} of {step.checked}",
    ]
    click.echo(f"| {' | '.join(cells)} |")


def _drawn(steps: Sequence[dict[str, float]]) -> str:
    from eval.charts import lines

    names = {
        "search, p50": "p50_ms",
        "search, p95": "p95_ms",
        "filter 1 %, p50": "hundredth_p50_ms",
        "filter 0.1 %, p50": "thousandth_p50_ms",
    }
    series = {name: {step["segments"]: step[key] for step in steps} for name, key in names.items()}
    highest = max(max(points.values()) for points in series.values())
    nice = next(top for top in (20, 40, 100, 200, 400, 1000, 2000, 4000, 1e9) if top >= highest)
    return lines("Milliseconds a search takes", series, x_title="segments in the collection", maximum=nice)
