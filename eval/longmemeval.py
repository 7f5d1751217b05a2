"""LongMemEval: questions about what was said in long chat histories.

The data is ``longmemeval_s_cleaned.json`` or ``longmemeval_m_cleaned.json``: a list of
questions, each with its own haystack of sessions. All haystacks go into one collection; a question
must be asked with the filter ``{"metadata.question": <its id>}``. Questions whose id
ends in ``_abs`` have no answer and are left out of retrieval scores, as published.

Source:
    Wu et al. 2024, "LongMemEval", arXiv:2410.10813.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from encoders.types import Document
from eval.datasets import judged_dataset, plain_query
from eval.errors import DataError
from eval.metrics import ranking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from eval.types import Dataset

Granularity: TypeAlias = Literal["session", "round"]
REMEDY = (
    "run hf download xiaowu0162/longmemeval-cleaned longmemeval_s_cleaned.json --repo-type dataset "
    "--local-dir DIR, or for longmemeval_m_cleaned.json, and name the file"
)


def load_longmemeval(path: Path, *, granularity: Granularity) -> Dataset:
    """Load all questions, with whole sessions or with rounds as documents.

    A round is a user's turn with the answers up to the next one. A session is relevant
    if it is among ``answer_session_ids``, a round if one of its turns ``has_answer``.

    Raises:
        DataError: the file is missing or is not of this form.
    """
    documents: list[Document] = []
    queries, qrels = [], {}
    for question in _questions(path):
        try:
            found = list(_documents(question, granularity))
            question_id, text = str(question["question_id"]), str(question["question"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: a question is not of the published form: {error!r}") from error
        documents += [document for document, _ in found]
        queries.append(plain_query(question_id, text, path.stem))
        if not question_id.endswith("_abs"):
            qrels[question_id] = {document.id: int(relevant) for document, relevant in found}
    return judged_dataset(path.stem, documents, queries, qrels)


def recall_figures(grades: Mapping[str, int], scores: Mapping[str, float], k: int) -> dict[str, float]:
    """Return LongMemEval's two recalls at ``k``: any relevant document found, and all of them.

    With more than ``k`` relevant documents ``recall_all`` is 0, as published.
    """
    first = set(ranking(scores)[:k])
    relevant = {doc_id for doc_id, grade in grades.items() if grade > 0}
    return {
        f"recall_any@{k}": float(bool(relevant & first)),
        f"recall_all@{k}": float(bool(relevant) and relevant <= first),
    }


def _questions(path: Path) -> list[dict[str, Any]]:
    try:
        questions = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: {REMEDY}", path=str(path)) from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder: {REMEDY}", path=str(path)) from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is no JSON: {error}", path=str(path)) from error
    if not isinstance(questions, list):
        raise DataError(f"{path} holds no list of questions", path=str(path))
    return questions


def _documents(question: Mapping[str, Any], granularity: Granularity) -> Iterator[tuple[Document, bool]]:
    answers = set(question["answer_session_ids"])
    sessions = zip(
        question["haystack_session_ids"],
        question["haystack_dates"],
        question["haystack_sessions"],
        strict=True,
    )
    for number, (session_id, date, turns) in enumerate(sessions):
        name = f"{question['question_id']}/{number}/{session_id}"
        metadata = {"question": str(question["question_id"]), "session": str(session_id), "date": str(date)}
        if granularity == "session":
            yield Document(id=name, text=_text(turns), metadata=metadata), session_id in answers
            continue
        for place, turns_of_round in enumerate(_rounds(turns)):
            relevant = any(turn.get("has_answer") for turn in turns_of_round)
            yield Document(id=f"{name}/{place}", text=_text(turns_of_round), metadata=metadata), relevant


def _rounds(turns: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    rounds: list[list[Mapping[str, Any]]] = []
    for turn in turns:
        if turn["role"] == "user" or not rounds:
            rounds.append([])
        rounds[-1].append(turn)
    return rounds


def _text(turns: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
