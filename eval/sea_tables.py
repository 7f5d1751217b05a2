"""Draws the comparison of ways to score long texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.sea_evaluation import WayFigures
    from eval.types import Interval


AGAINST: Final = ("first 256 tokens", "mean")


def ways_table(figures: Sequence[WayFigures], *, against: Sequence[str] = AGAINST) -> Table:
    """Lay out one row per group and way, with the differences in MRR from the ways ``against``."""
    table = Table(title="every text cut alike; 95 % bootstrap intervals over queries", title_justify="left")
    table.add_column("length of the right text")
    table.add_column("way")
    table.add_column("queries", justify="right")
    table.add_column("MRR", justify="right")
    table.add_column("nDCG@10", justify="right")
    for other in against:
        table.add_column(f"MRR less {other}", justify="right")
    group = ""
    for one in figures:
        if one.group != group:
            table.add_section()
            group = one.group
        less = [one.against.get(other) for other in against]
        cells = [interval_text(difference) if difference else "-" for difference in less]
        table.add_row(one.group, one.way, str(one.mrr.count), mean_text(one.mrr), mean_text(one.ndcg), *cells)
    return table


def mean_text(figure: Interval) -> str:
    """Write a mean with its interval."""
    return f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def interval_text(figure: Interval) -> str:
    """Write a difference with its interval; a star marks p below .05."""
    star = "*" if figure.p is not None and figure.p < 0.05 else ""
    return f"{figure.mean:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]{star}"
