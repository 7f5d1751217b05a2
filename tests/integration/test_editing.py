"""Metadata edits and deletes by filter, with conditions, and what other writers do meanwhile."""

from __future__ import annotations

import threading

import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.doctor import examine
from indexers.errors import (
    DocumentNotFoundError,
    InvalidDocumentError,
    UnknownFieldError,
    VersionMismatchError,
)
from indexers.filters import equals
from retriever import Retriever

FILLER = "Nothing of note happened on the way and so the report goes on for a while. "


def found(retriever, query, where):
    return [hit.document.id for hit in retriever.search(query, filter=where)]


def dense_vectors(retriever):
    index = retriever.engine.collection.index
    records = index.scroll(equals("point", "segment"), vectors=("segment_dense",))
    return {record.id: record.vectors["segment_dense"] for record in records}


def test_a_patch_changes_what_filters_see_and_touches_no_vector(retriever, topics):
    retriever.add(topics)
    before = dense_vectors(retriever)
    info = retriever.patch("bread", {"kind": "recipe", "by": {"name": "Ann", "year": 2020}})
    assert (info.version, info.revision) == (1, 1)
    assert found(retriever, "dough", {"metadata.kind": "recipe"}) == ["bread"]
    assert found(retriever, "dough", {"metadata.by.year": {"$gte": 2020}}) == ["bread"]
    info = retriever.patch("bread", {"kind": None, "by": {"year": 2019}})
    assert info.metadata == {"length": info.metadata["length"], "by": {"name": "Ann", "year": 2019}}
    assert found(retriever, "dough", {"metadata.by.year": {"$gte": 2020}}) == []
    assert dense_vectors(retriever) == before
    assert retriever.patch("bread", {"by": {"year": 2019}}).revision == 2  # nothing changed, nothing counted


def test_a_patch_survives_reopening(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add(topics)
        patched = retriever.patch("locks", {"reviewed": True})
    with Retriever.open(store_path, encoder=encoder) as retriever:
        assert retriever.get("locks") == patched
        assert found(retriever, "process", {"metadata.reviewed": True}) == ["locks"]
        assert retriever.doctor().healthy


def test_conditions_refuse_what_has_changed_and_change_nothing(retriever, topics):
    retriever.add(topics)
    retriever.patch("bread", {"a": 1}, if_version=1, if_revision=0)
    with pytest.raises(
        VersionMismatchError, match="is at version 1, revision 1, not at revision 0"
    ) as caught:
        retriever.patch("bread", {"a": 2}, if_revision=0)
    assert caught.value.details == {"id": "bread", "version": 1, "revision": 1}
    with pytest.raises(VersionMismatchError, match="not at version 7"):
        retriever.delete(["tides", "bread"], if_version=7)
    assert retriever.get("bread").metadata["a"] == 1
    assert len(retriever.list()) == 4
    retriever.add([Document(id="bread", text=FILLER)])
    assert (retriever.get("bread").version, retriever.get("bread").revision) == (2, 0)
    assert retriever.delete(["bread"], if_version=2) == ("bread",)


def test_what_cannot_be_stored_is_refused(retriever, topics):
    retriever.add(topics)
    with pytest.raises(InvalidDocumentError, match=r"metadata\.a"):
        retriever.patch("bread", {"a": float("nan")})
    with pytest.raises(DocumentNotFoundError):
        retriever.patch("nobody", {"a": 1})
    assert retriever.get("bread").revision == 0


def test_deleting_by_filter_removes_what_matches_and_nothing_else(retriever, topics):
    retriever.add(topics)
    retriever.patch("bread", {"year": 2001})
    retriever.patch("locks", {"year": 2010})
    assert retriever.delete_where({"metadata.year": {"$lt": 2005}}) == ("bread",)
    assert retriever.delete_where({"metadata.year": {"$lt": 2005}}) == ()
    assert [info.id for info in retriever.list()] == ["courts", "locks", "tides"]
    with pytest.raises(InvalidInputError, match="would delete every document"):
        retriever.delete_where({})
    with pytest.raises(UnknownFieldError):
        retriever.delete_where({"metadata.yaer": 1})
    assert retriever.delete_where({"id": {"$in": ["tides", "x"]}}) == ("tides",)


def test_a_document_that_comes_back_goes_on_counting_its_versions(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add(topics)
        retriever.delete(["bread"])
    with Retriever.open(store_path, encoder=encoder) as retriever:
        retriever.add(topics)
        assert retriever.get("bread").version == 2
        assert retriever.resolve_span("bread", 1, 0, 10).version == 1


def test_a_writer_that_ends_leaves_alone_what_another_is_writing(retriever, topics):
    retriever.add(topics)
    arrived, go_on = threading.Event(), threading.Event()

    def slow():
        yield Document(id="slow", text=FILLER * 400)  # more than a batch of segments
        arrived.set()
        go_on.wait(20)

    writer = threading.Thread(target=lambda: retriever.add(slow()))
    writer.start()
    assert arrived.wait(20)
    retriever.add([Document(id="quick", text=FILLER)])  # sweeps when it begins and when it ends
    retriever.delete(["tides"])
    go_on.set()
    writer.join()
    assert examine(retriever.engine.collection).healthy
    assert sorted(info.id for info in retriever.list()) == ["bread", "courts", "locks", "quick", "slow"]


def test_two_writers_of_one_document_leave_one_of_their_texts_whole(retriever):
    texts = {letter: f"{letter} " * 3_000 for letter in "ab"}

    def write(letter):
        for number in range(3):
            retriever.add([Document(id="one", text=f"{number} {texts[letter]}")])

    writers = [threading.Thread(target=write, args=(letter,)) for letter in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert examine(retriever.engine.collection).healthy
    text = retriever.text("one")
    assert text in {f"2 {of}" for of in texts.values()}
    assert retriever.get("one").version == 6
    assert {retriever.resolve_span("one", number, 0, 1).version for number in range(1, 7)} == set(range(1, 7))


def test_an_estimate_is_near_what_indexing_then_takes(retriever, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.txt").write_text(f"{number} {FILLER}" * (20 + 10 * number))
    (folder / ".hidden").write_text("x")
    expected = retriever.estimate([folder])
    assert (expected.files, expected.left_out, expected.known, expected.sampled) == (12, 1, 0, 4)
    assert retriever.collections() == ()  # nothing was stored
    report = retriever.index([folder])
    assert expected.tokens == pytest.approx(report.tokens_read, rel=0.1)
    assert expected.segments == pytest.approx(report.coverage.segments, rel=0.1)
    assert expected.fits
    assert retriever.estimate([folder]).known == 12


def test_what_the_disk_has_no_room_for_is_refused_before_it_begins(retriever, tmp_path, monkeypatch):
    from indexers import estimating
    from indexers.errors import DiskSpaceError

    (tmp_path / "a.txt").write_text(FILLER * 50)
    monkeypatch.setattr(estimating, "SPARE_BYTES", 1 << 60)
    with pytest.raises(DiskSpaceError, match="indexing 1 files will take about"):
        retriever.index([tmp_path / "a.txt"])
    assert retriever.collections() == ()
