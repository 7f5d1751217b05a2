"""The question-answering example against a small chat server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from retriever import Retriever
from tests.rerank_server import chat, chat_server

EXAMPLE = Path(__file__).parents[2] / "examples" / "question_answering.py"
QUESTION = "when does the tenant pay the rent?"


def ask(store, url, *questions, typed=""):
    options = [
        "--url",
        url,
        "--model",
        "m",
        "--store",
        str(store),
        "--encoder",
        "hash:64",
        "--collection",
        "default",
    ]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1]), "LONGDOC_LLM_KEY": "secret"}
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *options, *questions],
        capture_output=True, text=True, env=environment, input=typed, timeout=60, check=False,
    )  # fmt: skip


def reader(request, number):
    """Quote wrongly first, and rightly when told so."""
    messages = request["messages"]
    label = re.search(r"^(\[\d\]) courts", messages[1]["content"], re.MULTILINE)[1]
    if messages[-1]["content"].startswith("Correct your answer."):
        return chat(f'"The tenant shall pay the rent on the first day of each month" {label}.')
    return chat(f'"The tenant pays whenever he likes" {label}, see also [88].')


def test_an_answer_that_quotes_wrongly_is_sent_back_and_then_passes(store_path, topics):
    with Retriever.open(store_path, encoder="hash:64", in_process=True) as here:
        here.add(topics)
    with chat_server(reader) as (url, seen):
        done = ask(store_path, url, QUESTION)
    assert done.returncode == 0, done.stderr
    assert "first day of each month" in done.stdout
    assert 'exact: "The tenant shall pay the rent' in done.stdout
    assert "courts" in done.stdout
    assert [len(one["messages"]) for one in seen.requests] == [2, 4]
    complaint = seen.requests[1]["messages"][-1]["content"]
    assert '"The tenant pays whenever he likes" is in none of the sources' in complaint
    assert "There is no source [88]." in complaint
    assert seen.headers[0]["Authorization"] == "Bearer secret"


def test_questions_can_be_typed_and_an_answer_that_stays_wrong_is_marked(store_path, topics):
    with Retriever.open(store_path, encoder="hash:64", in_process=True) as here:
        here.add(topics)
    with chat_server(lambda request, number: chat('"Nobody knows" [1].')) as (url, seen):
        done = ask(store_path, url, typed=f"{QUESTION}\n\n")
    assert done.returncode == 1
    assert '! "Nobody knows" is in none of the sources' in done.stdout
    assert len(seen.requests) == 2
