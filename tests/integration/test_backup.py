"""A store in one file, taken while it is written to, and back."""

from __future__ import annotations

import io
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import zstandard

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.durable import read_json, write_json
from indexers.retention import collect_garbage
from indexers.store import Store
from retriever import Retriever
from retriever.engine import LocalEngine
from tests.support import everything


def test_a_restored_store_equals_the_one_that_was_backed_up(retriever, topics, tmp_path, encoder):
    retriever.add(topics)
    retriever.add([Document(id="tides", text="Another text about the sea.")])
    report = retriever.back_up(tmp_path / "store.backup")
    assert report.size_bytes == (tmp_path / "store.backup").stat().st_size
    Retriever.restore(tmp_path / "store.backup", tmp_path / "again")
    with Retriever.open(tmp_path / "again", encoder=encoder) as restored:
        assert everything(restored) == everything(retriever)
        assert restored.doctor().healthy
        assert restored.search("bread", limit=2).hits == retriever.search("bread", limit=2).hits


def test_a_backup_taken_during_writes_holds_whole_documents(retriever, tmp_path, encoder):
    def write(number):
        retriever.add([Document(id=f"d{number % 7}", text=f"version {number} of it. " * 80)])

    with repeated(write):
        for number in range(3):
            retriever.back_up(tmp_path / f"{number}.backup")
    for number in range(3):
        check_backup(tmp_path / f"{number}.backup", tmp_path / f"again{number}", encoder)


def test_a_backup_is_whole_while_collections_come_and_go(store_path, tmp_path, encoder):
    store = Store(store_path)
    stays, other = (
        Retriever(LocalEngine(store, collection=name, encoder=encoder)) for name in ("stays", "other")
    )
    stays.add([Document(id="tides", text="A text about the sea.")])

    def come_and_go(number):
        other.add([Document(id=f"d{number}", text=f"version {number} of it. " * 80)])
        other.drop()

    with repeated(come_and_go):
        for number in range(6):
            stays.back_up(tmp_path / f"{number}.backup")
    stays.close()
    for number in range(6):
        check_backup(tmp_path / f"{number}.backup", tmp_path / f"again{number}", encoder)


def test_files_that_are_replaced_or_removed_meanwhile_are_whole_or_absent(
    retriever, topics, store_path, tmp_path
):
    retriever.add(topics)
    uploads = store_path / "uploads"
    uploads.mkdir()

    def replace_and_remove(number):
        write_json(uploads / "replaced.json", ["word"] * (number % 7 * 100))
        (uploads / f"{number}.txt").write_text("an upload")
        (uploads / f"{number}.txt").unlink()

    replace_and_remove(0)
    with repeated(replace_and_remove):
        for number in range(4):
            retriever.back_up(tmp_path / f"{number}.backup")
    for number in range(4):
        Retriever.restore(tmp_path / f"{number}.backup", tmp_path / f"again{number}")
        assert set(read_json(tmp_path / f"again{number}" / "uploads" / "replaced.json")) <= {"word"}


def test_garbage_is_collected_while_collections_come_to_be(store_path, encoder):
    store = Store(store_path)
    retrievers = [Retriever(LocalEngine(store, collection=f"c{n}", encoder=encoder)) for n in range(20)]

    def fill(number):
        if number < len(retrievers):
            retrievers[number].add([Document(id="d", text=f"version {number} of it. " * 80)])

    with repeated(fill) as filled:
        while filled() < len(retrievers):
            collect_garbage(store)
    assert [one.text("d") for one in retrievers] == [f"version {n} of it. " * 80 for n in range(20)]
    store.close()


def check_backup(file, folder, encoder):
    Retriever.restore(file, folder)
    store = Store(folder)
    for name in store.collections():
        found = Retriever(LocalEngine(store, collection=name, encoder=encoder)).doctor()
        problems = {one.problem for one in found.findings}
        assert problems <= {"orphan_segments"}  # of the version that was being written
    store.close()


@contextmanager
def repeated(write):
    """Call `write` with 0, 1, 2 ... on another thread; yields what tells how often that was."""
    stop = threading.Event()
    calls = 0

    def run():
        nonlocal calls
        while not stop.is_set():
            write(calls)
            calls += 1

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            yield lambda: running.result() if running.done() else calls
        finally:
            stop.set()
        running.result()


def test_a_backup_inside_its_own_store_is_refused(retriever, topics, store_path):
    retriever.add(topics)
    with pytest.raises(InvalidInputError, match="lies in the store"):
        retriever.back_up(store_path / "me.backup")


def test_a_broken_backup_a_full_folder_and_a_hostile_name_are_refused(retriever, topics, tmp_path):
    retriever.add(topics)
    retriever.back_up(tmp_path / "whole")
    (tmp_path / "half").write_bytes((tmp_path / "whole").read_bytes()[:2_000])
    with pytest.raises(InvalidInputError, match="is no complete backup"):
        Retriever.restore(tmp_path / "half", tmp_path / "a")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("words")
    with pytest.raises(InvalidInputError, match="is not empty"):
        Retriever.restore(tmp_path / "whole", tmp_path / "full")
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    (tmp_path / "hostile").write_bytes(zstandard.compress(plain.getvalue()))
    with pytest.raises(InvalidInputError, match="outside the store"):
        Retriever.restore(tmp_path / "hostile", tmp_path / "b")
    assert not (tmp_path / "outside").exists()
