"""A store to a server and back, and what is equal afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from encoders.fake import HashEncoder
from encoders.types import Document, Mark, Span
from indexers.errors import CollectionNotFoundError, FingerprintMismatchError
from indexers.remote_settings import RemoteSettings
from retriever import Retriever
from retriever.profile import SearchProfile
from tests.qdrant_server import QdrantServer
from tests.support import topic_documents

NAMES = ("segment_dense", "segment_lexical", "document_lexical")


class Counting(HashEncoder):
    """Counts what it embeds as documents."""

    embedded = 0

    def embed(self, texts, *, kind):
        Counting.embedded += len(texts) if kind == "document" else 0
        return super().embed(texts, kind=kind)


@pytest.fixture
def server():
    running = QdrantServer()
    yield running
    running.close()


def points(retriever):
    """Every point: its payload, its dense vector, its terms."""
    found = {}
    for record in retriever.engine.collection.index.scroll(None, vectors=NAMES):
        if record.payload["point"] not in ("writer", "tombstone"):
            payload = {name: value for name, value in record.payload.items() if name != "sequence"}
            lexical = [record.vectors.get(name) for name in NAMES[1:]]
            terms = [dict(zip(one.indices, one.values, strict=True)) for one in lexical if one]
            found[record.id] = (payload, record.vectors.get("segment_dense", []), terms)
    return found


def assert_equal_points(left, right):
    """Equal to the bit, but for the last bit of dense vectors, which the stand-in normalises again."""
    mine, theirs = points(left), points(right)
    assert mine.keys() == theirs.keys()
    for key, (payload, dense, terms) in mine.items():
        assert (payload, terms) == (theirs[key][0], theirs[key][2])
        assert dense == pytest.approx(theirs[key][1], abs=2e-7)


def spans(retriever):
    hits = retriever.search("when does the tide rise")
    return [(hit.document, [(one.id, one.text, one.location) for one in hit.evidence]) for hit in hits]


def pages(folder):
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "text").rglob("*.zst")}


@pytest.fixture
def stocked(tmp_path):
    with Retriever.open(tmp_path / "here", encoder=Counting(dim=32)) as store:
        marks = [Mark("heading", Span(0, 5), "Notes", 1)]
        store.add(
            [
                *topic_documents(),
                Document(id="long", text=" ".join(f"tide {n}" for n in range(20_000)), marks=tuple(marks)),
            ]
        )
        store.add([replace(topic_documents()[0], text="The tide turned."), Document(id="gone", text="gone")])
        store.delete(["gone"])
        store.patch("bread", {"year": 2020})
        store.save_profile("mine", SearchProfile(best_segments=2))
        yield store


def test_there_and_back_every_point_and_page_is_equal_and_nothing_is_embedded(stocked, server, tmp_path):
    settings = RemoteSettings(url=server.url, place=str(tmp_path / "texts"))
    embedded = Counting.embedded
    report = stocked.copy_to(tmp_path / "there", qdrant=settings)
    assert (report.collections, report.documents, report.removed) == (("default",), 5, 0)
    with Retriever.open(tmp_path / "there", encoder=Counting(dim=32)) as there:
        assert_equal_points(there, stocked)
        assert pages(tmp_path / "texts") == pages(tmp_path / "here")
        there.copy_to(tmp_path / "back")
    with Retriever.open(tmp_path / "back", encoder=Counting(dim=32)) as back:
        assert_equal_points(back, stocked)
        assert pages(tmp_path / "back") == pages(tmp_path / "here")
        assert back.list() == stocked.list()
        assert back.profiles() == stocked.profiles()
        assert back.doctor().healthy
        assert spans(back) == spans(stocked)
        again = back.add([replace(topic_documents()[0], text="The tide turned again.")])
        assert back.get(again.updated[0]).version == 3
    assert Counting.embedded == embedded + 1


def test_a_copy_made_again_takes_over_what_changed_and_nothing_else(stocked, tmp_path):
    assert stocked.copy_to(tmp_path / "copy").documents == 5
    again = stocked.copy_to(tmp_path / "copy")
    assert (again.documents, again.unchanged) == (0, 5)
    stocked.delete(["bread"])
    stocked.patch("locks", {"year": 1999})
    again = stocked.copy_to(tmp_path / "copy")
    assert (again.documents, again.unchanged, again.removed) == (1, 3, 1)
    with Retriever.open(tmp_path / "copy", encoder=Counting(dim=32)) as copy:
        assert copy.list() == stocked.list()
        assert copy.doctor().healthy


def test_what_cannot_be_copied_is_refused_before_anything_is_written(stocked, tmp_path):
    with pytest.raises(CollectionNotFoundError, match="no collection 'other'"):
        stocked.copy_to(tmp_path / "new", collections=["other"])
    with Retriever.open(tmp_path / "other", encoder=HashEncoder(dim=16)) as other:
        other.add(topic_documents()[:1])
    with pytest.raises(FingerprintMismatchError, match="of another encoder; copy into a new store"):
        stocked.copy_to(tmp_path / "other")
