"""The doctor finds what is broken, says what mends it, and mends it."""

from __future__ import annotations

import shutil

import pytest

from encoders.types import Document
from indexers.doctor import examine
from indexers.filters import And, equals
from indexers.identifiers import document_point, segment_point
from indexers.text_store import _file
from retriever import Retriever
from tests.support import everything


@pytest.fixture
def stocked(retriever, topics):
    retriever.add(topics)
    retriever.add([Document(id="tides", text=topics[0].text + " One more sentence.")])
    return retriever


def problems(retriever):
    return [
        (one.problem, one.document_id, one.remedy) for one in examine(retriever.engine.collection).findings
    ]


def test_a_healthy_collection_has_no_findings(stocked):
    diagnosis = stocked.doctor()
    assert diagnosis.healthy
    assert (diagnosis.documents, diagnosis.versions) == (4, 1)
    assert diagnosis.segments > 4


def break_tiles(collection):
    entry = collection.entry("bread")
    collection.index.delete([segment_point(entry.generation, 0)])
    return ("tiles", "bread", "embed_again")


def break_vectors(collection):
    entry = collection.entry("locks")
    [record] = collection.index.retrieve([segment_point(entry.generation, 1)])
    from indexers.types import Point

    collection.index.upsert([Point(id=record.id, vectors={}, payload=record.payload)])
    return ("vectors", "locks", "embed_again")


def leave_orphans(collection):
    from indexers.types import Point

    payload = {"point": "segment", "generation": "dead", "doc_id": "bread"}
    collection.index.upsert([Point(id=document_point("orphan"), vectors={}, payload=payload)])
    return ("orphan_segments", "", "sweep")


def lose_point(collection):
    collection.index.delete([document_point("courts")])
    return ("lost_point", "courts", "embed_again")


def damage_old_text(collection):
    [record] = collection.index.scroll(equals("point", "version"))
    collection.texts._place.remove(_file(record.payload["text"]))
    collection.texts._manifests._kept.clear()
    return ("lost_version_text", "tides", "forget")


@pytest.mark.parametrize("breaks", [break_tiles, break_vectors, leave_orphans, lose_point, damage_old_text])
def test_each_kind_of_damage_is_found_and_mended_from_what_is_stored(stocked, breaks):
    collection = stocked.engine.collection
    before = stocked.search("who may sue for rent?", limit=4)
    expected = breaks(collection)
    assert problems(stocked) == [expected]
    assert stocked.doctor(repair=True).findings[0].problem == expected[0]
    assert stocked.doctor().healthy
    after = stocked.search("who may sue for rent?", limit=4)
    assert [hit.document.id for hit in after] == [hit.document.id for hit in before]


def test_damaged_live_text_is_named_and_left_for_its_source_to_mend(stocked, topics):
    collection = stocked.engine.collection
    collection.texts._place.remove(_file(collection.entry("bread").text))
    collection.texts._manifests._kept.clear()
    assert problems(stocked) == [("text_damaged", "bread", "index_again")]
    stocked.doctor(repair=True)
    assert problems(stocked) == [("text_damaged", "bread", "index_again")]
    stocked.add([one for one in topics if one.id == "bread"])
    assert stocked.doctor().healthy


def test_an_index_that_is_lost_is_rebuilt_from_text_and_records(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as first:
        first.add(topics)
        points, texts = everything(first)
    shutil.rmtree(store_path / "collections" / "default" / "shard")
    with Retriever.open(store_path, encoder=encoder) as second:
        assert second.list() == ()
        assert {one.problem for one in second.doctor().findings} == {"lost_point"}
        second.doctor(repair=True)
        assert everything(second) == (points, texts)
        assert second.doctor().healthy


def test_deleted_documents_do_not_come_back_with_a_rebuild(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as first:
        first.add(topics)
        first.delete(["bread"])
    shutil.rmtree(store_path / "collections" / "default" / "shard")
    with Retriever.open(store_path, encoder=encoder) as second:
        second.doctor(repair=True)
        assert [info.id for info in second.list()] == ["courts", "locks", "tides"]
        assert second.engine.collection.index.count(And((equals("doc_id", "bread"),))) == 0


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def kill_after(method):
    def killed(*args, **kwargs):
        method(*args, **kwargs)
        raise Killed

    return killed


def test_a_delete_that_is_killed_before_its_record_goes_is_finished(stocked, monkeypatch):
    index = stocked.engine.collection.index
    monkeypatch.setattr(index, "delete", kill_after(index.delete))
    with pytest.raises(Killed):
        stocked.delete(["bread"])
    monkeypatch.undo()
    assert stocked.doctor().healthy
    stocked.add([])
    assert "bread" not in {entry.doc_id for entry in stocked.engine.collection.records}


def test_a_new_document_that_is_killed_before_its_point_comes_leaves_no_record(stocked, monkeypatch):
    records = stocked.engine.collection.records
    monkeypatch.setattr(records, "write", kill_after(records.write))
    with pytest.raises(Killed):
        stocked.add([Document(id="late", text="Never acknowledged.")])
    monkeypatch.undo()
    assert {one.problem for one in stocked.doctor().findings} == {"orphan_segments"}
    stocked.add([])
    assert stocked.doctor().healthy
    assert "late" not in {entry.doc_id for entry in records}


def test_a_replacement_that_is_killed_before_its_point_comes_keeps_the_old_record(stocked, monkeypatch):
    collection = stocked.engine.collection
    before = collection.entry("tides")
    monkeypatch.setattr(collection.records, "write", kill_after(collection.records.write))
    with pytest.raises(Killed):
        stocked.add([Document(id="tides", text="Never acknowledged.")])
    monkeypatch.undo()
    stocked.add([])
    assert before in list(collection.records)
    assert stocked.doctor().healthy
