"""What is kept of earlier versions, and what is removed for good."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.doctor import examine
from indexers.errors import CorruptTextError
from indexers.retention import expire
from retriever import Retriever
from retriever.types import Retention

WORDS = "Nothing of note happened on the way and so the report goes on for a while. "


def version(number, doc_id="a"):
    return Document(id=doc_id, text=f"The {doc_id} of version {number} says {number * 7}. " + WORDS * 20)


def statuses(retriever, count):
    return [retriever.resolve_span("a", number, 0, 30).status for number in range(1, count + 1)]


def files(store):
    return {path.name for path in (store / "text").rglob("*.zst")}


def test_only_so_many_versions_are_kept_from_then_on_and_by_every_later_run(store_path, encoder):
    with Retriever.open(store_path, encoder=encoder) as retriever:
        for number in range(1, 4):
            retriever.add([version(number)])
        assert retriever.retention() == Retention()
        assert retriever.retain(versions=1) == Retention(versions=1)
        assert retriever.retention() == Retention(versions=1)
        assert retriever.resolve_span("a", 1, 0, 30).reason == "version 1 of it is not kept"
        assert retriever.resolve_span("a", 2, 0, 30).text.startswith("The a of version 2")
        retriever.add([version(4)])
        assert retriever.resolve_span("a", 2, 0, 30).reason == "version 2 of it is not kept"
        assert retriever.collect_garbage().pages == 4  # a page and its list, of versions 1 and 2
        assert retriever.doctor().healthy
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add([version(5)])
        assert retriever.resolve_span("a", 3, 0, 30).reason == "version 3 of it is not kept"
        with pytest.raises(InvalidInputError, match="versions is -1"):
            retriever.retain(versions=-1)


def test_versions_are_forgotten_by_age_whatever_the_clock_said_when_they_came(retriever):
    for number in range(1, 4):
        retriever.add([version(number)])
    retriever.retain(days=30)
    collection = retriever.engine.collection
    now = datetime.now(UTC)
    assert expire(collection, now=now + timedelta(days=29)) == 0
    assert expire(collection, now=now - timedelta(days=900)) == 0  # set back: nothing is too old
    assert expire(collection, now=now + timedelta(days=31)) == 2
    assert statuses(retriever, 3) == ["gone", "gone", "current"]


def test_garbage_is_only_what_nothing_points_at(store_path, encoder):
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add([version(1), version(1, "b")])
        retriever.add([version(2)])
        retriever.delete(["b"])
        before = files(store_path)
        assert retriever.collect_garbage().pages == 0  # kept versions need theirs
        left = store_path / "text" / "aa" / ("aa" + "0" * 62 + ".zst")
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(b"left by a process that died")
        report = retriever.collect_garbage()
        assert (report.pages, report.size_bytes, report.left) == (1, 27, len(before))
        assert files(store_path) == before


def test_a_purge_leaves_nothing_to_be_found_and_says_what_it_removed(store_path, encoder):
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add([version(1), version(1, "b"), Document(id="twin", text=version(1).text)])
        cited = retriever.search("says", limit=3, filter={"id": "a"}).hits[0].evidence[0]
        retriever.add([version(2)])
        assert retriever.resolve(cited.id).text
        receipt = retriever.purge(["a", "nobody"])
        assert (receipt.documents, receipt.unknown, receipt.versions) == (("a",), ("nobody",), 2)
        assert receipt.shared_texts == 1  # the twin has the text of version 1
        assert receipt.pages == 2
        assert receipt.segments > 0
        gone = retriever.resolve(cited.id)
        assert (gone.status, gone.text) == ("gone", "")
        assert retriever.purge(["a"]).documents == ()
        assert [info.id for info in retriever.list()] == ["b", "twin"]
        assert retriever.text("twin") == version(1).text
        assert retriever.doctor().healthy
        retriever.add([version(9)])
        assert retriever.get("a").version == 1


def test_deleted_documents_can_be_purged_too(retriever):
    retriever.add([version(1)])
    retriever.delete(["a"])
    receipt = retriever.purge(["a"])
    assert (receipt.documents, receipt.versions, receipt.segments) == (("a",), 1, 0)


def test_the_text_of_a_version_that_is_being_written_is_no_garbage(retriever):
    arrived, go_on = threading.Event(), threading.Event()

    def slow():
        yield version(1, "slow")
        arrived.set()
        go_on.wait(20)

    retriever.add([version(1)])
    writer = threading.Thread(target=lambda: retriever.add(slow()))
    writer.start()
    assert arrived.wait(20)
    retriever.collect_garbage()
    go_on.set()
    writer.join()
    assert examine(retriever.engine.collection).healthy


def test_nothing_is_removed_while_a_text_is_damaged(store_path, encoder):
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add([version(1)])
    with Retriever.open(store_path, encoder=encoder) as retriever:
        reference = retriever.engine.collection.entry("a").text
        (store_path / "text" / reference[:2] / f"{reference}.zst").write_bytes(b"x")
        before = files(store_path)
        with pytest.raises(CorruptTextError):
            retriever.collect_garbage()
        assert files(store_path) == before
