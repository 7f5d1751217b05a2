"""Answers of a language model behind a real endpoint, judged by one."""

from __future__ import annotations

import json
import re

from click.testing import CliRunner

from eval.commands import eval_
from eval.report import report_page
from tests.rerank_server import chat, chat_server

FACT = "The mill by the river was built in 1702."
TEXTS = {
    "mill": f"Nobody goes there. {FACT} It has one wheel.",
    "tale": "A badger came to the library one night and asked for poems.",
}


def folder(tmp_path, *, spans=True):
    (tmp_path / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": name, "title": "", "text": text}) + "\n" for name, text in TEXTS.items())
    )
    (tmp_path / "queries.jsonl").write_text(
        json.dumps({"_id": "q", "text": "When was the mill built?"}) + "\n"
    )
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\tmill\t1\n")
    if spans:
        start = TEXTS["mill"].index(FACT)
        span = {"query_id": "q", "doc_id": "mill", "start": start, "end": start + len(FACT)}
        (tmp_path / "spans.jsonl").write_text(json.dumps(span) + "\n")
    return tmp_path


def model(request, _number):
    """Quote the source that tells of the mill; judge by the year."""
    prompt = request["messages"][-1]["content"]
    if "yes or no" in prompt:
        statement = re.search(r"(?:Statement|Given answer): (.*)", prompt)[1]
        return chat("Yes." if "1702" in prompt.replace(statement, "") and "1702" in statement else "No.")
    number = re.search(r"\[(\d)\] mill\n", prompt)[1]
    return chat(f'It says "built in 1702" [{number}]. It has "four wheels" [{number}].')


def run(tmp_path, url, *more):
    asked = ["answers", "--data", str(tmp_path), "--llm", url, "--model", "m", "--encoder", "hash:32", *more]
    return CliRunner().invoke(eval_, asked)


def test_answers_are_judged_for_truth_citations_and_quotations(tmp_path):
    with chat_server(model) as (url, seen):
        done = run(folder(tmp_path), url, "--json", str(tmp_path / "out.json"), "--judge", "j")
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "out.json").read_text())
    figures = {name: one["mean"] for name, one in record["figures"].items()}
    assert figures["accuracy"] == 1.0
    assert figures["citation recall"] == 0.5
    assert figures["citation precision"] == 0.5
    assert figures["quotations found"] == 0.5
    assert 0 < figures["tokens"] <= 2000
    assert [request["model"] for request in seen.requests] == ["m", "j", "j", "j"]
    assert record["answers"][0]["sources"][0] == "mill"
    assert "quotations found" in done.output
    assert "Answers: " in report_page([record])


def test_without_gold_spans_there_is_no_reference(tmp_path):
    done = run(folder(tmp_path, spans=False), "http://127.0.0.1:9/v1")
    assert "answers have no reference" in str(done.exception)


def test_an_endpoint_that_fails_is_an_error_and_no_answer(tmp_path):
    with chat_server(lambda request, number: chat("")) as (url, _):
        done = run(folder(tmp_path), url)
    assert done.exit_code != 0
    assert "empty text" in str(done.exception)
