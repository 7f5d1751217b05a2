"""What a page shows of each kind of record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.charts import Bar, forest, heat_map
from eval.comparing import SIGNIFICANT
from eval.markup import element, grouped_table, table
from eval.report_benchmarks import longembed_section, mteb_section, published_section
from eval.report_parts import (
    Record,
    Section,
    bullets,
    difference,
    differences_table,
    facts_table,
    figures_chart,
    figures_table,
    interval,
)
from eval.tables import TITLES, costs_lines, search_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NEEDLES = {
    "plain": "One generated fact a document",
    "confusing": "One generated fact and three near copies of it a document",
    "multi": "Chains of three generated facts a document",
}
_GRID_TITLES = {
    "acc@1": "Right document first (%)",
    "hit@1": "Needle in the first span (%)",
    "hit@10": "Needle in the first ten spans (%)",
    "found": "Facts found in the first ten spans (%)",
}


def run_section(record: Record) -> Section:
    """Show figures with intervals, leads over the baselines, and costs."""
    data = record["dataset"]
    picture = figures_chart(record)
    parts = [
        element(
            "p",
            f"{data['documents']:,} documents, {sum(data['queries'].values()):,} queries.",
            class_="quiet",
        ),
        element("figure", picture),
        figures_table(record),
    ]
    if record["differences"]:
        parts += [element("h3", "Lead over the baselines"), differences_table(record)]
    parts += [element("h3", "Speed, memory, coverage"), facts_table(costs_lines(record))]
    return Section(title=f"{data['name']}", parts=parts, pictures={"ndcg": picture})


def needle_section(record: Record) -> Section:
    """Show heat maps by length and depth, for documents and for evidence."""
    settings = record["settings"]
    shown = [name for name in _GRID_TITLES if name != "found" or settings["kind"] == "multi"]
    pictures = {
        name: heat_map(
            _GRID_TITLES[name],
            {f"{int(length):,}": _depths(cells) for length, cells in record["grids"][name].items()},
            x_title="length of the document (tokens)",
            y_title="depth of the needle",
        )
        for name in shown
    }
    count, others = record["dataset"]["documents"], settings["distractors"]
    beside = f", {others:,} of them from the collection as they are" if others else ""
    text = (
        f"{_NEEDLES[settings['kind']]}, {settings['per_cell']} for each length and depth; "
        f"{count:,} documents{beside}. The scale goes from dark, nothing found, to light, all found."
    )
    figures = [element("figure", picture) for picture in pictures.values()]
    parts = [
        element("p", text, class_="quiet"),
        element("div", *figures, class_="pair"),
        figures_table(record),
    ]
    return Section(title=f"Needles: {settings['kind']}", parts=parts, pictures=pictures)


def own_section(record: Record) -> Section:
    """Show figures by how queries were made, with a few of the queries."""
    picture = figures_chart(record)
    first: dict[str, str] = {}
    for query in record["queries"]:
        first.setdefault(query["made"], query["text"])
    caveat = (
        "Titles, headings, docstrings and sentences use words of the documents, so these figures are higher "
        "than real questions would give; use them to compare settings on the same collection."
    )
    examples = [f"{made}, for example: {text}" for made, text in first.items()]
    parts = [
        element("p", caveat),
        element("figure", picture),
        figures_table(record),
        facts_table([*examples, *search_lines(record)]),
        bullets(f"not made: {problem}" for problem in record["problems"]),
    ]
    return Section(title="Your own collection", parts=parts, pictures={"ndcg": picture})


def compare_section(record: Record) -> Section:
    """Show every metric of two systems with the difference and its verdict."""
    origins = dict.fromkeys(one["origin"] for one in record["metrics"])
    groups = {
        origin if len(origins) > 1 else "": [
            _comparison_cells(one) for one in record["metrics"] if one["origin"] == origin
        ]
        for origin in origins
    }
    text = f"First: {record['first']}. Second: {record['second']}. {record['shared']:,} queries in both."
    if record["only_first"] or record["only_second"]:
        text += (
            f" {record['only_first']:,} only in the first and {record['only_second']:,} only in the second "
            "are not compared."
        )
    picture = forest(
        "second minus first, with 95 % intervals",
        [_point(one) for one in record["metrics"] if one["origin"] == next(iter(origins))],
        left_end="first is better",
        right_end="second is better",
    )
    header = ("", record["first"], record["second"], "second minus first", "p", "verdict")
    note = (
        "Filled points and verdicts go by p < .05 of the paired randomisation test; the intervals are "
        "paired bootstrap intervals, so near the limit the two may disagree."
    )
    parts = [
        element("p", text, class_="quiet"),
        element("figure", picture),
        element("p", note, class_="quiet"),
        element("div", grouped_table(header, groups), class_="verdicts"),
    ]
    title = f"{record['first']} against {record['second']}"
    return Section(title=title, parts=parts, pictures={"differences": picture})


def _point(one: Record) -> Bar:
    difference, metric = one["difference"], str(one["metric"])
    return Bar(
        label=TITLES.get(metric, metric),
        value=difference["mean"],
        low=difference["low"],
        high=difference["high"],
        solid=difference["p"] < SIGNIFICANT,
    )


def _comparison_cells(one: Record) -> list[str]:
    return [
        TITLES.get(one["metric"], one["metric"]),
        f"{one['first']:.3f}",
        f"{one['second']:.3f}",
        difference(one["difference"]),
        f"{one['difference']['p']:.4f}",
        one["verdict"],
    ]


def shadow_section(record: Record) -> Section:
    """Show how far two systems agree, how fast they are, and who is better where that is known."""
    rows = [[name, interval(one)] for name, one in record["agreement"].items()]
    speed = [
        [name, f"{one['p50_ms']:.0f} ms", f"{one['p95_ms']:.0f} ms"]
        for name, one in record["latency"].items()
    ]
    parts = [
        table(("agreement", "mean and 95 % interval"), rows),
        table(("latency", "p50", "p95"), speed),
    ]
    if record["differences"]:
        parts += [figures_table(record), differences_table(record)]
    else:
        parts.append(element("p", "No judgements were given, so which side is better is for readers to say."))
    return Section(title="Beside the present system", parts=[*parts, bullets(record["failures"])])


def context_section(record: Record) -> Section:
    """Show how much gold evidence contexts of several sizes hold, and where it stands."""
    data = record["dataset"]
    groups = {
        f"{int(budget):,} tokens": [
            [order, *(interval(one.get(name)) for name in ("evidence", "any", "depth"))]
            for order, one in orders.items()
        ]
        for budget, orders in record["figures"].items()
    }
    text = f"{data['documents']:,} documents, {data['queries']:,} queries with gold spans."
    header = ("order of reading", "evidence held", "a whole span", "depth of the first")
    parts = [element("p", text, class_="quiet"), grouped_table(header, groups)]
    return Section(title=f"Contexts: {data['name']}", parts=parts)


def answers_section(record: Record) -> Section:
    """Show how often answers were right, and whether their citations and quotations hold."""
    data, settings = record["dataset"], record["settings"]
    text = (
        f"{data['queries']:,} questions, contexts of at most {settings['max_tokens']:,} tokens, answered by "
        f"{settings['model']}, judged by {settings['judge']}."
    )
    rows = [[name, interval(one), f"{one['count']:,}"] for name, one in record["figures"].items()]
    parts = [element("p", text, class_="quiet"), table(("", "mean", "answers"), rows)]
    return Section(title=f"Answers: {data['name']}", parts=parts)


def _depths(cells: Mapping[str, float]) -> dict[str, float]:
    return {f"{100 * float(depth):.0f} %": share for depth, share in cells.items()}


SECTIONS: dict[str, Callable[[Record], Section]] = {
    "run": run_section,
    "needle": needle_section,
    "longembed": longembed_section,
    "own": own_section,
    "compare": compare_section,
    "shadow": shadow_section,
    "context": context_section,
    "answers": answers_section,
    "published": published_section,
    "mteb": mteb_section,
}
"""Kind of a record -> its section."""
