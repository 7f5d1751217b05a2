"""Draws records as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from eval.comparing import SIGNIFICANT
from eval.evidence import EVIDENCE_METRICS
from eval.record import ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from rich.console import Console

NONE = "-"
_WIDTH = 78  # a table is at least as wide as its title, up to this
_SHOWN = ("nDCG@10", "MRR@10", "Recall@100", *EVIDENCE_METRICS)
TITLES = {"hit@1": "evidence hit@1", "hit@10": "evidence hit@10", "overlap": "evidence overlap"}
"""Metric -> what a person is shown, where the two differ."""
_HEADINGS = {
    "Recall@100": "Recall\n@100",
    "hit@1": "evidence\nhit@1",
    "hit@10": "\nhit@10",
    "overlap": "\noverlap",
}


def sheet(title: str, columns: Iterable[str], *, words: Collection[str] = ()) -> Table:
    """Return an empty table: the first column and those of ``words`` stand left, numbers right."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        min_width=min(len(title), _WIDTH),
    )
    for place, name in enumerate(columns):
        left = place == 0 or name in words
        table.add_column(name, justify="left" if left else "right", no_wrap=place == 0)
    return table


def show_run(console: Console, record: Mapping[str, Any]) -> None:
    """Print figures, differences from the baselines, and costs."""
    console.print(figures_table(record))
    if record["differences"]:
        console.print(differences_table(record))
    say(console, costs_lines(record))


def say(console: Console, sentences: Iterable[str]) -> None:
    """Print sentences as they are; a terminal wraps them, a file keeps them on one line."""
    for sentence in sentences:
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def figures_table(record: Mapping[str, Any]) -> Table:
    """Lay out a row per set and system: means, with half of the 95 % interval below."""
    data, systems = record["dataset"], record["systems"]
    metrics = [name for name in _SHOWN if any(name in one["figures"][ALL] for one in systems)]
    columns = ("", "queries", *(_HEADINGS.get(name, name) for name in metrics))
    documents = f": {data['documents']:,} documents" if data["documents"] else ""
    table = sheet(f"{data['name']}{documents}", columns)
    for group in systems[0]["figures"]:
        rows = {system["name"]: system["figures"][group] for system in systems}
        count = f"{next(iter(rows.values()))['nDCG@10']['count']:,}"
        if len(rows) == 1:
            rows = {group: rows.popitem()[1]}
        else:
            table.add_row(group, style="bold")
        for name, figures in rows.items():
            table.add_row(name, count, *(_mean(figures.get(metric)) for metric in metrics))
        table.add_section()
    return table


def differences_table(record: Mapping[str, Any]) -> Table:
    """Lay out our lead over each baseline with its interval; a star marks p below .05."""
    metrics = list(dict.fromkeys(one["metric"] for one in record["differences"]))
    table = sheet("ours minus baseline, 95 % paired bootstrap interval; * p < .05", ("", *metrics))
    rows: dict[str, dict[str, dict[str, str]]] = {}
    for one in record["differences"]:
        rows.setdefault(one["set"], {}).setdefault(one["baseline"], {})[one["metric"]] = difference_text(one)
    for group, baselines in rows.items():
        if len(rows) > 1:
            table.add_row(group, style="bold")
        for baseline, cells in baselines.items():
            table.add_row(baseline, *(cells.get(metric, NONE) for metric in metrics))
        table.add_section()
    return table


def costs_lines(record: Mapping[str, Any]) -> list[str]:
    """Return ingest speed, latency, memory and coverage as sentences."""
    ingest = record["costs"]["ingest"]
    lines = [
        _ingest_line(ingest, cached=record["settings"]["vectors_from_cache"]),
        _coverage_line(ingest),
        *search_lines(record),
        f"peak memory: {record['costs']['peak_memory_bytes'] / 2**20:,.0f} MiB, data set included",
    ]
    unjudged = record["dataset"]["queries_without_relevant_document"]
    if unjudged:
        lines.append(f"left out: {unjudged:,} queries without any relevant document")
    lines += [f"not indexed: {one['id']}: {one['reason']}" for one in ingest["skipped"] + ingest["failed"]]
    return lines


def search_lines(record: Mapping[str, Any]) -> list[str]:
    """Return how long usual searches took, and those that quality was measured on."""
    costs = record["costs"]
    return [
        latency_line(costs["query"], "a search for 10 documents with 3 spans each"),
        latency_line(costs["ranking_query"], "the searches measured above, for 100 documents"),
    ]


def latency_line(query: Mapping[str, Any], what: str) -> str:
    """Write the quantiles of query times as a sentence."""
    return f"{what}: p50 {query['p50_ms']:,.1f} ms, p95 {query['p95_ms']:,.1f} ms ({query['count']:,} timed)"


def difference_text(one: Mapping[str, Any]) -> str:
    """Write a difference as ``+.012 *`` with its interval on a line below."""
    star = " *" if one["p"] is not None and one["p"] < SIGNIFICANT else ""
    return f"{one['mean']:+.3f}{star}\n[{one['low']:+.3f}, {one['high']:+.3f}]"


def _mean(figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return NONE
    return f"{figure['mean']:.3f}\n±{(figure['high'] - figure['low']) / 2:.3f}"


def _ingest_line(ingest: Mapping[str, Any], *, cached: bool) -> str:
    counts = f"{ingest['added']} added, {ingest['updated']} updated, {ingest['unchanged']} unchanged"
    if not ingest["tokens_per_second"]:
        return f"ingest: {counts}; nothing was embedded"
    note = " (vectors from the cache: no measure of speed)" if cached else ""
    return (
        f"ingest: {counts}; {ingest['tokens']:,} tokens in {ingest['seconds']:.1f} s,"
        f" {ingest['tokens_per_second']:,.0f} tokens/s{note}"
    )


def _coverage_line(ingest: Mapping[str, Any]) -> str:
    return (
        f"coverage: {ingest['tokens_embedded']:,} of {ingest['tokens']:,} tokens embedded"
        f" ({ingest['coverage']:.4%}), {len(ingest['incomplete'])} documents incomplete"
    )
