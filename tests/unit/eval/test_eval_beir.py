from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from encoders.types import Span
from eval.beir import load_beir, media_type, merge
from eval.errors import DataError
from eval.types import GoldSpan

if TYPE_CHECKING:
    from pathlib import Path

CORPUS = [
    {"_id": "a.py", "title": "", "text": "def f(): pass"},
    {"_id": "b", "title": "guide.md", "text": "how to f"},
    {"_id": "c", "title": "x", "text": "nothing"},
]
QUERIES = [{"_id": "q1", "text": "f?", "body": "ignored"}, {"_id": "q2", "text": "g?"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\ta.py\t2\nq1\tc\t0\nq2\tb\t0\n"
SPANS = [{"query_id": "q1", "doc_id": "a.py", "start": 4, "end": 7}]


def write(folder: Path, *, corpus=CORPUS, queries=QUERIES, qrels=QRELS, spans=SPANS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus", corpus), ("queries", queries), ("spans", spans)):
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "qrels.tsv").write_text(qrels, encoding="utf-8")
    return folder


def test_a_folder_gives_documents_judged_queries_and_gold_spans(tmp_path):
    dataset = load_beir(write(tmp_path / "set"))
    assert [(d.id, d.media_type) for d in dataset.documents] == [
        ("a.py", "text/x-python"),
        ("b", "text/markdown"),
        ("c", "text/plain"),
    ]
    assert [(q.id, q.text, q.origin, q.local_id) for q in dataset.queries] == [("q1", "f?", "set", "q1")]
    assert dataset.qrels == {"q1": {"a.py": 2, "c": 0}}
    assert dataset.spans == {"q1": (GoldSpan(doc_id="a.py", span=Span(4, 7)),)}
    assert dataset.unjudged == ("q2",)


def test_judgements_of_a_split_are_found_where_beir_puts_them(tmp_path):
    folder = write(tmp_path / "set")
    (folder / "qrels").mkdir()
    (folder / "qrels.tsv").rename(folder / "qrels" / "test.tsv")
    assert load_beir(folder).qrels["q1"]["a.py"] == 2


def test_spans_are_optional(tmp_path):
    folder = write(tmp_path / "set")
    (folder / "spans.jsonl").unlink()
    assert load_beir(folder).spans == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"corpus": ["{"]}, r"corpus.jsonl, line 1: not JSON", id="broken JSON"),
        pytest.param({"corpus": ["[]"]}, r"line 1: expected a JSON object, found list", id="no object"),
        pytest.param({"corpus": [*CORPUS, CORPUS[0]]}, r"line 4: .*'a.py' was given before", id="doc twice"),
        pytest.param({"corpus": [{"_id": 1, "text": ""}]}, r"needs a string '_id'; has int there", id="id"),
        pytest.param({"corpus": []}, r"corpus.jsonl holds no document", id="empty corpus"),
        pytest.param({"queries": [{"_id": "q1"}]}, r"line 1: needs a string 'text'; has the", id="no text"),
        pytest.param(
            {"queries": [QUERIES[0], *QUERIES]}, r"line 2: .*'q1' was given before", id="query twice"
        ),
        pytest.param({"qrels": "q1\ta.py\n"}, r"qrels.tsv, line 1: .* found 2 fields", id="fields"),
        pytest.param({"qrels": "q1\ta.py\thigh\n"}, r"'high' is no integer", id="grade"),
        pytest.param({"qrels": "q9\ta.py\t1\n"}, r"'q9' is not in queries.jsonl \(2", id="unknown query"),
        pytest.param({"qrels": "q1\tz\t1\n"}, r"'z' is not in corpus.jsonl \(3", id="unknown document"),
        pytest.param({"qrels": "q1\ta.py\t1\nq1\ta.py\t1\n"}, r"line 2: .* judged twice", id="judged twice"),
        pytest.param({"qrels": "q1\ta.py\t0\n"}, r"judges no document of any query as relevant", id="none"),
        pytest.param(
            {"spans": [{"query_id": "q1", "doc_id": "a.py", "start": 4, "end": 99}]},
            r"spans.jsonl, line 1: \[4, 99\) is no part of document 'a.py' of 13 characters",
            id="span beyond the text",
        ),
        pytest.param(
            {"spans": [{"query_id": "q1", "doc_id": "a.py", "start": 4, "end": 4}]}, r"\[4, 4\)", id="empty"
        ),
        pytest.param(
            {"spans": [{"query_id": "q1", "doc_id": "a.py", "start": True, "end": 4}]},
            r"needs an integer 'start'",
            id="boolean",
        ),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path, change, message):
    folder = write(tmp_path / "set", **change)
    with pytest.raises(DataError, match=message):
        load_beir(folder)


def test_missing_files_are_named(tmp_path):
    folder = write(tmp_path / "set")
    (folder / "qrels.tsv").unlink()
    with pytest.raises(DataError, match=r"neither qrels.tsv nor qrels/test.tsv"):
        load_beir(folder)
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(DataError, match=r"holds no corpus.jsonl; a BEIR folder needs"):
        load_beir(folder)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    folder = write(tmp_path / "set")
    (folder / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "\xff"}\n')
    with pytest.raises(DataError, match=r"queries.jsonl, line 1: this or a later line is not UTF-8"):
        load_beir(folder)


def test_a_line_separator_inside_a_text_does_not_end_the_line(tmp_path):
    corpus = ['{"_id": "a.py", "text": "one\u2028two\x85three"}', *CORPUS[1:]]
    dataset = load_beir(write(tmp_path / "set", corpus=corpus, spans=[]))
    assert dataset.documents[0].text == "one\u2028two\x85three"


def test_merged_sets_keep_apart_ids_that_both_use(tmp_path):
    one, two = load_beir(write(tmp_path / "one")), load_beir(write(tmp_path / "two"))
    both = merge([one, two])
    assert [d.id for d in both.documents] == [f"{s}/{d.id}" for s in ("one", "two") for d in one.documents]
    assert [(q.id, q.origin, q.local_id) for q in both.queries] == [
        ("one/q1", "one", "q1"),
        ("two/q1", "two", "q1"),
    ]
    assert both.qrels["two/q1"] == {"two/a.py": 2, "two/c": 0}
    assert both.spans["two/q1"] == (GoldSpan(doc_id="two/a.py", span=Span(4, 7)),)
    assert both.unjudged == ("one/q2", "two/q2")


def test_one_set_is_merged_into_itself(tmp_path):
    one = load_beir(write(tmp_path / "one"))
    assert merge([one]) is one


def test_sets_of_the_same_name_cannot_be_merged(tmp_path):
    one = load_beir(write(tmp_path / "one"))
    with pytest.raises(DataError, match="distinct folder names"):
        merge([one, one])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("src/a.PY",), "text/x-python"),
        (("https://docs.example.com/en#start", "Start"), "text/plain"),
        (("q12", "notes.markdown"), "text/markdown"),
        (("README", ""), "text/plain"),
        (("scan.pdf", "picture.png"), "text/plain"),
    ],
)
def test_the_media_type_follows_the_first_known_suffix(names, expected):
    assert media_type(*names) == expected
