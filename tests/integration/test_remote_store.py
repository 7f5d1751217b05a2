"""Stores whose vectors live in a Qdrant server, shared by several processes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import cycle

import pytest

from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from encoders.types import Document
from indexers import leases
from indexers.errors import LeaseLostError, StorageError, StoreBusyError
from indexers.filters import equals
from indexers.remote_settings import RemoteSettings
from retriever import Retriever, reading, searching
from retriever.options import EvidenceOptions
from retriever.profile import SearchProfile
from tests.qdrant_server import QdrantServer
from tests.support import everything

QUERIES = ["when does the tide rise", "who pays the rent", "let the dough rise", "one process writes"]


@pytest.fixture
def server():
    running = QdrantServer()
    yield running
    running.close()


@pytest.fixture
def replica(server, tmp_path, monkeypatch):
    """Open stores on one server and one place for text, as machines of a deployment do."""
    monkeypatch.setattr(leases, "LINGER_S", 0.2)
    opened = []

    def open_one(name, **changes):
        settings = RemoteSettings(url=server.url, place=str(tmp_path / "shared"), lease_s=1.5)
        one = Retriever.open(
            tmp_path / name, encoder=HashEncoder(dim=64), qdrant=replace(settings, **changes)
        )
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()


def answers(retriever, **given):
    """What is found and where; and the scores, whose last bits standardising makes larger.

    Passages whose scores differ in these bits alone count as tied.
    """
    found, scores = [], []
    for query in QUERIES:
        for hit in retriever.search(query, limit=5, **given).hits:
            evidence = sorted(hit.evidence, key=lambda one: (-round(one.score, 4), one.start))
            found.append((query, hit.document.id, [(one.start, one.end, one.text) for one in evidence]))
            scores += [hit.score, *(one.score for one in evidence)]
    return found, scores


def test_a_store_on_a_server_answers_like_an_embedded_one(replica, retriever, topics):
    remote = replica("one")
    for store in (retriever, remote):
        store.add(topics)
        store.add([replace(topics[1], text=topics[1].text + " Bake it twice.")])
        store.delete(["locks"])
    for where in (None, {"metadata.length": {"$gt": 80}}):
        (found, scores), (expected, right) = answers(remote, filter=where), answers(retriever, filter=where)
        assert found == expected
        assert scores == pytest.approx(right, abs=2e-3)
    assert remote.doctor().healthy
    assert [info.version for info in remote.list()] == [2, 1, 1]


def test_another_process_sees_each_change_at_its_next_search(replica, topics):
    one, two = replica("one"), replica("two")
    one.add(topics[:2])
    assert {info.id for info in two.list()} == {"tides", "bread"}
    one.add([replace(topics[0], text="The harbour master counts boats."), topics[3]])
    assert two.search("who counts the boats", limit=1).hits[0].document.version == 2
    assert two.search("who counts the boats").hits == one.search("who counts the boats").hits
    two.delete(["bread"])
    assert {info.id for info in one.list()} == {"tides", "courts"}
    one.patch("courts", {"year": 2021})
    [hit] = two.search("rent", filter={"metadata.year": 2021})
    assert hit.document.metadata["year"] == 2021
    one.add([replace(topics[1])])
    assert two.get("bread").version == 2
    assert one.doctor().healthy


def replaced_without_pause(one, texts, enough, written):
    """Replace a document again and again, as one long job does that never gives the lease back."""
    with one.engine.collection.as_writer():
        for text in cycle(texts):
            one.add([Document(id="x", text=text)])
            written.append(text)
            if enough.is_set():
                return


@pytest.mark.parametrize("tries", [2, 0])
def test_searches_beside_a_writer_without_pause_are_whole_and_ask_for_no_lease(
    replica, topics, monkeypatch, tries
):
    """A version is whole when what is scored, shown and counted of it is of the same text."""
    monkeypatch.setattr(searching, "_TRIES_BESIDE_OTHERS", tries)
    one, two = replica("one"), replica("two")
    texts = [f"{word} " * 60 + f"harbour number {n}" for n in range(2) for word in ("alpha", "omega")]
    one.add([*topics, Document(id="x", text=texts[0])])
    two.list()
    monkeypatch.setattr(
        two.engine.collection._lease, "enter", lambda *_: pytest.fail("a search asked for the lease")
    )
    enough, written, found = threading.Event(), [], []
    writer = threading.Thread(target=replaced_without_pause, args=(one, texts, enough, written))
    writer.start()
    try:
        while writer.is_alive() and (len(found) < 12 or len(written) < 6):
            found.append(two.search("alpha harbour", limit=5, explain=True))
    finally:
        enough.set()
        writer.join()
    versions = set()
    for result in found:
        assert len(result.hits) == 5
        assert result.warnings == ()
        [hit] = [hit for hit in result.hits if hit.document.id == "x"]
        versions.add(hit.document.version)
        kept = two.engine.collection.version("x", hit.document.version)
        text = two.engine.collection.texts.text(kept.text)
        assert hit.evidence
        assert all(text[one.start : one.end] == one.text for one in hit.evidence)
        raw = {component.name: component.raw for component in hit.explain.components}
        shown = max(one.dense for one in hit.evidence)
        high = {raw["document_lexical"] > 2.5, raw["segment_dense"] > 0.5, shown > 0.4}
        assert high == {"alpha" in text}, (raw, shown, text[:5])
    assert len(versions) > 2


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"filter": {"metadata.length": {"$gt": 80}}, "explain": True},
        {"must_contain": ["the"], "evidence": 1},
        {"evidence": EvidenceOptions(limit=2, kinds=("prose",))},
        {"evidence": EvidenceOptions(limit=2, kinds=("code",)), "novelty": 0.3},
    ],
)
def test_documents_that_are_read_whole_give_the_answer_of_a_calm_search(replica, topics, monkeypatch, given):
    one = replica("one")
    one.add(topics)
    one.add([replace(topics[1], text=topics[1].text + " Bake it twice.")])
    calm, _ = answers(one, **given)
    collection = one.engine.collection
    usual = collection.moved
    monkeypatch.setattr(searching, "_TRIES_BESIDE_OTHERS", 0)
    assert answers(one, **given)[0] == calm
    once = {}

    def all_of_them_once(entries):
        found = list(entries)
        news = frozenset(entry.doc_id for entry in found) - once.keys()
        once.update(dict.fromkeys(news))
        return usual(found) | news

    for query in QUERIES:
        once.clear()
        monkeypatch.setattr(collection, "moved", all_of_them_once)
        anew = one.search(query, limit=5, **given)
        assert once
        monkeypatch.setattr(collection, "moved", usual)
        expected = one.search(query, limit=5, **given)
        assert anew.warnings == expected.warnings
        for mine, theirs in zip(anew.hits, expected.hits, strict=True):
            assert (mine.document, mine.evidence_total) == (theirs.document, theirs.evidence_total)
            assert mine.score == pytest.approx(theirs.score, abs=2e-3)
            spans = [
                sorted((each.start, each.end, each.text) for each in hit.evidence) for hit in (mine, theirs)
            ]
            assert spans[0] == spans[1]


def test_a_document_that_is_never_read_whole_is_shown_with_a_warning(replica, topics, monkeypatch):
    monkeypatch.setattr(reading.DocumentReader, "_is_whole", lambda *_: False)
    monkeypatch.setattr(searching, "_TRIES_BESIDE_OTHERS", 0)
    one = replica("one")
    one.add(topics)
    collection = one.engine.collection
    gone = iter([frozenset({"bread", "nowhere"})])
    monkeypatch.setattr(collection, "moved", lambda entries: next(gone, frozenset()))
    result = one.search("knead the dough")
    assert result.hits[0].document.id == "bread"
    assert result.hits[0].evidence
    assert [one.code for one in result.warnings] == ["changing"]
    assert len(result.hits) == 4


def test_one_process_writes_at_a_time_and_the_next_waits(replica, topics):
    one, two = replica("one"), replica("two")
    one.add(topics[:1])
    two.list()
    lease = one.engine.collection._lease
    with lease.held():
        with pytest.raises(StoreBusyError, match="is writing this collection"):
            two.engine.collection._lease.enter(0.2)
        began = time.monotonic()
    two.add(topics[1:2])  # waits until the first one gives the lease back
    assert time.monotonic() - began > 0.1
    assert {info.id for info in one.list()} == {"tides", "bread"}


def test_a_dead_writer_is_succeeded_and_what_it_left_is_swept(replica, topics):
    one, two = replica("one", lease_s=0.8), replica("two", lease_s=0.8)
    one.add(topics[:2])
    two.list()
    dead = one.engine.collection
    dead._lease.enter()
    dead._lease._ending.set()  # its thread ends, as if its process had
    entry = replace(dead.entry("tides"), generation="01890000-0000-7000-8000-000000000000")
    dead.writer.begin(entry)
    [segment, *_] = dead.index.scroll(equals("point", "segment"))
    dead.index.upsert([replace_point(segment, generation=entry.generation)])  # an unfinished version
    dead.index.delete([next(iter(dead.index.scroll(equals("doc_id", "bread")))).id])
    two.add(topics[2:3])
    assert {info.id for info in two.list()} >= {"tides", "locks"}
    assert two.engine.collection.dead_segments() == {}
    with pytest.raises(LeaseLostError, match="another one writes by now"):
        dead.index.delete([segment.id])
    dead._lease.leave()


def replace_point(record, **payload):
    from indexers.identifiers import segment_point
    from indexers.types import Point

    return Point(
        id=segment_point(payload["generation"], 0), vectors={}, payload={**record.payload, **payload}
    )


def test_a_store_remembers_its_server_and_refuses_one_when_it_is_embedded(
    replica, server, tmp_path, topics, monkeypatch
):
    replica("one").add(topics[:1])
    Retriever.open(tmp_path / "embedded", encoder=HashEncoder(dim=64)).close()
    with pytest.raises(InvalidInputError, match="keeps its vectors itself"):
        Retriever.open(tmp_path / "embedded", encoder=HashEncoder(dim=64), qdrant=server.url)
    monkeypatch.setenv("LONGDOC_QDRANT_URL", server.url)
    monkeypatch.setenv("LONGDOC_QDRANT_PLACE", str(tmp_path / "shared"))
    monkeypatch.setenv("LONGDOC_QDRANT_SHARDS", "2")
    with Retriever.open(tmp_path / "three", encoder=HashEncoder(dim=64)) as three:
        assert [info.id for info in three.list()] == ["tides"]
    monkeypatch.delenv("LONGDOC_QDRANT_URL")
    with Retriever.open(tmp_path / "three", encoder=HashEncoder(dim=64)) as three:
        assert [info.id for info in three.list()] == ["tides"]


def test_a_backup_of_a_store_on_a_server_is_one_moment_of_everything(server, replica, topics, tmp_path):
    one, two = replica("one"), replica("two")
    one.add(topics)
    one.add([replace(topics[0], text="Another text about the sea.")])
    mine = one.save_profile("mine", SearchProfile(weights={"segment_dense": 1.0}))
    saved = everything(one)
    began, left = threading.Event(), []

    def write():
        began.wait()
        two.add([Document(id="later", text="written while the backup was made")])
        left.append(len(server.snapshots))

    writer = threading.Thread(target=write)
    writer.start()
    server.fault = lambda method, path: began.set() if path.endswith("/snapshots") else None
    one.back_up(tmp_path / "x.backup")
    writer.join()
    assert left == [0]  # it waited until the snapshot was made, sent and removed
    with pytest.raises(InvalidInputError, match="has a store of this name already"):
        Retriever.restore(tmp_path / "x.backup", tmp_path / "no")
    fresh = QdrantServer()
    with pytest.raises(InvalidInputError, match="give another prefix and place"):
        Retriever.restore(tmp_path / "x.backup", tmp_path / "neither", qdrant=fresh.url)
    elsewhere = RemoteSettings(url=fresh.url, place=str(tmp_path / "elsewhere"), lease_s=1.5)
    Retriever.restore(tmp_path / "x.backup", tmp_path / "again", qdrant=elsewhere)
    with Retriever.open(tmp_path / "again", encoder=HashEncoder(dim=64)) as restored:
        assert everything(restored) == saved
        assert restored.profiles()["mine"] == mine
        assert restored.doctor().healthy
        restored.add([Document(id="new", text="and it goes on")])
        assert len(restored.list()) == len(topics) + 1
    fresh.close()


def test_a_damaged_snapshot_and_one_node_of_several_are_refused(server, replica, topics, tmp_path):
    one = replica("one")
    one.add(topics)
    server.nodes = 3
    with pytest.raises(InvalidInputError, match=r"is one of 3 nodes.*longdoc copy"):
        one.back_up(tmp_path / "x.backup")
    server.nodes = 1
    make = server.answer_snapshot

    def damaged(method, name, rest, body):
        answer = make(method, name, rest, body)
        return answer[:-1] if isinstance(answer, bytes) else answer

    server.answer_snapshot = damaged
    with pytest.raises(StorageError, match="damaged on its way"):
        one.back_up(tmp_path / "x.backup")
    assert server.snapshots == {}
    assert not (tmp_path / "x.backup").exists()
    assert one.search("bread").hits


def test_a_server_that_is_too_old_is_refused(tmp_path):
    old = QdrantServer(version="1.18.2")
    with Retriever.open(tmp_path / "s", encoder=HashEncoder(dim=64), qdrant=old.url) as store:
        with pytest.raises(StorageError, match=r"is 1\.18\.2; 1\.19 or newer is needed"):
            store.add([Document(id="x", text="words")])
    old.close()
