"""Tables and charts that several sections of a page share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from eval.charts import Bar, bars
from eval.evidence import EVIDENCE_METRICS
from eval.markup import Markup, element, grouped_table, join, table
from eval.record import ALL
from eval.tables import TITLES, difference_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Record: TypeAlias = Mapping[str, Any]

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
_METRICS = ("nDCG@10", "MRR@10", "Recall@100", "acc@1", *EVIDENCE_METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        parts: elements in order, pictures included.
        pictures: the same charts by name, for files of their own.
    """

    title: str
    parts: Sequence[Markup]
    pictures: Mapping[str, Markup] = field(default_factory=dict)


def figures_chart(record: Record) -> Markup:
    """Draw nDCG@10 of every system, in groups where there are several sets."""
    systems = record["systems"]
    groups: dict[str, list[Bar]] = {}
    for name in systems[0]["figures"]:
        for system in systems:
            one = system["figures"][name].get("nDCG@10")
            if one:
                group, label = _place(record, name, system["name"])
                bar = Bar(label=label, value=one["mean"], low=one["low"], high=one["high"])
                groups.setdefault(group, []).append(bar)
    return bars("nDCG@10 with 95 % intervals", groups)


def figures_table(record: Record) -> Markup:
    """Lay out all metrics, set by set."""
    systems = record["systems"]
    known = (*_METRICS, "found")
    shown = [name for name in known if any(name in one["figures"][ALL] for one in systems)]
    groups: dict[str, list[list[str]]] = {}
    for name in systems[0]["figures"]:
        for system in systems:
            figures = system["figures"][name]
            group, label = _place(record, name, system["name"])
            groups.setdefault(group, []).append([label, *(interval(figures.get(one)) for one in shown)])
    note = element("p", "Mean and half of the 95 % interval.", class_="quiet")
    return join([note, grouped_table(["", *map(heading, shown)], groups)])


def differences_table(record: Record) -> Markup:
    """Lay out our leads, set by set."""
    metrics = list(dict.fromkeys(one["metric"] for one in record["differences"]))
    rows: dict[str, dict[str, dict[str, Markup]]] = {}
    for one in record["differences"]:
        group = rows.setdefault(one["set"], {})
        group.setdefault(f"against {one['baseline']}", {})[one["metric"]] = difference(one)
    groups = {
        name if len(rows) > 1 else "": [
            [against, *(cells.get(metric, NONE) for metric in metrics)] for against, cells in group.items()
        ]
        for name, group in rows.items()
    }
    note = (
        "Paired by query, with 95 % bootstrap intervals; a star where the randomisation test gives p < .05."
    )
    return join([element("p", note, class_="quiet"), grouped_table(["", *metrics], groups)])


def heading(metric: str) -> Markup:
    """Write the name of a metric for the head of a column, in two lines where it has two words."""
    first, _, second = TITLES.get(metric, metric).partition(" ")
    return join([first, element("br"), second] if second else [first])


def facts_table(sentences: Iterable[str]) -> Markup:
    """Lay out sentences of the form ``what: value`` as two columns."""
    rows = [[what, value] for what, _, value in (one.partition(": ") for one in sentences)]
    return element("div", table(("", ""), rows), class_="facts")


def interval(one: Mapping[str, float] | None) -> str:
    """Write a mean with half of its interval below, or a dash."""
    if one is None:
        return NONE
    return join([f"{one['mean']:.3f}", element("small", f"±{(one['high'] - one['low']) / 2:.3f}")])


def difference(one: Mapping[str, float]) -> Markup:
    """Write a difference with its interval below; the star hangs in the margin of its column."""
    mean, _, span = difference_text(one).replace("-", MINUS).partition("\n")
    number, star, _ = mean.partition(" *")
    return join([number, *([element("b", "*", class_="star")] if star else []), element("small", span)])


def bullets(items: Iterable[str]) -> Markup:
    """Make a list; nothing where there is no item."""
    found = [element("li", item) for item in items]
    return element("ul", *found) if found else join([])


def _place(record: Record, name: str, system: str) -> tuple[str, str]:
    """Return the group and the label of one system's figures on one set."""
    if len(record["systems"]) > 1:
        return name, system
    return "", name if len(record["systems"][0]["figures"]) > 1 else system
