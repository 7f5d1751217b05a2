"""LongEmbed: its six tasks, read as they are published or generated, and the peers' scores.

The published data is `dwzhu/LongEmbed` on the Hugging Face hub, one folder per task
with ``corpus.jsonl`` ({doc_id, text}), ``queries.jsonl`` ({qid, text}) and
``qrels.jsonl`` ({qid, doc_id}); the synthetic two carry a ``context_length`` in
every row. QMSum can also be rebuilt from its own repository. Passkey and Needle can be
generated.

Source:
    Zhu et al. 2024, "LongEmbed", arXiv:2404.12096.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, TypeAlias

from encoders.types import Document
from eval.datasets import judged_dataset, plain_query
from eval.errors import DataError
from eval.jsonl import integer_field, objects, text_field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from eval.jsonl import JSONObject
    from eval.types import Dataset

TaskName: TypeAlias = Literal["passkey", "needle", "narrativeqa", "qmsum", "summ_screen_fd", "2wikimqa"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is known of a task.

    Attributes:
        title: as tables call it.
        metric: its score; the synthetic two average it over eight lengths.
        documents: as published, per length for the synthetic two.
        queries: likewise.
        synthetic: generated at lengths of 256 to 32,768 tokens.
    """

    title: str
    metric: str
    documents: int
    queries: int
    synthetic: bool = False


TASKS: dict[TaskName, Task] = {
    "passkey": Task(title="Passkey", metric="acc@1", documents=100, queries=50, synthetic=True),
    "needle": Task(title="Needle", metric="acc@1", documents=100, queries=50, synthetic=True),
    "narrativeqa": Task(title="NarrativeQA", metric="nDCG@10", documents=355, queries=10_449),
    "qmsum": Task(title="QMSum", metric="nDCG@10", documents=197, queries=1_527),
    "summ_screen_fd": Task(title="SummScreenFD", metric="nDCG@10", documents=336, queries=336),
    "2wikimqa": Task(title="2WikiMQA", metric="nDCG@10", documents=300, queries=300),
}

REMEDY = (
    "download it with: hf download dwzhu/LongEmbed --repo-type dataset --local-dir DIR, "
    "then name DIR; every task is a folder there with corpus.jsonl, queries.jsonl and qrels.jsonl"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedScores:
    """A peer's scores in per cent; a task that it was not measured on is absent.

    Attributes:
        source: where the figures come from.
    """

    system: str
    scores: dict[str, float]
    source: str

    @property
    def average(self) -> float | None:
        """Return the mean over six tasks, None where one is absent."""
        return sum(self.scores.values()) / len(TASKS) if len(self.scores) == len(TASKS) else None


def load_task(root: Path, task: TaskName, *, length: int | None = None) -> Dataset:
    """Load a task in its published form.

    Args:
        root: the folder that holds one folder per task.
        task: which one.
        length: context length in tokens of a synthetic task, None for the others.

    Raises:
        DataError: the data is missing (the message says where to get it) or malformed.
    """
    folder = root / task
    if not (folder / "corpus.jsonl").is_file():
        raise DataError(f"LongEmbed's {task} is not in {folder}: {REMEDY}", path=str(folder))
    name = f"{task}-{length}" if length else task
    documents = [
        Document(id=text_field(row, "doc_id", path, number), text=text_field(row, "text", path, number))
        for path, number, row in _rows(folder / "corpus.jsonl", length)
    ]
    queries = [
        plain_query(text_field(row, "qid", path, number), text_field(row, "text", path, number), name)
        for path, number, row in _rows(folder / "queries.jsonl", length)
    ]
    qrels: dict[str, dict[str, int]] = {}
    for path, number, row in _rows(folder / "qrels.jsonl", length):
        qrels.setdefault(text_field(row, "qid", path, number), {})[
            text_field(row, "doc_id", path, number)
        ] = 1
    return judged_dataset(name, documents, queries, qrels)


def load_qmsum_repository(root: Path) -> Dataset:
    """Rebuild QMSum from a checkout of Yale-LILY/QMSum: meetings of train and validation.

    A document is the meeting's turns, ``speaker: content``, joined by line feeds; the
    queries are the distinct answers in order.

    Raises:
        DataError: the folder holds no meetings.
    """
    paths = [
        path for part in ("train", "val") for path in sorted((root / "data" / "ALL" / part).glob("*.json"))
    ]
    if not paths:
        raise DataError(
            f"{root} holds no data/ALL/train/*.json; clone https://github.com/Yale-LILY/QMSum and name "
            "its folder",
            path=str(root),
        )
    documents: list[Document] = []
    qrels: dict[str, dict[str, int]] = {}
    texts: dict[str, str] = {}
    for path in paths:
        meeting = json.loads(path.read_text(encoding="utf-8"))
        turns = (f"{turn['speaker']}: {turn['content']}" for turn in meeting["meeting_transcripts"])
        documents.append(Document(id=path.stem, text="\n".join(turns)))
        for item in [*meeting["general_query_list"], *meeting["specific_query_list"]]:
            if item["answer"] not in texts:
                texts[item["answer"]] = query_id = f"q{len(texts)}"
                qrels[query_id] = {path.stem: 1}
    queries = [plain_query(query_id, text, "qmsum") for text, query_id in texts.items()]
    return judged_dataset("qmsum", documents, queries, qrels)


def published_scores() -> list[PublishedScores]:
    """Return the peers' scores that ship with this package, best average first, partial ones last."""
    record = json.loads(files("eval").joinpath("data/longembed_published.json").read_text(encoding="utf-8"))
    rows = [
        PublishedScores(
            system=row["system"],
            scores={
                task: score for task, score in zip(TASKS, row["scores"], strict=True) if score is not None
            },
            source=group["source"],
        )
        for group in record["groups"]
        for row in group["rows"]
    ]
    return sorted(rows, key=lambda row: (row.average is None, -(row.average or 0.0), row.system))


def _rows(path: Path, length: int | None) -> Iterable[tuple[Path, int, JSONObject]]:
    for number, row in objects(path):
        if length is None or integer_field(row, "context_length", path, number) == length:
            yield path, number, row
