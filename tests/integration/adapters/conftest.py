"""What the adapters' tests share: a store with places, and a reranker behind a real endpoint."""

from __future__ import annotations

import re

import pytest
from rerank_server import chain, chat, chat_server, passages_of

from encoders.fake import HashEncoder
from encoders.types import Document, Mark, Span
from retriever import Retriever
from retriever.rerank.chat import ChatModel, ChatSettings
from retriever.rerank.reranker import ListwiseReranker
from tests.support import topic_documents


def lease():
    """A lease of two pages, one section on each."""
    filler = "The parties have read this and agree to every word of it. " * 10
    rent = f"Rent\n\n{filler}The rent is grade 3 and due monthly. {filler}\n"
    notice = f"Notice\n\n{filler}Give notice of grade 7 in writing. {filler}\n"
    sections = [Span(0, len(rent)), Span(len(rent), len(rent) + len(notice))]
    marks = [Mark("heading", Span(0, len(rent + notice)), "Lease", 1)]
    for page, (name, span) in enumerate(zip(("Rent", "Notice"), sections, strict=True), start=1):
        marks += [Mark("page", span, page), Mark("heading", span, name, 2)]
    marks.sort(key=lambda mark: (mark.span.start, mark.level))
    return Document(
        id="lease.pdf", text=rent + notice, title="Lease", source="/lease.pdf", marks=tuple(marks)
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Four topics, a lease with pages and headings, and a document with metadata."""
    named = Document(
        id="named", text="A text with metadata of ours.", metadata={"title": "mine", "year": 2021}
    )
    store = tmp_path_factory.mktemp("adapters") / "store"
    with Retriever.open(store, encoder=HashEncoder(dim=64)) as opened:
        opened.add([*topic_documents(), named, lease()])
        yield opened


def highest_grade_first(request, _number):
    """Answer as a perfect model would; a passage without a grade comes last."""
    grades = {number: re.search(r"grade (\d)", text) for number, text in passages_of(request)}
    best = sorted(grades, key=lambda number: -int(grades[number][1]) if grades[number] else 0)
    return chat(chain(best))


@pytest.fixture
def reranker():
    """Ranks by the number after the word "grade", as a chat model would."""
    with chat_server(highest_grade_first) as (url, _):
        yield ListwiseReranker(ChatModel(ChatSettings(url=url, model="m", structure="text")))


@pytest.fixture
def broken_reranker():
    """A reranker whose model never gives a ranking."""
    with chat_server(lambda *_: chat("I would rather not.")) as (url, _):
        yield ListwiseReranker(ChatModel(ChatSettings(url=url, model="m", structure="text")))
