"""Draws records of the further verbs as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from eval.report_sections import notes_of, task_cells
from eval.tables import NONE, figures_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from eval.comparing import Comparison


def show_longembed(console: Console, record: Mapping[str, Any]) -> None:
    """Print our rows above the published peers, and what is missing and why."""
    console.print(longembed_table(record))
    console.print(*notes_of(record), sep="\n", highlight=False)


def show_needles(console: Console, record: Mapping[str, Any]) -> None:
    """Print one grid per metric: lengths across, depths down, per cent."""
    for metric, grid in record["grids"].items():
        if metric != "found" or record["settings"]["kind"] == "multi":
            console.print(_grid_table(metric, grid))


def show_own(console: Console, record: Mapping[str, Any]) -> None:
    """Print figures by kind of query and what could not be made."""
    console.print(figures_table(record))
    query = record["costs"]["query"]
    console.print(f"p50 {query['p50_ms']:.1f} ms, p95 {query['p95_ms']:.1f} ms", highlight=False)
    console.print(
        "queries made from the texts use their words: higher than real questions, good for comparing settings"
    )
    for problem in record["problems"]:
        console.print(f"not made: {problem}", highlight=False)


def show_shadow(console: Console, record: Mapping[str, Any]) -> None:
    """Print agreement, latency, failures, and the figures where judgements were given."""
    table = Table(title=f"beside {record['settings']['against']}", title_justify="left")
    for name in ("agreement", "mean", "95 % interval"):
        table.add_column(name)
    for name, one in record["agreement"].items():
        table.add_row(name, f"{one['mean']:.3f}", f"[{one['low']:.3f}, {one['high']:.3f}]")
    console.print(table)
    for name, one in record["latency"].items():
        console.print(f"{name}: p50 {one['p50_ms']:.1f} ms, p95 {one['p95_ms']:.1f} ms", highlight=False)
    if record["systems"]:
        console.print(figures_table(record))
    for failure in record["failures"]:
        console.print(f"failed: {failure}", highlight=False)


def _grid_table(metric: str, grid: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title=f"{metric}, per cent", title_justify="left")
    table.add_column("depth", justify="right")
    for length in grid:
        table.add_column(f"{int(length):,}", justify="right")
    for depth in next(iter(grid.values())):
        cells = (f"{100 * cells[depth]:.0f}" if depth in cells else NONE for cells in grid.values())
        table.add_row(f"{100 * float(depth):.0f} %", *cells)
    return table


def comparison_table(comparison: Comparison) -> Table:
    """Lay out one row per set and metric with the verdict."""
    table = Table(title=f"first: {comparison.first}, second: {comparison.second}", title_justify="left")
    for name in ("set", "metric", "queries", "first", "second", "second - first", "p", "verdict"):
        table.add_column(name, justify="left" if name in ("set", "metric", "verdict") else "right")
    for one in comparison.metrics:
        difference = one.difference
        table.add_row(
            one.origin,
            one.metric,
            str(difference.count),
            f"{one.first:.3f}",
            f"{one.second:.3f}",
            f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]",
            f"{difference.p:.4f}",
            one.verdict,
        )
    return table


def longembed_table(record: Mapping[str, Any], *, peers: int = 12) -> Table:
    """Lay out our rows above the best published peers; a dash marks what was not measured."""
    tasks = record["tasks"]
    table = Table(title="LongEmbed, per cent (acc@1 for Passkey and Needle, nDCG@10 for the others)")
    table.add_column("system")
    for title in [*tasks.values(), "average"]:
        table.add_column(title, justify="right")
    for row in record["rows"]:
        table.add_row(row["system"], *task_cells(row["scores"], tasks), style="bold")
    table.add_section()
    for row in record["published"][:peers]:
        table.add_row(row["system"], *task_cells(row["scores"], tasks))
    return table


def context_table(record: Mapping[str, Any]) -> Table:
    """Lay out one row per budget and order; depth is 0 at the beginning of the context."""
    table = Table(title=f"{record['dataset']['name']}: gold evidence in the context", title_justify="left")
    for name in ("budget", "order", "evidence", "any whole span", "depth", "tokens"):
        table.add_column(name, justify="left" if name == "order" else "right")
    for budget, orders in record["figures"].items():
        for order, figures in orders.items():
            means = {name: one["mean"] for name, one in figures.items()}
            depth = f"{means['depth']:.2f}" if "depth" in means else NONE
            share, whole = f"{means['evidence']:.3f}", f"{means['any']:.3f}"
            table.add_row(f"{int(budget):,}", order, share, whole, depth, f"{means['tokens']:,.0f}")
        table.add_section()
    return table


def answers_table(record: Mapping[str, Any]) -> Table:
    """Lay out one row per figure of judged answers."""
    title = f"{record['dataset']['name']}: answers of {record['settings']['model']}"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("mean", justify="right")
    table.add_column("answers", justify="right")
    for name, one in record["figures"].items():
        table.add_row(name, f"{one['mean']:.3f} [{one['low']:.3f}, {one['high']:.3f}]", str(one["count"]))
    return table


def show_published(console: Console, record: Mapping[str, Any]) -> None:
    """Print one row per set, and what is missing and why."""
    table = Table(title=record["name"], title_justify="left")
    table.add_column("set")
    metrics = list(next(iter(record["rows"].values())))
    for metric in ("queries", *metrics):
        table.add_column(metric, justify="right")
    for name, figures in record["rows"].items():
        cells = (f"{one['mean']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for one in figures.values())
        table.add_row(name, str(figures[metrics[0]]["count"]), *cells)
    console.print(table)
    for reason in record["missing"].values():
        console.print(f"not measured: {reason}", highlight=False)
