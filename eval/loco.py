"""LoCoV1: twelve tasks of long-document retrieval, as published.

The data is on the Hugging Face hub: `hazyresearch/LoCoV1-Documents` ({pid, passage}) and
`hazyresearch/LoCoV1-Queries` ({qid, query, answer_pids}). Both repositories name their
files ``documents/<task>_test.jsonl``, so each keeps a folder of its own name. The score
of a task is nDCG@10.

Source:
    Saad-Falcon et al. 2024, "Benchmarking and Building Long-Context Retrieval Models
    with LoCo and M2-BERT", arXiv:2402.07440.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from encoders.types import Document
from eval.datasets import judged_dataset, plain_query
from eval.errors import DataError
from eval.jsonl import at, objects, text_field

if TYPE_CHECKING:
    from pathlib import Path

    from eval.jsonl import JSONObject
    from eval.types import Dataset

TASKS = (
    "summ_screen_fd",
    "gov_report",
    "qmsum",
    "qasper_title",
    "qasper_abstract",
    "multifieldqa",
    "2wikimqa",
    "passage_retrieval",
    "legal_case_reports",
    "courtlistener_HTML",
    "courtlistener_Plain_Text",
    "stackoverflow",
)
_PARTS = ("LoCoV1-Documents", "LoCoV1-Queries")
_DOWNLOADS = (
    f"hf download hazyresearch/{part} --repo-type dataset --local-dir DIR/{part}" for part in _PARTS
)
REMEDY = f"run: {' and '.join(_DOWNLOADS)}, then name DIR"


def load_task(root: Path, task: str) -> Dataset:
    """Load one task.

    Raises:
        DataError: there is no such task, its data is missing (the message says where to
            get it) or malformed.
    """
    if task not in TASKS:
        raise DataError(f"LoCoV1 has no task {task!r}; it has {', '.join(TASKS)}")
    passages, asked = (root / part / "documents" / f"{task}_test.jsonl" for part in _PARTS)
    for path in (passages, asked):
        if not path.is_file():
            raise DataError(f"LoCoV1's {task} is not at {path}: {REMEDY}", path=str(path))
    documents = [
        Document(id=text_field(row, "pid", passages, n), text=text_field(row, "passage", passages, n))
        for n, row in objects(passages)
    ]
    queries, qrels = [], {}
    for number, row in objects(asked):
        query = plain_query(
            text_field(row, "qid", asked, number), text_field(row, "query", asked, number), task
        )
        queries.append(query)
        qrels[query.id] = dict.fromkeys(_answers(row, asked, number), 1)
    return judged_dataset(task, documents, queries, qrels)


def _answers(row: JSONObject, path: Path, number: int) -> list[str]:
    answers = row.get("answer_pids")
    if not isinstance(answers, list):
        raise at(path, number, "needs a list 'answer_pids'")
    return [str(answer) for answer in answers]
