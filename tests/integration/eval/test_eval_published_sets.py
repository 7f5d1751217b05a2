"""Published benchmarks in small, on real stores with the hash encoder."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from encoders.fake import HashEncoder
from eval.errors import EvaluationError
from eval.published_sets import RUNNERS
from eval.report import report_page
from eval.tables_own import show_published

if TYPE_CHECKING:
    from pathlib import Path

ANIMALS = ("otter", "heron", "badger")
MANY = (*ANIMALS, "lynx", "marten", "plover", "swift", "newt", "adder", "wren")


class NoWatch:
    def stage(self, name, *, total=0):
        """Ignore."""

    def reach(self, done):
        """Ignore."""


def write_lines(path: Path, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def printed(record) -> str:
    written = StringIO()
    show_published(Console(file=written, width=200), record)
    return written.getvalue()


def test_loco_measures_the_tasks_that_are_there_and_names_the_others(tmp_path):
    write_lines(
        tmp_path / "LoCoV1-Documents/documents/qmsum_test.jsonl",
        [{"pid": name, "passage": f"The {name} sleeps here."} for name in ANIMALS],
    )
    write_lines(
        tmp_path / "LoCoV1-Queries/documents/qmsum_test.jsonl",
        [{"qid": f"q-{n}", "query": f"where does the {n} sleep", "answer_pids": [n]} for n in ANIMALS],
    )
    record = RUNNERS["loco"](tmp_path, HashEncoder(), NoWatch())
    assert record["rows"]["qmsum"]["nDCG@10"]["mean"] == 1.0
    assert len(record["missing"]) == 11
    assert "not measured: LoCoV1's gov_report" in printed(record)
    assert "loco" in report_page([record])


def test_loco_without_any_data_is_an_error(tmp_path):
    with pytest.raises(EvaluationError, match=r"no task of LoCoV1 can be had: .*hf download"):
        RUNNERS["loco"](tmp_path, HashEncoder(), NoWatch())


def test_followir_tells_whether_documents_fall_when_they_are_ruled_out(tmp_path):
    write_lines(
        tmp_path / "corpus.jsonl", [{"_id": n, "text": f"A tale of the {n} and the mill."} for n in ANIMALS]
    )
    write_lines(tmp_path / "queries.jsonl", [{"_id": f"1-{v}", "text": "tale"} for v in ("og", "changed")])
    write_lines(
        tmp_path / "instruction.jsonl",
        [{"query-id": "1-og", "instruction": "otter"}, {"query-id": "1-changed", "instruction": "heron"}],
    )
    write_lines(
        tmp_path / "qrels.jsonl",
        [
            {"query-id": "1-og", "corpus-id": "otter", "score": 1.0},
            {"query-id": "1-changed", "corpus-id": "heron", "score": 1.0},
        ],
    )
    write_lines(
        tmp_path / "top_ranked.jsonl",
        [{"query-id": f"1-{v}", "corpus-ids": ["otter", "heron"]} for v in ("og", "changed")],
    )
    write_lines(tmp_path / "qrel_diff.jsonl", [{"query-id": "1", "corpus-ids": ["otter"]}])
    record = RUNNERS["followir"](tmp_path, HashEncoder(), NoWatch())
    (row,) = record["rows"].values()
    assert row["p-MRR"]["mean"] == 0.5  # from first to second of the two that are ranked
    assert row["nDCG@10"]["mean"] == 1.0


@pytest.mark.parametrize("granularity", ["sessions", "rounds"])
def test_longmemeval_searches_only_the_haystack_of_the_question(tmp_path, granularity):
    def question(number: int, animal: str) -> dict[str, object]:
        sessions = [
            [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "good day"}],
            [{"role": "user", "content": f"my {animal} is called Bo", "has_answer": True}],
        ]
        return {
            "question_id": f"q{number}",
            "question": "what is my animal called?",
            "answer_session_ids": ["s2"],
            "haystack_session_ids": ["s1", "s2"],
            "haystack_dates": ["2024/01/01", "2024/01/02"],
            "haystack_sessions": sessions,
        }

    path = tmp_path / "longmemeval_s.json"
    path.write_text(json.dumps([question(n, animal) for n, animal in enumerate(MANY)]))
    record = RUNNERS[f"longmemeval-{granularity}"](path, HashEncoder(), NoWatch())
    row = record["rows"][f"longmemeval_s, {granularity}"]
    assert set(row) == {"recall_any@5", "recall_all@5", "recall_any@10", "recall_all@10"}
    assert all(figure["mean"] == 1.0 and figure["count"] == len(MANY) for figure in row.values())
