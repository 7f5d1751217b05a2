"""Draws records as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from eval.evidence import EVIDENCE_METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

NONE = "-"
_SHOWN = ("nDCG@10", "MRR@10", "Recall@100", *EVIDENCE_METRICS)
_TITLES = {"hit@1": "evidence hit@1", "hit@10": "evidence hit@10", "overlap": "evidence overlap"}


def show_run(console: Console, record: Mapping[str, Any]) -> None:
    """Print figures, differences from the baselines, and costs."""
    console.print(figures_table(record))
    if record["differences"]:
        console.print(differences_table(record))
    console.print(*costs_lines(record), sep="\n", highlight=False)


def figures_table(record: Mapping[str, Any]) -> Table:
    """Lay out one row per set and system: means, and ± half the 95 % interval."""
    data = record["dataset"]
    table = Table(title=f"{data['name']}: {data['documents']} documents", title_justify="left")
    table.add_column("set")
    table.add_column("system")
    table.add_column("queries", justify="right")
    for metric in _SHOWN:
        table.add_column(_TITLES.get(metric, metric), justify="right")
    for group in record["systems"][0]["figures"]:
        for system in record["systems"]:
            figures = system["figures"][group]
            cells = [_mean(figures.get(metric)) for metric in _SHOWN]
            table.add_row(group, system["name"], str(figures["nDCG@10"]["count"]), *cells)
        table.add_section()
    return table


def differences_table(record: Mapping[str, Any]) -> Table:
    """Lay out our lead over each baseline with its interval; a star marks p below .05."""
    metrics = list(dict.fromkeys(one["metric"] for one in record["differences"]))
    table = Table(title="ours minus baseline, 95 % paired bootstrap interval", title_justify="left")
    table.add_column("set")
    table.add_column("baseline")
    for metric in metrics:
        table.add_column(metric, justify="right")
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for one in record["differences"]:
        rows.setdefault((one["set"], one["baseline"]), {})[one["metric"]] = difference_text(one)
    for (group, baseline), cells in rows.items():
        table.add_row(group, baseline, *(cells.get(metric, NONE) for metric in metrics))
    return table


def costs_lines(record: Mapping[str, Any]) -> list[str]:
    """Return ingest speed, latency, memory and coverage as sentences."""
    ingest, query = record["costs"]["ingest"], record["costs"]["query"]
    lines = [
        _ingest_line(ingest, cached=record["settings"]["vectors_from_cache"]),
        _coverage_line(ingest),
        _latency_line(query, "a search for 10 documents with 3 spans each"),
        _latency_line(record["costs"]["ranking_query"], "the searches measured above, for 100 documents"),
        f"peak memory: {record['costs']['peak_memory_bytes'] / 2**20:,.0f} MiB, data set included",
    ]
    unjudged = record["dataset"]["queries_without_relevant_document"]
    if unjudged:
        lines.append(f"left out: {unjudged:,} queries without any relevant document")
    lines += [f"not indexed: {one['id']}: {one['reason']}" for one in ingest["skipped"] + ingest["failed"]]
    return lines


def difference_text(one: Mapping[str, Any]) -> str:
    """Write a difference as ``+.012 [+.003, +.021] *``."""
    star = " *" if one["p"] is not None and one["p"] < 0.05 else ""
    return f"{one['mean']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]{star}"


def _mean(figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return NONE
    return f"{figure['mean']:.3f} ±{(figure['high'] - figure['low']) / 2:.3f}"


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


def _latency_line(query: Mapping[str, Any], what: str) -> str:
    return f"{what}: p50 {query['p50_ms']:.1f} ms, p95 {query['p95_ms']:.1f} ms ({query['count']:,} timed)"
