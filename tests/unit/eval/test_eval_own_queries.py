from __future__ import annotations

import pytest

from encoders.types import Document
from eval.beir import load_beir
from eval.collection import write_queries
from eval.errors import EvaluationError, TargetError
from eval.jsonl import objects
from eval.own_queries import checked_makers, make_queries, own_dataset

CODE = '''import os

def tidy(name):
    """Make a file name safe for every system. More text."""
    return name

class Shelf:
    """Short."""

    def lend(self, book):
        """Lend a book to a reader for two weeks.

        Longer words here.
        """
        return book
'''
GUIDE = """# User guide

intro

## Borrow a book

Ask at the desk. The librarian writes your name into the large green ledger of the reading room, patiently.
The desk is open.

### Details here

Nothing to see in this part, but it has to be long enough to count as a section of its own, so it goes on.

## Return a book

Put it on the shelf. It has to be long enough to count as a section of its own, so it goes on and on a bit.
"""


class Parrot:
    """Writes what it was told to, and remembers prompts."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []

    def write(self, prompt: str) -> str:
        self.prompts.append(prompt)
        answer = self.answers.pop(0)
        if answer == "fail":
            raise TargetError("no answer")
        return answer


def texts_of(document: Document, maker: str) -> set[tuple[str, str | None]]:
    """Collect all that a maker can give, through ids that make it pick differently."""
    found = set()
    for number in range(40):
        copy = Document(id=f"{document.id}{number}", text=document.text, media_type=document.media_type)
        for query in make_queries([copy], [maker], per_maker=1).queries:
            found.add((query.text, query.span.of(copy.text) if query.span else None))
    return found


def test_docstrings_become_queries_for_their_functions():
    found = dict(texts_of(Document(id="a.py", text=CODE, media_type="text/x-python"), "docstring"))
    assert set(found) == {"Make a file name safe for every system.", "Lend a book to a reader for two weeks."}
    assert (found["Lend a book to a reader for two weeks."] or "").startswith("    def lend(self, book):")
    assert (found["Make a file name safe for every system."] or "").endswith("return name\n")


def test_headings_become_queries_for_their_sections_up_to_the_next_of_their_level():
    found = dict(texts_of(Document(id="g.md", text=GUIDE), "heading"))
    assert set(found) == {"User guide", "Borrow a book", "Details here", "Return a book"}
    section = found["Borrow a book"] or ""
    assert section.startswith("## Borrow")
    assert section.rstrip().endswith("so it goes on.")


def test_sentences_lose_their_stop_words_and_keep_their_place():
    found = dict(texts_of(Document(id="g", text=GUIDE), "sentence"))
    text, sentence = next((t, s) for t, s in found.items() if "ledger" in t)
    assert text.split()[:3] == ["librarian", "writes", "name"]
    assert "The librarian writes your name" in (sentence or "")


COMMENTED = """#!/usr/bin/env python
# Headings of a comment are no headings at all
import os

x = 1
# The shelf is locked at night because
# the keeper of the tower wants it so. Short.
def shelf(height, width, depth, colour, material, doors, locks, keys, owner, place):
    return height + width + depth + colour + material + doors + locks + keys + owner
"""


def test_code_gives_no_headings_and_only_the_sentences_of_its_comments():
    code = Document(id="a.py", text=COMMENTED, media_type="text/x-python")
    assert texts_of(code, "heading") == set()
    assert texts_of(code, "sentence") == {
        (
            "shelf locked night keeper tower wants",
            "The shelf is locked at night because\n# the keeper of the tower wants it so. Short.",
        )
    }


def test_what_looks_like_a_heading_inside_of_a_fence_is_code():
    code = f"```python\n# fenced comment here\n{'x' * 100}\n```"
    text = f"# Real heading\n\n{code}\n\n## Second heading\n\n{'y ' * 60}"
    found = dict(texts_of(Document(id="g.md", text=text, media_type="text/markdown"), "heading"))
    assert set(found) == {"Real heading", "Second heading"}


def test_a_sentence_of_numbers_is_no_query():
    text = "In the year 12 34 56 78 90 11 22 33 44 55 66 77 of tables. " * 2
    assert texts_of(Document(id="n", text=text), "sentence") == set()


@pytest.mark.parametrize("title", ["src/a.py", "notes.md", "d", "One"])
def test_a_title_that_is_a_path_an_id_or_one_word_is_no_query(title):
    assert make_queries([Document(id="d", text="x", title=title)], ["title"], per_maker=5).queries == ()


def test_titles_have_no_span():
    (query,) = make_queries(
        [Document(id="d", text="x", title="The red mill")], ["title"], per_maker=5
    ).queries
    assert (query.text, query.made, query.span) == ("The red mill", "title", None)


def test_code_that_does_not_parse_gives_nothing():
    broken = Document(id="b.py", text="def f(:\n", media_type="text/x-python")
    assert make_queries([broken], ["docstring"], per_maker=5).queries == ()


def test_a_model_is_asked_about_a_passage_and_its_question_answers_there():
    writer = Parrot('"Where is the book borrowed?"\nSure!', "fail", "Yes")
    documents = [Document(id=name, text=GUIDE) for name in ("a", "b", "c")]
    made = make_queries(documents, ["llm"], per_maker=3, writer=writer)
    (query,) = made.queries
    assert query.text == "Where is the book borrowed?"
    assert query.span is not None
    assert query.span.of(GUIDE) in writer.prompts[0]
    assert len(made.problems) == 2
    assert any("no question of 3 to 60 words: 'Yes'" in problem for problem in made.problems)


def test_a_model_is_needed_for_its_kind():
    with pytest.raises(EvaluationError, match="need --llm URL and --model NAME"):
        make_queries([Document(id="a", text="x")], ["llm"], per_maker=1)


def test_at_most_so_many_are_made_and_always_the_same():
    documents = [Document(id=f"d{n}", text="x", title=f"Title number {n}") for n in range(20)]
    made = make_queries(documents, ["title"], per_maker=5)
    assert len(made.queries) == 5
    assert make_queries(documents[::-1], ["title"], per_maker=5) == made


def test_a_text_that_several_documents_gave_is_one_query_with_all_of_them(tmp_path):
    documents = [Document(id=name, text="x", title="Annual report") for name in ("a", "b")]
    made = make_queries(documents, ["title"], per_maker=5)
    dataset = own_dataset("mine", documents, made.queries)
    assert [query.text for query in dataset.queries] == ["Annual report"]
    assert list(dataset.qrels.values()) == [{"a": 1, "b": 1}] or list(dataset.qrels.values()) == [
        {"b": 1, "a": 1}
    ]
    write_queries(tmp_path / "out", dataset)
    assert [row for _, row in objects(tmp_path / "out" / "queries.jsonl")] == [
        {"_id": "title-0000", "text": "Annual report", "made": "title"}
    ]
    again = load_beir(tmp_path / "out")
    assert (again.queries[0].text, again.qrels) == ("Annual report", dataset.qrels)
    assert [(one.id, one.title, one.text) for one in again.documents] == [
        (one.id, one.title, one.text) for one in documents
    ]


def test_a_collection_that_gives_no_query_is_an_error():
    with pytest.raises(EvaluationError, match="no query could be made from the 1 documents"):
        own_dataset("mine", [Document(id="a", text="x")], [])


def test_makers_are_checked_and_none_means_all_without_a_model():
    assert checked_makers([]) == ("title", "heading", "docstring", "sentence")
    assert checked_makers(["llm", "title"]) == ("title", "llm")
    with pytest.raises(EvaluationError, match="no queries of the kind haiku"):
        checked_makers(["haiku"])
