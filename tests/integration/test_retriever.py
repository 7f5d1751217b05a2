"""The SDK over an embedded store, from files to answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from encoders.types import Document
from indexers.errors import (
    ClosedError,
    CollectionNotFoundError,
    DocumentNotFoundError,
    FingerprintMismatchError,
    StoreFormatError,
    StoreLockedError,
    UnknownFieldError,
)
from retriever import Retriever


def test_the_document_that_answers_comes_first_with_the_span_that_answers(retriever, topics):
    report = retriever.add(topics)
    assert sorted(report.added) == ["bread", "courts", "locks", "tides"]
    best, *_ = retriever.search("knead the dough and bake bread", limit=2)
    assert (best.rank, best.document.id) == (1, "bread")
    assert "bake the bread" in best.evidence[0].text
    span = best.evidence[0]
    assert retriever.text("bread", span.start, span.end) == span.text
    assert span.location.line_start == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("hello", r"takes a list of Document\(id=..., text=...\), got one str"),
        ({"id": "a", "text": "words"}, "got one dict"),
        (["hello"], "got a str: hello"),
        ([{"id": "a", "text": "words"}], "got a dict"),
        ([Document(id="a", text=b"words")], "text of document 'a' is of type bytes, not str; decode it"),
        ([Document(id=5, text="words")], "id of document 5 is of type int, not str; pass a str"),
        (iter(["hello"]), "got a str: hello"),
    ],
)
def test_what_is_no_document_is_refused_with_what_to_pass(retriever, given, message):
    retriever.add([Document(id="there", text="words")])
    with pytest.raises(TypeError, match=message):
        retriever.add(given)
    assert [info.id for info in retriever.list()] == ["there"]


def test_of_a_list_with_one_bad_document_nothing_is_indexed(retriever):
    retriever.add([Document(id="there", text="words")])
    with pytest.raises(TypeError, match="got a NoneType"):
        retriever.add([Document(id="a", text="words"), None])
    assert [info.id for info in retriever.list()] == ["there"]


def test_a_span_past_the_end_of_the_text_is_refused_with_both_numbers(retriever):
    retriever.add([Document(id="one", text="words")])
    assert retriever.text("one", 2, 5) == "rds"
    with pytest.raises(InvalidInputError, match="the text ends at 5, the span at 999999"):
        retriever.text("one", 2, 999_999)


def test_every_document_is_listed_with_its_coverage(retriever, topics):
    retriever.add(topics)
    assert [info.id for info in retriever.list()] == ["bread", "courts", "locks", "tides"]
    info = retriever.get("tides")
    assert (info.version, info.coverage.complete, info.metadata) == (1, True, topics[0].metadata)
    assert info.coverage.tokens == len(retriever.encoder.tokenizer.tokenize([topics[0].text])[0])


def test_text_that_the_model_does_not_know_is_in_the_ledger_and_in_the_report(retriever):
    report = retriever.add([Document(id="odd", text="known words \N{REPLACEMENT CHARACTER} and more\0")])
    assert report.incomplete == ("odd",)
    ledger = retriever.get("odd").coverage
    assert (ledger.tokens - ledger.embedded, ledger.complete) == (1, False)
    assert "tokens stand for text the model does not know" in ledger.reasons[0]


def test_indexing_again_embeds_only_what_changed(retriever, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"The text of {name} speaks of {name * 5}. " * 20)
    first = retriever.index([folder])
    assert first.added == ("a.txt", "b.txt", "c.txt")
    (folder / "b.txt").write_text("Something else entirely is written here now. " * 10)
    second = retriever.index([folder])
    assert (second.updated, second.unchanged) == (("b.txt",), ("a.txt", "c.txt"))
    assert second.coverage.tokens == retriever.get("b.txt").coverage.tokens
    assert retriever.get("b.txt").version == 2
    assert retriever.get("a.txt").version == 1
    third = retriever.index([folder])
    assert (third.unchanged, third.tokens_read) == (("a.txt", "b.txt", "c.txt"), 0)


def test_a_replaced_document_leaves_no_segment_of_its_old_text(retriever):
    retriever.add([Document(id="x", text="alpha beta gamma. " * 60), Document(id="y", text="other words")])
    retriever.add([Document(id="x", text="delta epsilon. ")])
    [hit] = [one for one in retriever.search("alpha beta", limit=2, evidence=10) if one.document.id == "x"]
    assert [one.text for one in hit.evidence] == ["delta epsilon. "]
    index = retriever.engine.collection.index
    assert index.facet("point") == {"document": 2, "segment": 2, "version": 1}


def test_changed_metadata_is_written_without_embedding_and_filters_see_it(retriever, topics):
    retriever.add(topics)
    renamed = [
        Document(id=one.id, text=one.text, title=one.id.title(), metadata={"kind": "new"}) for one in topics
    ]
    report = retriever.add(renamed)
    assert (len(report.updated), report.tokens_read) == (4, 0)
    assert retriever.get("bread").title == "Bread"
    found = retriever.search("bread", filter={"metadata.kind": "new"})
    assert len(found) == 4
    assert found.hits[0].evidence_total > 0


def test_deleted_documents_are_gone_from_lists_and_answers(retriever, topics):
    retriever.add(topics)
    assert retriever.delete(["bread", "nothing"]) == ("bread",)
    assert "bread" not in {hit.document.id for hit in retriever.search("bread")}
    with pytest.raises(DocumentNotFoundError, match="no document 'bread'"):
        retriever.get("bread")


def test_a_store_keeps_its_documents_between_openings(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as first:
        first.add(topics)
        before = first.search("the tide rises", explain=True)
    with Retriever.open(store_path, encoder=encoder) as second:
        after = second.search("the tide rises", explain=True)
        assert second.add(topics).unchanged == ("tides", "bread", "locks", "courts")
    assert after.hits == before.hits


def test_collections_do_not_see_each_other(store_path, encoder, topics):
    with Retriever.open(store_path, collection="one", encoder=encoder) as one:
        one.add(topics[:2])
    with Retriever.open(store_path, collection="two", encoder=encoder) as two:
        two.add(topics[2:])
        assert {hit.document.id for hit in two.search("bread")} == {"locks", "courts"}
        assert two.collections() == ("one", "two")


def test_another_encoder_is_refused_by_name_of_what_differs(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as opened:
        opened.add(topics)
    with Retriever.open(store_path, encoder=HashEncoder(dim=32)) as other:
        with pytest.raises(FingerprintMismatchError, match="dim was 64, is 32"):
            other.search("bread")
        with pytest.raises(FingerprintMismatchError, match="index into a new collection"):
            other.add(topics)
        assert len(other.list()) == 4  # reading needs no encoder


def test_an_unknown_collection_names_those_there_are(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as opened:
        opened.add(topics)
    with (
        Retriever.open(store_path, collection="defualt", encoder=encoder) as other,
        pytest.raises(CollectionNotFoundError, match="there are: default"),
    ):
        other.search("bread")


def test_an_unknown_filter_field_is_an_error_and_not_an_empty_answer(retriever, topics):
    retriever.add(topics)
    with pytest.raises(UnknownFieldError, match=r"known fields: .*metadata\.length"):
        retriever.search("bread", filter={"metadata.lenght": 3})


def test_every_item_of_a_run_is_in_one_list(retriever, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "good.txt").write_text("good words")
    (folder / "empty.txt").write_text("")
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 40 + b"\0" * 1000)
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    report = retriever.index([folder])
    assert report.added == ("good.txt",)
    assert [(item.id, item.reason) for item in report.skipped] == [
        ("binary.bin", "binary content"),
        ("empty.txt", "empty file"),
        ("gone.txt", "a broken link"),
    ]


def test_bad_documents_are_reported_and_the_good_ones_stored(retriever):
    report = retriever.add(
        [
            Document(id="good", text="words"),
            Document(id="bad", text="words", metadata={"x": float("nan")}),
            Document(id="good", text="other words"),
            Document(id="void", text=""),
        ]
    )
    assert report.added == ("good",)
    assert [(item.id, item.reason.split(";")[0]) for item in report.failed] == [
        ("bad", "metadata.x of 'bad': nan is not JSON"),
        ("good", "the id was given twice in this run"),
    ]
    assert [item.id for item in report.skipped] == ["void"]


@pytest.mark.parametrize("call", ["index", "add", "delete"])
def test_one_thing_in_place_of_a_list_is_refused(retriever, call):
    argument = Document(id="x", text="words") if call == "add" else "x"
    with pytest.raises(TypeError, match="put the one"):
        getattr(retriever, call)(argument)


def test_a_folder_that_is_no_store_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("words")
    with pytest.raises(StoreFormatError, match="holds no store"):
        Retriever.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_second_process_is_told_who_has_the_store(store_path, retriever):
    script = (
        "import sys; from retriever import Retriever; from indexers.errors import StoreLockedError\n"
        "try: Retriever.open(sys.argv[1])\n"
        "except StoreLockedError as error: print(error.details['pid'], error)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(store_path)], capture_output=True, text=True, check=True
    ).stdout
    import os

    assert told.startswith(f"{os.getpid()} {store_path} is in use by process {os.getpid()} on ")


def test_a_store_is_free_again_after_closing_and_after_a_failed_opening(store_path, encoder):
    with Retriever.open(store_path, encoder=encoder), pytest.raises(StoreLockedError):
        Retriever.open(store_path, encoder=encoder)
    Retriever.open(store_path, encoder=encoder).close()


def test_a_closed_retriever_refuses_every_call_and_leaves_the_store_alone(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add(topics)
        inside = retriever.engine
    for call in (
        lambda: retriever.search("bread"),
        lambda: retriever.add(topics),
        lambda: retriever.embed(["a text"]),
        lambda: retriever.jobs(),
        lambda: retriever.encoder,
    ):
        with pytest.raises(ClosedError, match="this retriever is closed; open it again"):
            call()
    with pytest.raises(ClosedError, match="is closed; open it again"):  # a call that another thread began
        inside.create()
    retriever.close()
    inside.close()
    with Retriever.open(store_path, encoder=encoder) as again:
        assert again.search("bread").hits
