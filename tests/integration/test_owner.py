"""The process that owns a store: started by the first caller, shared by all, gone by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from multiprocessing.connection import Client

import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.errors import ClosedError, DocumentNotFoundError, InvalidFilterError, StoreLockedError
from retriever import Retriever
from retriever.errors import OwnerStartError, OwnerVersionError
from retriever.owner.address import read_address
from retriever.owner.messages import PROTOCOL, Hello, Welcome
from retriever.wire import decode, encode
from tests.support import stop_owner, wait_until

ENCODER = "hash:32"


@pytest.fixture
def shared(store_path):
    yield store_path
    stop_owner(store_path)


def test_callers_share_one_process_and_see_each_others_documents(shared, topics):
    with Retriever.open(shared, encoder=ENCODER) as first, Retriever.open(shared, encoder=ENCODER) as second:
        report = first.add(topics)
        assert sorted(report.added) == ["bread", "courts", "locks", "tides"]
        assert second.search("knead the dough and bake bread", limit=1).hits[0].document.id == "bread"
        pids = {read_address(shared).pid}
    with Retriever.open(shared, encoder=ENCODER) as third:
        assert len(third.list()) == 4
        assert {read_address(shared).pid} == pids


def test_answers_through_the_process_equal_answers_in_process(shared, topics, tmp_path):
    with (
        Retriever.open(shared, encoder=ENCODER) as owned,
        Retriever.open(tmp_path / "own", encoder=ENCODER, in_process=True) as local,
    ):
        for retriever in (owned, local):
            retriever.add(topics)
        asked = {
            "query": "who may sue for rent?",
            "evidence": 2,
            "explain": True,
            "filter": {"metadata.length": {"$gt": 5}},
        }
        there, here = owned.search(**asked), local.search(**asked)
        assert [(hit.document.id, hit.score, hit.explain) for hit in there] == [
            (hit.document.id, hit.score, hit.explain) for hit in here
        ]
        spans = [[(one.start, one.end, one.text, one.location) for one in hit.evidence] for hit in there]
        assert spans == [
            [(one.start, one.end, one.text, one.location) for one in hit.evidence] for hit in here
        ]
        assert owned.text("tides", 3, 9) == local.text("tides", 3, 9)
        assert owned.get("tides").coverage == local.get("tides").coverage


def test_the_same_errors_come_out_of_the_process(shared, topics):
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.add(topics)
        with pytest.raises(DocumentNotFoundError, match="no document 'x'") as caught:
            retriever.get("x")
        assert caught.value.details == {"id": "x"}
        with pytest.raises(InvalidFilterError, match="unknown operator"):
            retriever.search("x", filter={"id": {"$like": "y"}})
        with pytest.raises(FileNotFoundError, match="no file or folder"):
            retriever.index(["/no/such/place"])
        with pytest.raises(ValueError, match="start <= end"):
            retriever.text("tides", 9, 3)


def test_an_iterator_that_fails_halfway_raises_its_own_error_and_the_process_goes_on(shared):
    def documents():
        yield Document(id="first", text="words")
        raise RuntimeError("the source broke")

    with Retriever.open(shared, encoder=ENCODER) as retriever:
        with pytest.raises(RuntimeError, match="the source broke"):
            retriever.add(documents())
        assert retriever.add([Document(id="second", text="other words")]).added == ("second",)


@pytest.mark.parametrize("in_process", [False, True])
def test_a_document_that_no_utf8_can_hold_is_listed_as_failed_and_the_others_are_indexed(shared, in_process):
    bad = [
        Document(id="text", text="a\ud800b"),
        Document(id="name\udcff", text="words"),
        Document(id="title", text="words", title="\ud800"),
        Document(id="metadata", text="words", metadata={"a": {"b": "xy\ud800"}}),
        Document(id="endless", text="words", metadata={"a": float("inf")}),
    ]
    told = []
    with Retriever.open(shared, encoder=ENCODER, in_process=in_process) as retriever:
        report = retriever.add([*bad, Document(id="good", text="words")], progress=told.append)
        assert report.added == ("good",)
        assert [(one.id, one.reason.split(",")[0]) for one in report.failed] == [
            ("text", "the text of 'text' holds a lone surrogate at character 1"),
            (r"name\xff", r"the document id 'name\udcff' holds a lone surrogate at character 4"),
            ("title", "the title of 'title' holds a lone surrogate at character 0"),
            ("metadata", "metadata.a.b of 'metadata': the string holds a lone surrogate at character 2"),
            ("endless", "metadata.a of 'endless': inf is not JSON"),
        ]
        assert {one.id for one in retriever.unread()} == {one.id for one in report.failed}
        assert r"name\xff" in [one.current for one in told] or not in_process
        with pytest.raises(InvalidInputError, match="at character 0"):
            retriever.patch("good", {"a": "\ud800"})
        assert retriever.add([Document(id="next", text="more words")]).added == ("next",)


def test_progress_is_told_while_files_are_indexed(shared, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.txt").write_text("some words " * 50)
    told = []
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.index([folder], progress=told.append)
    assert told[-1].items == told[-1].total == 5


def test_sync_deletes_what_is_gone_from_the_folder_and_nothing_else(shared, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"the text of {name}")
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.add([Document(id="elsewhere", text="words from elsewhere")])
        retriever.sync(folder)
        (folder / "b.txt").unlink()
        (folder / "c.txt").write_text("another text of c")
        report = retriever.sync(folder)
        assert (report.deleted, report.index.updated, report.index.unchanged) == (
            ("b.txt",),
            ("c.txt",),
            ("a.txt",),
        )
        assert [info.id for info in retriever.list()] == ["a.txt", "c.txt", "elsewhere"]


@pytest.mark.parametrize("spelling", ["beside/../docs", "link"])
def test_sync_deletes_what_is_gone_however_the_folder_is_spelled(shared, tmp_path, spelling):
    folder = tmp_path / "docs"
    for place in (folder, tmp_path / "beside"):
        place.mkdir()
    (tmp_path / "link").symlink_to(folder)
    for name in "ab":
        (folder / f"{name}.txt").write_text(f"the text of {name}")
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.index([tmp_path / spelling])
        (folder / "b.txt").unlink()
        assert retriever.sync(folder).deleted == ("b.txt",)
        if ".." in spelling:
            assert retriever.index([folder]).unchanged == ("a.txt",)
            assert retriever.list()[0].source == str(folder / "a.txt")


def test_many_callers_at_once_all_get_their_answers(shared, topics):
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.add(topics)
        found, failed = [], []

        def ask(word, doc_id):
            try:
                for _ in range(20):
                    found.append(retriever.search(word, limit=1).hits[0].document.id == doc_id)
            except Exception as error:
                failed.append(error)

        asked = [
            ("tide moon sea", "tides"),
            ("bread dough crust", "bread"),
            ("lock process file", "locks"),
        ] * 2
        threads = [threading.Thread(target=ask, args=pair) for pair in asked]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed
    assert found == [True] * 120


def test_the_process_ends_by_itself_and_leaves_everything_stored(store_path, topics):
    store_path.mkdir()
    owner = subprocess.Popen(
        [sys.executable, "-m", "retriever.owner", str(store_path), "--linger", "0.3"],
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: read_address(store_path) is not None)
    with Retriever.open(store_path, encoder=ENCODER) as retriever:
        retriever.add(topics)
        assert read_address(store_path).pid == owner.pid
    assert owner.wait(timeout=20) == 0
    assert read_address(store_path) is None
    with Retriever.open(store_path, encoder=ENCODER, in_process=True) as retriever:
        assert len(retriever.list()) == 4


def test_a_store_held_in_process_is_refused_with_the_holder_named(store_path):
    with (
        Retriever.open(store_path, encoder=ENCODER, in_process=True),
        pytest.raises(StoreLockedError, match=f"in use by process {os.getpid()} "),
    ):
        Retriever.open(store_path, encoder=ENCODER)


def test_a_caller_of_another_version_is_refused_and_an_unused_owner_makes_room(shared):
    with Retriever.open(shared, encoder=ENCODER):
        pass
    address = read_address(shared)
    with Client(address.socket, family="AF_UNIX") as stranger:
        stranger.send_bytes(encode(Hello(protocol=PROTOCOL, version="0.0.0")))
        assert decode(stranger.recv_bytes(), Welcome).accepted is False
    wait_until(lambda: read_address(shared) is None)


def test_a_busy_owner_of_another_version_is_named(shared, monkeypatch):
    with Retriever.open(shared, encoder=ENCODER):
        monkeypatch.setattr("retriever.owner.starting.__version__", "9.9.9")
        with pytest.raises(OwnerVersionError, match=r"this is 9\.9\.9"):
            Retriever.open(shared, encoder=ENCODER)
        monkeypatch.undo()


def test_a_closed_retriever_says_so(shared, topics):
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.add(topics)
        inside = retriever.engine
    for asked in (retriever.search, lambda _: retriever.add(topics), lambda _: inside.collections()):
        with pytest.raises(ClosedError, match="this retriever is closed; open it again"):
            asked("bread")
    retriever.close()


def test_a_process_that_cannot_be_started_again_is_named(shared, topics, monkeypatch):
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        retriever.add(topics)
        stop_owner(shared)
        monkeypatch.setattr("sys.executable", "/bin/false")
        with pytest.raises(OwnerStartError, match="ended with code 1 while starting"):
            retriever.search("bread")
