"""FollowIR: does a retriever follow an instruction when it changes?

The data is on the Hugging Face hub, `jhu-clsp/robust04-instructions-mteb` and its
siblings for core17 and news21: ``corpus``, ``queries`` (ids ``<id>-og`` and
``<id>-changed``), ``instruction`` ({query-id, instruction}), ``qrels`` (``default``),
``top_ranked`` ({query-id, corpus-ids}: the documents that are ranked) and ``qrel_diff``
({query-id, corpus-ids}: documents that only the original instruction makes relevant),
each a JSON-lines file here. The instruction is read after the query, and must be asked
with the filter ``{"metadata.ranked_for": <the query's id>}``. The score is p-MRR, from
-1 to 1.

Source:
    Weller et al. 2024, "FollowIR", arXiv:2403.15246.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from encoders.types import Document
from eval.datasets import judged_dataset, plain_query
from eval.errors import DataError
from eval.jsonl import at, grade_field, objects, text_field
from eval.metrics import p_mrr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from eval.types import Dataset, Figures, Run

FILES = ("corpus", "queries", "instruction", "qrels", "top_ranked", "qrel_diff")
_ORIGINAL, _CHANGED = "-og", "-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionDataset:
    """Queries under two instructions.

    Attributes:
        dataset: every query twice, as ``<id>-og`` and ``<id>-changed``; each document's
            metadata ``ranked_for`` lists the queries that it is ranked for.
        newly_irrelevant: per ``<id>`` the documents that the change rules out.
    """

    dataset: Dataset
    newly_irrelevant: Mapping[str, tuple[str, ...]]


def load_followir(folder: Path) -> InstructionDataset:
    """Load one of the three sets, exported as JSON lines.

    Raises:
        DataError: a file is missing (the message says where to get it) or malformed.
    """
    paths = {name: folder / f"{name}.jsonl" for name in FILES}
    for path in paths.values():
        if not path.is_file():
            raise DataError(
                f"{path} is missing; FollowIR is jhu-clsp/robust04-instructions-mteb, "
                "core17-instructions-mteb and news21-instructions-mteb on the Hugging Face hub: save each "
                f"configuration as JSON lines in one folder: {', '.join(f'{name}.jsonl' for name in FILES)} "
                "(qrels is the one called default)",
                path=str(path),
            )
    return InstructionDataset(
        dataset=_dataset(folder.resolve().name, paths), newly_irrelevant=_ruled_out(paths["qrel_diff"])
    )


def instruction_following(run: Run, newly_irrelevant: Mapping[str, tuple[str, ...]]) -> Figures:
    """Return p-MRR per query from one run over both versions of every query."""

    def under(suffix: str) -> dict[str, Mapping[str, float]]:
        return {key.removesuffix(suffix): scores for key, scores in run.items() if key.endswith(suffix)}

    return p_mrr(under(_ORIGINAL), under(_CHANGED), newly_irrelevant)


def _dataset(name: str, paths: Mapping[str, Path]) -> Dataset:
    corpus, asked, instruction = paths["corpus"], paths["queries"], paths["instruction"]
    ranked_for: dict[str, list[str]] = {}
    for query_id, doc_ids in _id_lists(paths["top_ranked"]).items():
        for doc_id in doc_ids:
            ranked_for.setdefault(doc_id, []).append(query_id)
    documents = [
        Document(
            id=text_field(row, "_id", corpus, n),
            title=str(row.get("title") or ""),
            text=text_field(row, "text", corpus, n),
            metadata={"ranked_for": ranked_for.get(text_field(row, "_id", corpus, n), [])},
        )
        for n, row in objects(corpus)
    ]
    instructions = {
        text_field(row, "query-id", instruction, n): text_field(row, "instruction", instruction, n)
        for n, row in objects(instruction)
    }
    queries = []
    for n, row in objects(asked):
        query_id = text_field(row, "_id", asked, n)
        if query_id not in instructions:
            raise at(asked, n, f"query {query_id!r} has no instruction in {instruction.name}")
        text = f"{text_field(row, 'text', asked, n)} {instructions[query_id]}"
        queries.append(plain_query(query_id, text, name))
    qrels: dict[str, dict[str, int]] = {}
    for n, row in objects(paths["qrels"]):
        query_id, doc_id = (text_field(row, key, paths["qrels"], n) for key in ("query-id", "corpus-id"))
        qrels.setdefault(query_id, {})[doc_id] = grade_field(row, "score", paths["qrels"], n)
    return judged_dataset(name, documents, queries, qrels)


def _ruled_out(path: Path) -> dict[str, tuple[str, ...]]:
    lists = _id_lists(path)
    return {key.removesuffix(_ORIGINAL).removesuffix(_CHANGED): ids for key, ids in lists.items()}


def _id_lists(path: Path) -> dict[str, tuple[str, ...]]:
    found = {}
    for number, row in objects(path):
        ids = row.get("corpus-ids")
        if not isinstance(ids, list):
            raise at(path, number, "needs a list 'corpus-ids'")
        found[text_field(row, "query-id", path, number)] = tuple(str(one) for one in ids)
    return found
