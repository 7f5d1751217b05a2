"""Needles, own queries, contexts and the LongEmbed table, on real stores with the hash encoder."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from encoders.fake import HashEncoder
from encoders.types import Document, Span
from eval.collection import measure_own, stored_documents, text_reader
from eval.context_run import ContextRunOptions, run_context
from eval.datasets import judged_dataset, plain_query
from eval.errors import DataError, EvaluationError
from eval.longembed_table import TableOptions, longembed_table, task_names
from eval.needle_test import run_needle_test
from eval.needles import NeedleOptions
from eval.own_queries import MAKERS
from eval.report import report_page
from eval.shadow import load_queries, shadow
from eval.systems import RetrieverSystem
from eval.tables_own import context_table, show_longembed, show_needles, show_own, show_shadow
from eval.targets import Target
from eval.types import GoldSpan
from retriever import Retriever

FILLER = "The river runs past the mill and the meadow is quiet in the evening light. " * 6
GUIDE = (
    f"# Borrowing books\n\n{FILLER}\n\n## Renewing a loan\n\nAsk at the desk before the loan ends. {FILLER}\n"
)
MODULE = (
    'def lend(book):\n    """Lend a book to a reader for two weeks."""\n    return book\n\n\n'
    'def fine(days):\n    """Compute the fine for a late book in cents."""\n    return 20 * days\n'
)
DOCUMENTS = [
    Document(id="guide.md", text=GUIDE, title="How the library works", media_type="text/markdown"),
    Document(id="library.py", text=MODULE, title="library.py", media_type="text/x-python"),
    Document(id="tale.txt", text=f"A badger came to the library one night and asked for poems. {FILLER}"),
]


class NoWatch:
    def stage(self, name, *, total=0):
        """Ignore."""

    def reach(self, done):
        """Ignore."""


@pytest.fixture
def retriever(tmp_path):
    with Retriever.open(tmp_path / "store", encoder=HashEncoder()) as retriever:
        retriever.add(DOCUMENTS)
        yield retriever


def printed(show, *values) -> str:
    written = StringIO()
    show(Console(file=written, width=200), *values)
    return written.getvalue()


def test_a_stored_collection_is_read_back_as_it_was(retriever):
    assert [(d.id, d.text, d.title, d.media_type) for d in stored_documents(retriever)] == [
        (d.id, d.text, d.title, d.media_type) for d in DOCUMENTS
    ]
    read = text_reader(retriever)
    assert read("guide.md", 2, 11) == GUIDE[2:11]
    assert read("guide.md", 2, 10**6) == GUIDE[2:]
    assert read("unknown", 0, 5) == ""


def test_own_queries_find_what_they_were_made_from(retriever):
    record, dataset = measure_own(retriever, MAKERS, per_maker=5, encoder="hash", watch=NoWatch())
    made = {query["made"] for query in record["queries"]}
    assert made == {"title", "heading", "docstring", "sentence"}
    assert record["systems"][0]["figures"]["all"]["Recall@100"]["mean"] == 1.0
    assert record["systems"][0]["figures"]["docstring"]["hit@10"]["mean"] == 1.0
    assert len(retriever.list()) == 3
    assert "own collection" in printed(show_own, record)
    assert "Your own collection" in report_page([record])
    assert dataset.documents[0].text == GUIDE


def test_an_empty_collection_says_what_to_do(retriever):
    retriever.delete([document.id for document in DOCUMENTS])
    with pytest.raises(EvaluationError, match="index some first: longdoc index PATH"):
        stored_documents(retriever)


@pytest.mark.parametrize("kind", ["plain", "multi"])
def test_needles_are_found_in_a_scratch_copy_and_laid_out_by_length_and_depth(kind):
    options = NeedleOptions(kind=kind, lengths=(256, 512), depths=(0.0, 1.0), per_cell=2)
    record = run_needle_test([FILLER * 5], DOCUMENTS[:1], options, HashEncoder(), NoWatch())
    assert record["dataset"]["documents"] == 9
    assert set(record["grids"]) == {"acc@1", "hit@1", "hit@10", "found"}
    assert record["grids"]["acc@1"]["256"].keys() == {"0", "1"}
    found = [share for cells in record["grids"]["acc@1"].values() for share in cells.values()]
    assert sum(found) / len(found) > 0.5
    assert ("found (%)" in printed(show_needles, record)) == (kind == "multi")
    assert report_page([record]).count("<svg") == (4 if kind == "multi" else 3)


def context_set():
    start = FILLER.__len__()
    text = f"{FILLER}The badger sleeps under the old bridge. {FILLER}"
    documents = [Document(id="badger", text=text), Document(id="other", text=FILLER)]
    gold = {"q": (GoldSpan(doc_id="badger", span=Span(start, start + 39)),)}
    query = plain_query("q", "where does the badger sleep?", "tales")
    return judged_dataset("tales", documents, [query], {"q": {"badger": 1}}, gold)


def test_contexts_hold_the_evidence_when_there_is_room():
    record = run_context(context_set(), HashEncoder(), ContextRunOptions(budgets=(1, 2000)), NoWatch())
    assert record["figures"]["1"]["score"]["evidence"]["mean"] == 0.0
    assert record["figures"]["2000"]["as found"]["evidence"]["mean"] == 1.0
    assert record["figures"]["2000"]["edges"]["evidence"]["mean"] == 1.0
    assert record["figures"]["2000"]["document"]["tokens"]["mean"] <= 2000
    assert "2,000" in printed(lambda console, value: console.print(context_table(value)), record)
    assert "Contexts: tales" in report_page([record])


def test_a_set_without_gold_spans_measures_no_context():
    dataset = context_set()
    bare = judged_dataset("bare", dataset.documents, dataset.queries, dataset.qrels)
    with pytest.raises(DataError, match=r"bare has no spans.jsonl"):
        run_context(bare, HashEncoder(), ContextRunOptions(budgets=(100,)), NoWatch())


def test_the_longembed_table_measures_what_can_be_had_and_names_the_rest():
    options = TableOptions(
        tasks=task_names(["2wikimqa", "passkey"]),
        methods=("BM25", "beginning", "best segment", "mean of segments", "hybrid"),
        lengths=(256,),
        queries=10,
        documents=30,
    )
    *so_far, record = list(longembed_table(options, HashEncoder(), NoWatch()))
    measured = [[row["system"] for row in part["rows"] if row["by_length"]] for part in so_far]
    assert [len(systems) for systems in measured] == [1, 2, 3, 4, 5]
    assert record["settings"]["documents_per_synthetic_set"] == 30
    scores = {row["system"]: row["scores"] for row in record["rows"]}
    assert scores["BM25"] == {"passkey": 100.0}
    assert all(0 <= one["passkey"] <= 100 for one in scores.values())
    assert "hf download dwzhu/LongEmbed" in record["missing"]["2wikimqa"]
    text = printed(show_longembed, record)
    for part in (
        "mteb/baseline-bm25s",
        "not measured: 2WikiMQA",
        "not the published draw",
        "at most 10 queries",
    ):
        assert part in text
    assert "LongEmbed" in report_page([record])


@pytest.mark.parametrize(
    ("tasks", "methods", "message"),
    [
        (["passkey"], ("magic",), "no method magic; there are beginning"),
        (["2wikimqa"], ("BM25",), "no task can be had"),
    ],
)
def test_a_table_that_cannot_be_made_is_an_error(tasks, methods, message):
    options = TableOptions(tasks=task_names(tasks), methods=methods, lengths=(256,))
    with pytest.raises(EvaluationError, match=message):
        list(longembed_table(options, HashEncoder(), NoWatch()))


def test_unknown_tasks_are_refused_and_none_means_all():
    assert len(task_names([])) == 6
    with pytest.raises(EvaluationError, match="no task chess; it has passkey"):
        task_names(["chess"])


def test_a_present_system_is_compared_with_a_real_store(retriever, tmp_path):
    (tmp_path / "queries.txt").write_text("who renews a loan?\nfine for a late book\n")
    theirs = Target(lambda query, limit: [{"id": "guide.md", "start": 0, "end": 400}], limit=5)
    record, pairs = shadow(
        RetrieverSystem(retriever, limit=5),
        theirs,
        load_queries(tmp_path / "queries.txt"),
        address="python:theirs:ask",
        watch=NoWatch(),
    )
    assert len(pairs) == 2
    assert 0 < record["agreement"]["shared@10"]["mean"] < 1
    assert "shared@10" in printed(show_shadow, record)
    assert "No judgements were given" in report_page([record])
