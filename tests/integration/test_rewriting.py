"""An index is written anew in another process: what was deleted is gone, the rest is as it was."""

from __future__ import annotations

import shutil
import threading

import pytest

from indexers import qdrant_rewriting
from indexers.errors import StorageError
from indexers.qdrant_edge_index import EdgeIndex
from indexers.types import IndexSchema, Point, SparseVector

SCHEMA = IndexSchema(dense={"d": 4}, sparse=("s",), keywords=("kind",))


@pytest.fixture
def index(tmp_path):
    opened = EdgeIndex(tmp_path / "shard", SCHEMA)
    opened.index_field("n", "number")
    opened.upsert(
        [
            Point(
                id=f"00000000-0000-0000-0000-{number:012}",
                vectors={"d": [1.0, number, 3.0, 4.0], "s": SparseVector((1, number + 2), (0.5, 1.5))},
                payload={"kind": "x", "n": number, "text": f"<secret {number}>"},
            )
            for number in range(40)
        ]
    )
    yield opened
    opened.close()


def holds(folder, words):
    return any(words in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def points(index):
    return [(one.id, one.payload, dict(one.vectors)) for one in index.scroll(None, vectors=("d", "s"))]


def test_what_was_deleted_is_gone_from_the_files_and_the_rest_is_as_it_was(index, tmp_path):
    index.delete(["00000000-0000-0000-0000-000000000007"])
    index.flush()
    expected = points(index)
    assert holds(tmp_path / "shard", b"<secret 7>")
    stop, errors = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                assert index.count() == 39
            except Exception as error:
                errors.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    index.rewrite()
    stop.set()
    reader.join()
    assert not errors
    assert points(index) == expected
    assert not holds(tmp_path, b"<secret 7>")
    assert holds(tmp_path / "shard", b"<secret 8>")
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]
    index.delete(["00000000-0000-0000-0000-000000000008"])
    assert index.count() == 38


def test_a_rewriting_that_fails_or_is_interrupted_changes_nothing(index, tmp_path, monkeypatch):
    expected = points(index)
    monkeypatch.setattr(qdrant_rewriting.sys, "executable", "/bin/false")
    with pytest.raises(StorageError, match="could not be written anew: exit code 1"):
        index.rewrite()
    assert points(index) == expected
    index.flush()
    killed = tmp_path / "killed"  # between the two renames
    shutil.copytree(tmp_path / "shard", killed / "shard.old", copy_function=qdrant_rewriting.copy_sparse)
    (killed / "shard.new").mkdir()
    again = EdgeIndex(killed / "shard", SCHEMA)
    assert points(again) == expected
    assert [path.name for path in killed.iterdir()] == ["shard"]
    again.close()
