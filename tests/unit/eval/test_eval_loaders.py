"""Small files in the published forms, and what is said when they are missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from eval import followir, loco, longembed, longmemeval
from eval.errors import DataError
from eval.jsonl import grade_field

if TYPE_CHECKING:
    from pathlib import Path


def write_lines(path: Path, *rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_longembed_task_is_read_as_published(tmp_path):
    write_lines(tmp_path / "qmsum/corpus.jsonl", {"doc_id": "d1", "text": "a"}, {"doc_id": "d2", "text": "b"})
    write_lines(tmp_path / "qmsum/queries.jsonl", {"qid": "q1", "text": "?"})
    write_lines(tmp_path / "qmsum/qrels.jsonl", {"qid": "q1", "doc_id": "d2"})
    dataset = longembed.load_task(tmp_path, "qmsum")
    assert [document.id for document in dataset.documents] == ["d1", "d2"]
    assert dataset.qrels == {"q1": {"d2": 1}}


def test_a_synthetic_longembed_task_is_read_one_length_at_a_time(tmp_path):
    for length in (256, 512):
        rows = {"context_length": length}
        for name, row in (
            ("corpus", {"doc_id": f"d{length}", "text": "a"}),
            ("queries", {"qid": f"q{length}", "text": "?"}),
            ("qrels", {"qid": f"q{length}", "doc_id": f"d{length}"}),
        ):
            path = tmp_path / f"needle/{name}.jsonl"
            path.parent.mkdir(exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps(row | rows) + "\n")
    dataset = longembed.load_task(tmp_path, "needle", length=512)
    assert dataset.name == "needle-512"
    assert dataset.qrels == {"q512": {"d512": 1}}


def test_missing_longembed_data_names_where_to_get_it(tmp_path):
    with pytest.raises(DataError, match=r"narrativeqa is not in .*hf download dwzhu/LongEmbed"):
        longembed.load_task(tmp_path, "narrativeqa")
    with pytest.raises(DataError, match=r"clone https://github.com/Yale-LILY/QMSum"):
        longembed.load_qmsum_repository(tmp_path)


def test_qmsum_is_rebuilt_from_its_repository(tmp_path):
    for part, name, answers in (("train", "m1", ["first", "shared"]), ("val", "m2", ["shared", "third"])):
        path = tmp_path / "data/ALL" / part / f"{name}.json"
        path.parent.mkdir(parents=True)
        meeting = {
            "meeting_transcripts": [{"speaker": "A", "content": "hello"}, {"speaker": "B", "content": name}],
            "general_query_list": [{"query": "?", "answer": answers[0]}],
            "specific_query_list": [{"query": "?", "answer": answers[1]}],
        }
        path.write_text(json.dumps(meeting))
    dataset = longembed.load_qmsum_repository(tmp_path)
    assert [document.text for document in dataset.documents] == ["A: hello\nB: m1", "A: hello\nB: m2"]
    assert [query.text for query in dataset.queries] == ["first", "shared", "third"]
    assert list(dataset.qrels.values()) == [{"m1": 1}, {"m1": 1}, {"m2": 1}]


def test_published_scores_have_a_source_and_the_known_leaders():
    rows = longembed.published_scores()
    assert (rows[0].system, round(rows[0].average or 0, 1)) == ("mteb/baseline-bm25s", 90.9)
    assert (rows[1].system, round(rows[1].average or 0, 1)) == ("lightonai/GTE-ModernColBERT-v1", 90.6)
    assert all(row.source and row.scores for row in rows)
    assert rows[-1].average is None
    assert len({(row.system, row.source, tuple(row.scores)) for row in rows}) == len(rows)


def test_a_judgement_of_an_unknown_document_is_refused(tmp_path):
    write_lines(tmp_path / "qmsum/corpus.jsonl", {"doc_id": "d1", "text": "a"})
    write_lines(tmp_path / "qmsum/queries.jsonl", {"qid": "q1", "text": "?"})
    write_lines(tmp_path / "qmsum/qrels.jsonl", {"qid": "q1", "doc_id": "d9"})
    with pytest.raises(DataError, match="1 judgements name unknown ids, first"):
        longembed.load_task(tmp_path, "qmsum")


def test_a_loco_task_is_read_as_published(tmp_path):
    write_lines(
        tmp_path / "LoCoV1-Documents/documents/stackoverflow_test.jsonl",
        {"pid": "p1", "passage": "a"},
        {"pid": "p2", "passage": ""},
    )
    write_lines(
        tmp_path / "LoCoV1-Queries/documents/stackoverflow_test.jsonl",
        {"qid": "q1", "query": "?", "answer_pids": ["p1"]},
    )
    dataset = loco.load_task(tmp_path, "stackoverflow")
    assert dataset.qrels == {"q1": {"p1": 1}}
    assert len(dataset.documents) == 2


def test_loco_says_which_tasks_there_are_and_where_the_data_is(tmp_path):
    assert len(loco.TASKS) == 12
    with pytest.raises(DataError, match="no task 'qasper'; it has summ_screen_fd, gov_report"):
        loco.load_task(tmp_path, "qasper")
    with pytest.raises(DataError, match=r"/LoCoV1-Documents .*hf download hazyresearch/LoCoV1-Queries"):
        loco.load_task(tmp_path, "qmsum")


def test_followir_reads_the_instruction_after_the_query_and_scores_both_versions(tmp_path):
    write_lines(tmp_path / "corpus.jsonl", *({"_id": d, "title": "", "text": d} for d in ("a", "b")))
    write_lines(tmp_path / "queries.jsonl", {"_id": "1-og", "text": "q"}, {"_id": "1-changed", "text": "q"})
    write_lines(
        tmp_path / "instruction.jsonl",
        {"query-id": "1-og", "instruction": "any"},
        {"query-id": "1-changed", "instruction": "not a"},
    )
    write_lines(
        tmp_path / "qrels.jsonl",
        {"query-id": "1-og", "corpus-id": "a", "score": 1.0},
        {"query-id": "1-changed", "corpus-id": "b", "score": 2},
    )
    write_lines(
        tmp_path / "top_ranked.jsonl",
        {"query-id": "1-og", "corpus-ids": ["a", "b"]},
        {"query-id": "1-changed", "corpus-ids": ["b"]},
    )
    write_lines(tmp_path / "qrel_diff.jsonl", {"query-id": "1", "corpus-ids": ["a"]})
    loaded = followir.load_followir(tmp_path)
    assert [query.text for query in loaded.dataset.queries] == ["q any", "q not a"]
    assert loaded.dataset.qrels == {"1-og": {"a": 1}, "1-changed": {"b": 2}}
    assert [document.metadata["ranked_for"] for document in loaded.dataset.documents] == [
        ["1-og"],
        ["1-og", "1-changed"],
    ]
    run = {"1-og": {"a": 2.0, "b": 1.0}, "1-changed": {"b": 2.0, "a": 1.0}}
    assert followir.instruction_following(run, loaded.newly_irrelevant) == {"1": pytest.approx(1 / 2)}


def test_a_grade_that_is_no_whole_number_is_refused(tmp_path):
    path = tmp_path / "qrels.jsonl"
    assert grade_field({"score": 2.0}, "score", path, 1) == 2
    with pytest.raises(DataError, match=r"qrels.jsonl, line 1: needs an integer 'score'; has float there"):
        grade_field({"score": 0.5}, "score", path, 1)


def test_missing_followir_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"corpus.jsonl is missing; FollowIR is jhu-clsp/robust04"):
        followir.load_followir(tmp_path)


SESSIONS = [
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    [
        {"role": "user", "content": "I moved to Oslo", "has_answer": True},
        {"role": "assistant", "content": "nice"},
        {"role": "user", "content": "bye"},
    ],
]


def question(question_id: str) -> dict[str, object]:
    return {
        "question_id": question_id,
        "question": "where do I live?",
        "answer_session_ids": ["s2"],
        "haystack_session_ids": ["s1", "s2"],
        "haystack_dates": ["2024/01/01", "2024/02/01"],
        "haystack_sessions": SESSIONS,
    }


@pytest.mark.parametrize(
    ("granularity", "documents", "relevant"),
    [("session", 2, "q1/1/s2"), ("round", 3, "q1/1/s2/0")],
)
def test_longmemeval_gives_sessions_or_rounds_with_what_holds_the_answer(
    tmp_path, granularity, documents, relevant
):
    path = tmp_path / "longmemeval_s.json"
    path.write_text(json.dumps([question("q1"), question("q2_abs")]))
    dataset = longmemeval.load_longmemeval(path, granularity=granularity)
    assert len(dataset.documents) == 2 * documents
    assert [doc_id for doc_id, grade in dataset.qrels["q1"].items() if grade] == [relevant]
    assert dataset.unjudged == ("q2_abs",)
    assert dataset.documents[0].metadata == {"question": "q1", "session": "s1", "date": "2024/01/01"}


def test_longmemeval_recalls_ask_for_any_and_for_all():
    grades, scores = {"a": 1, "b": 1, "c": 0}, {"c": 3.0, "a": 2.0, "b": 1.0}
    assert longmemeval.recall_figures(grades, scores, 2) == {"recall_any@2": 1.0, "recall_all@2": 0.0}
    assert longmemeval.recall_figures(grades, scores, 3) == {"recall_any@3": 1.0, "recall_all@3": 1.0}


def test_longmemeval_says_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match=r"hf download xiaowu0162/longmemeval-cleaned longmemeval_s"):
        longmemeval.load_longmemeval(tmp_path / "none.json", granularity="session")
    with pytest.raises(DataError, match=r"is a folder: run hf download xiaowu0162/longmemeval-cleaned"):
        longmemeval.load_longmemeval(tmp_path, granularity="round")
    (tmp_path / "bad.json").write_text('[{"question_id": "q"}]')
    with pytest.raises(DataError, match="not of the published form: KeyError"):
        longmemeval.load_longmemeval(tmp_path / "bad.json", granularity="session")
