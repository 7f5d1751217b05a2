"""A store in one file, taken while it is written to, and back."""

from __future__ import annotations

import io
import tarfile
import threading

import pytest
import zstandard

from encoders.errors import InvalidInputError
from encoders.types import Document
from retriever import Retriever
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
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            retriever.add([Document(id=f"d{number % 7}", text=f"version {number} of it. " * 80)])
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            retriever.back_up(tmp_path / f"{number}.backup")
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        Retriever.restore(tmp_path / f"{number}.backup", tmp_path / f"again{number}")
        with Retriever.open(tmp_path / f"again{number}", encoder=encoder) as restored:
            problems = (
                {one.problem for one in restored.doctor().findings} if restored.collections() else set()
            )
            assert problems <= {"orphan_segments"}  # of the version that was being written


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
