"""What a page shows of records of published benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.charts import lines
from eval.longembed import TASKS
from eval.markup import element, grouped_table, table
from eval.report_parts import NONE, Section, bullets, interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eval.report_parts import Record


def longembed_section(record: Record) -> Section:
    """Show our rows beside the published ones, and curves by length."""
    tasks = record["tasks"]
    average = "average" if len(tasks) == len(TASKS) else "average of these"
    header = ["system", *tasks.values(), average]
    ours = [[row["system"], *task_cells(row["scores"], tasks)] for row in record["rows"]]
    peers = [[row["system"], *task_cells(row["scores"], tasks)] for row in record["published"][:15]]
    pictures = {
        task: lines(
            f"{tasks[task]}: right document first (%)",
            {row["system"]: _by_length(row, task) for row in record["rows"]},
            x_title="length of the documents (tokens)",
        )
        for task in tasks
        if any(row["by_length"].get(task) for row in record["rows"])
    }
    sources = dict.fromkeys(row["source"] for row in record["published"][:15])
    notes = [*notes_of(record), *(f"Published scores: {source}" for source in sources)]
    parts = [
        element("p", "Per cent: acc@1 for Passkey and Needle, nDCG@10 for the others.", class_="quiet"),
        grouped_table(header, {"measured here": ours, "as published": peers}),
        bullets(notes),
        element("div", *(element("figure", picture) for picture in pictures.values()), class_="pair"),
    ]
    return Section(title="LongEmbed", parts=parts, pictures=pictures)


def notes_of(record: Record) -> list[str]:
    """Say what of a LongEmbed table is not what was published, and what is missing and why."""
    settings, notes = record["settings"], []
    if settings["generated"]:
        names = " and ".join(record["tasks"][task] for task in settings["generated"])
        notes.append(f"{names}: generated from the published recipe, not the published draw")
        notes.append(
            f"lengths measured: {', '.join(f'{length:,}' for length in settings['lengths'])}; "
            "published scores are means over 256 to 32,768"
        )
    if settings["queries_per_set"]:
        notes.append(f"at most {settings['queries_per_set']} queries of every set")
    return notes + [f"not measured: {reason}" for reason in record["missing"].values()]


def task_cells(scores: Mapping[str, float], tasks: Iterable[str]) -> list[str]:
    """Write scores in the order of tasks and their mean, a dash where one is missing."""
    names = list(tasks)
    cells = [f"{scores[task]:.1f}" if task in scores else NONE for task in names]
    whole = all(task in scores for task in names)
    return [*cells, f"{sum(scores[task] for task in names) / len(names):.1f}" if whole else NONE]


def _by_length(row: Record, task: str) -> dict[float, float]:
    return {float(length): score for length, score in row["by_length"].get(task, {}).items()}


def published_section(record: Record) -> Section:
    """Show the figures of a published benchmark, and which of its sets are missing."""
    metrics = list(next(iter(record["rows"].values())))
    rows = [
        [name, *(interval(figures.get(metric)) for metric in metrics)]
        for name, figures in record["rows"].items()
    ]
    missing = [f"not measured: {reason}" for reason in record["missing"].values()]
    return Section(title=record["name"], parts=[table(["", *metrics], rows), bullets(missing)])


def mteb_section(record: Record) -> Section:
    """Show what `mteb` measured."""
    settings, scores = record["settings"], record["scores"]
    shown = {
        "nDCG@10": "ndcg_at_10",
        "MRR@10": "mrr_at_10",
        "Recall@100": "recall_at_100",
    }
    data, version = settings["data"] or "its own data", record["versions"]["mteb"]
    text = f"Measured by mteb {version} on {data}; the main score is {scores['main_score']:.3f}."
    cells = [f"{scores[key]:.3f}" if key in scores else NONE for key in shown.values()]
    parts = [element("p", text, class_="quiet"), table(["", *shown], [[f"our {settings['model']}", *cells]])]
    task = " ".join(filter(None, (settings["task"], settings["subset"])))
    return Section(title=f"{task}: our {settings['model']}", parts=parts)
