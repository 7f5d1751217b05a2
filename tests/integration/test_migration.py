"""Another encoder for a collection that goes on answering."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers import leases
from indexers.errors import StorageError
from indexers.remote_settings import RemoteSettings
from retriever import Retriever
from tests.qdrant_server import QdrantServer
from tests.support import topic_documents

OLD, NEW = "hash:32", "hash:48"


@pytest.fixture(params=["embedded", "server"])
def store(request, tmp_path, monkeypatch):
    """A function that opens the same data, in the folder or as one more process on a server."""
    monkeypatch.setattr(leases, "LINGER_S", 0.2)
    server = QdrantServer() if request.param == "server" else None
    opened = []

    def open_one(name="one"):
        remote = RemoteSettings(url=server.url, place=str(tmp_path / "shared")) if server else None
        one = Retriever.open(tmp_path / name, encoder=OLD, in_process=True, qdrant=remote)
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()
    if server:
        server.close()


def test_searches_never_fail_while_a_collection_gets_another_encoder(store):
    one = store()
    documents = [*topic_documents(), *(Document(id=f"n{n}", text=f"note {n} " * 400) for n in range(12))]
    one.add(documents)
    one.add([replace(documents[0], text=documents[0].text + " A second version.")])
    evidence = one.search("when does the tide rise", limit=1).hits[0].evidence[0]
    before = {info.id: info for info in one.list()}
    done = threading.Event()
    failed, dims = [], []

    def search():
        while not done.is_set():
            try:
                result = one.search("who pays the rent", limit=3)
                assert len(result.hits) == 3
                dims.append(one.engine.collection.dim)
            except Exception as error:  # whatever it is, it is a failed query
                failed.append(error)

    searchers = [threading.Thread(target=search) for _ in range(2)]
    for thread in searchers:
        thread.start()
    report = one.migrate(NEW)
    while 48 not in dims[-2:]:
        pass
    done.set()
    for thread in searchers:
        thread.join()
    assert failed == []
    assert {32, 48} == set(dims)
    assert (report.documents, report.switched, report.now) == (16, True, "default@2")
    after = {info.id: info for info in one.list()}
    assert {key: info.version for key, info in after.items()} == {
        key: info.version + 1 for key, info in before.items()
    }
    assert all(after[key].content_hash == before[key].content_hash for key in before)
    assert one.resolve(evidence.id).status in ("current", "moved")
    assert one.collections() == ("default",)
    assert one.doctor().healthy
    assert one.collect_garbage().pages == 0
    with pytest.raises(InvalidInputError, match="drop what migrations left behind first"):
        one.purge(["n1"])
    assert one.drop_predecessors() == ("default",)
    assert one.purge(["n1"]).documents == ("n1",)
    one.add([Document(id="later", text="added after the migration")])
    assert one.search("after the migration", limit=1).hits[0].document.id == "later"


def test_an_interrupted_migration_goes_on_and_takes_over_what_changed_meanwhile(store):
    one = store()
    one.add(topic_documents())

    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.migrate(NEW, progress=interrupt)
    held = one.migrate(NEW, switch=False)
    assert (held.switched, one.engine.collection.dim) == (False, 32)
    one.delete(["bread"])
    one.patch("locks", {"year": 2020})
    one.add([replace(topic_documents()[0], text="The tide turned.")])
    report = one.migrate(NEW)
    assert report.tokens_read < 10
    assert {info.id for info in one.list()} == {"tides", "locks", "courts"}
    assert one.get("locks").metadata["year"] == 2020
    assert one.text("tides") == "The tide turned."
    assert one.engine.collection.dim == 48
    with pytest.raises(InvalidInputError, match="has the vectors of this encoder already"):
        one.migrate(NEW)
    with pytest.raises(StorageError, match="just replaced by one with other vectors"):
        one.engine._store._opened("default", "default").writer.delete(["tides"])


def test_other_processes_follow_a_migration_at_their_next_call(store, request):
    if "server" not in request.node.callspec.id:
        pytest.skip("an embedded store has one process")
    one, two = store("one"), store("two")
    one.add(topic_documents())
    assert two.engine.collection.dim == 32
    one.migrate(NEW)
    assert two.search("who pays the rent").hits[0].document.version == 2
    assert two.engine.collection.dim == 48
    two.add([Document(id="later", text="added after the migration")])
    assert "later" in {info.id for info in one.list()}
