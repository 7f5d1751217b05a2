"""Draws records of the further verbs as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from eval.report_benchmarks import notes_of, task_cells
from eval.tables import NONE, TITLES, differences_table, figures_table, latency_line, say, search_lines, sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from eval.comparing import Comparison, MetricComparison


def show_longembed(console: Console, record: Mapping[str, Any]) -> None:
    """Print our rows above the published peers, and what is missing and why."""
    console.print(longembed_table(record))
    say(console, notes_of(record))


def show_needles(console: Console, record: Mapping[str, Any]) -> None:
    """Print one grid per metric: lengths across, depths down, per cent."""
    for metric, grid in record["grids"].items():
        if metric != "found" or record["settings"]["kind"] == "multi":
            console.print(_grid_table(metric, grid))


def show_own(console: Console, record: Mapping[str, Any]) -> None:
    """Print figures by kind of query, an example of each, and what could not be made."""
    console.print(figures_table(record))
    examples = {one["made"]: one["text"] for one in reversed(record["queries"])}
    say(
        console,
        [
            *(f"{made}, for example: {' '.join(examples[made].split())}" for made in reversed(examples)),
            *search_lines(record),
            "made of the words of the texts: good for comparing settings, higher than real questions",
            *(f"not made: {problem}" for problem in record["problems"]),
        ],
    )


def show_shadow(console: Console, record: Mapping[str, Any]) -> None:
    """Print agreement, latency, failures, and the figures where judgements were given."""
    table = sheet(f"beside {record['settings']['against']}", ("agreement", "mean", "95 % interval"))
    for name, one in record["agreement"].items():
        table.add_row(name, *_mean_and_span(one))
    console.print(table)
    say(console, (latency_line(one, name) for name, one in record["latency"].items()))
    if record["systems"]:
        console.print(figures_table(record))
        console.print(differences_table(record))
    say(console, (f"failed: {failure}" for failure in record["failures"]))


def _grid_table(metric: str, grid: Mapping[str, Mapping[str, float]]) -> Table:
    title = f"{TITLES.get(metric, metric)} (%) by depth and length"
    table = sheet(title, ("depth", *(f"{int(length):,}" for length in grid)))
    for depth in next(iter(grid.values())):
        cells = (f"{100 * cells[depth]:.0f}" if depth in cells else NONE for cells in grid.values())
        table.add_row(f"{100 * float(depth):3.0f} %", *cells)
    return table


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print one row per set and metric with the verdict, and what could not be compared."""
    console.print(comparison_table(comparison))
    unshared = (comparison.only_first, comparison.only_second)
    if any(unshared):
        say(
            console,
            [f"not compared: {unshared[0]} queries only in the first, {unshared[1]} only in the second"],
        )


def comparison_table(comparison: Comparison) -> Table:
    """Lay out one row per set and metric; the verdict goes by p, of the randomisation test."""
    table = sheet(
        f"first: {comparison.first}, second: {comparison.second}",
        ("", "queries", "first", "second", "second - first", "p", "verdict"),
        words=("verdict",),
    )
    origins = dict.fromkeys(one.origin for one in comparison.metrics)
    for origin in origins:
        if len(origins) > 1:
            table.add_row(origin, style="bold")
        for one in comparison.metrics:
            if one.origin == origin:
                table.add_row(*_comparison_cells(one))
        table.add_section()
    return table


def _comparison_cells(one: MetricComparison) -> tuple[str, ...]:
    difference = one.difference
    return (
        TITLES.get(one.metric, one.metric).replace(" ", "\n"),
        f"{difference.count:,}",
        f"{one.first:.3f}",
        f"{one.second:.3f}",
        f"{difference.mean:+.3f}\n[{difference.low:+.3f}, {difference.high:+.3f}]",
        f"{difference.p:.4f}",
        one.verdict,
    )


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
    title = f"{record['dataset']['name']}: gold evidence in the context"
    columns = ("budget", "order", "evidence", "any whole span", "depth", "tokens")
    table = sheet(title, columns, words=("order",))
    for budget, orders in record["figures"].items():
        for order, figures in orders.items():
            means = {name: one["mean"] for name, one in figures.items()}
            depth = f"{means['depth']:.2f}" if "depth" in means else NONE
            share, whole = f"{means['evidence']:.3f}", f"{means['any']:.3f}"
            table.add_row(f"{int(budget):>6,}", order, share, whole, depth, f"{means['tokens']:,.0f}")
        table.add_section()
    return table


def answers_table(record: Mapping[str, Any]) -> Table:
    """Lay out one row per figure of judged answers."""
    title = f"{record['dataset']['name']}: answers of {record['settings']['model']}"
    table = sheet(title, ("", "mean", "95 % interval", "answers"))
    for name, one in record["figures"].items():
        table.add_row(name, *_mean_and_span(one), f"{one['count']:,}")
    return table


def show_published(console: Console, record: Mapping[str, Any]) -> None:
    """Print one row per set, and what is missing and why."""
    metrics = list(next(iter(record["rows"].values())))
    table = sheet(record["name"], ("", "queries", *metrics))
    for name, figures in record["rows"].items():
        cells = ("\n".join(_mean_and_span(one)) for one in figures.values())
        table.add_row(name, f"{figures[metrics[0]]['count']:,}", *cells)
    console.print(table)
    say(console, (f"not measured: {reason}" for reason in record["missing"].values()))


def _mean_and_span(one: Mapping[str, float]) -> tuple[str, str]:
    return f"{one['mean']:.3f}", f"[{one['low']:.3f}, {one['high']:.3f}]"
