"""Tables and charts that several sections of a page share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from eval.charts import Bar, bars
from eval.evidence import EVIDENCE_METRICS
from eval.markup import Markup, element, join, table
from eval.record import ALL
from eval.tables import NONE, difference_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Record: TypeAlias = Mapping[str, Any]

_METRICS = ("nDCG@10", "MRR@10", "Recall@100", "acc@1", *EVIDENCE_METRICS)


def figures_chart(record: Record) -> Markup:
    """Draw nDCG@10 of every system, in groups where there are several sets."""
    groups = {
        group: [
            Bar(label=system["name"], **{key: one[key] for key in ("low", "high")}, value=one["mean"])
            for system in record["systems"]
            if (one := system["figures"][group].get("nDCG@10"))
        ]
        for group in record["systems"][0]["figures"]
    }
    return bars("nDCG@10 with 95 % intervals", groups)


def figures_table(record: Record) -> Markup:
    """Lay out all metrics, one table per set."""
    parts = [_group_table(record["systems"], group) for group in record["systems"][0]["figures"]]
    return join([element("p", "Mean and half of the 95 % interval.", class_="quiet"), *parts])


def _group_table(systems: Sequence[Record], group: str) -> Markup:
    rows = {system["name"]: system["figures"][group] for system in systems}
    known = (*_METRICS, "found")
    shown = [metric for metric in known if any(metric in figures for figures in rows.values())]
    cells = [[name, *(interval(figures.get(metric)) for metric in shown)] for name, figures in rows.items()]
    return table(["" if group == ALL else group, *shown], cells)


def differences_table(record: Record) -> Markup:
    """Lay out our leads, one table per set."""
    metrics = list(dict.fromkeys(one["metric"] for one in record["differences"]))
    rows: dict[str, dict[str, dict[str, Markup]]] = {}
    for one in record["differences"]:
        group = rows.setdefault(one["set"], {})
        group.setdefault(f"against {one['baseline']}", {})[one["metric"]] = difference(one)
    parts = [
        table(
            ["" if name == ALL else name, *metrics],
            [[against, *(cells.get(metric, NONE) for metric in metrics)] for against, cells in group.items()],
        )
        for name, group in rows.items()
    ]
    note = (
        "Paired by query, with 95 % bootstrap intervals; a star where the randomisation test gives p < .05."
    )
    return join([element("p", note, class_="quiet"), *parts])


def interval(one: Mapping[str, float] | None) -> str:
    """Write a mean with half of its interval below, or a dash."""
    if one is None:
        return NONE
    return join([f"{one['mean']:.3f}", element("small", f"±{(one['high'] - one['low']) / 2:.3f}")])


def difference(one: Mapping[str, float]) -> Markup:
    """Write a difference with its interval below."""
    mean, _, rest = difference_text(one).partition(" [")
    span, _, star = f"[{rest}".partition("] ")
    return join([f"{mean} {star}".rstrip(), element("small", span if span.endswith("]") else f"{span}]")])


def bullets(items: Iterable[str]) -> Markup:
    """Make a list; nothing where there is no item."""
    found = [element("li", item) for item in items]
    return element("ul", *found) if found else join([])
