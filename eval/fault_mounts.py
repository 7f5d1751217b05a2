"""Faults of disks, on small file systems in memory that only this process tree sees.

unshare --mount python -m eval.fault_mounts full|read-only FOLDER TIMES
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from encoders.types import Document
from eval.bench_faults import compare, everything, kill_owner, owned, stop_owner, write_corpus
from eval.fault_client import ENCODER
from indexers.errors import DiskSpaceError, StorageError, StoreReadOnlyError
from retriever import Retriever

if TYPE_CHECKING:
    from eval.bench_faults import Facts

_MIB = 1 << 20
_UNGUARDED = """
import sys
import indexers.qdrant_edge_index as engine
from retriever import Retriever
engine.check_disk = lambda *given, **named: None
with Retriever.open(sys.argv[1], encoder=sys.argv[3], in_process=True) as retriever:
    retriever.index([sys.argv[2]])
"""
_PASSING = "passing"
_QUERY = "alpha report of part 3"


def full(folder: Path, times: int) -> Facts:
    """Fill the disk of a store: before a write, and in the middle of one, to the last byte."""
    disk = _mount(folder / "disk", "size=400m")
    first, second = folder / "first", folder / "second"
    write_corpus(first, seed=1)
    write_corpus(second, seed=2)
    with Retriever.open(folder / "calm", encoder=ENCODER, in_process=True) as calm:
        calm.index([first])
        calm.index([second])
        expected = everything(calm)
    with owned(disk / "store") as store, Retriever.open(store, encoder=ENCODER) as retriever:
        retriever.index([first])
        answer = _answer(retriever)
        ballast = _Ballast(disk)
        ballast.leave(200 * _MIB)
        refused = _refusal(retriever, second)
        assert isinstance(refused, DiskSpaceError), repr(refused)
        assert _answer(retriever) == answer, "a search while the disk is nearly full answers differently"
        ballast.remove()
        errors = _fill_while_indexing(retriever, second, ballast, times)
        during = _search_on_full_disk(retriever, ballast)
        ballast.remove()
        stop_owner(store)
        unguarded = _fill_without_guard(store, second, ballast)
        retriever.delete([_PASSING])  # still there if the disk was full by the time it was to go
        retriever.index([second])
        healthy = retriever.doctor().healthy
    assert healthy, "the doctor found something"
    compare(disk / "store", expected)
    return {
        "refused before it began": type(refused).__name__,
        "filled in the middle": ", ".join(errors) or "nothing failed",
        "search on the full disk": during,
        "filled with our guard switched off": unguarded,
        "after space was freed": "equal to an undisturbed run",
    }


def read_only(folder: Path, times: int) -> Facts:
    """Mount a store read-only."""
    disk = _mount(folder / "disk", "size=400m")
    write_corpus(folder / "first", seed=1)
    store = disk / "store"
    with owned(store), Retriever.open(store, encoder=ENCODER) as retriever:
        retriever.index([folder / "first"])
        answer = _answer(retriever)
    _remount_read_only(disk)
    said = {}
    for name, in_process in (("owner", False), ("in process", True)):
        try:
            with Retriever.open(store, encoder=ENCODER, in_process=in_process) as retriever:
                retriever.search(_QUERY)
        except StoreReadOnlyError as error:
            said[name] = str(error)
    assert len(said) == 2, said
    _run("mount", "-o", "remount,rw", str(disk))
    with owned(store), Retriever.open(store, encoder=ENCODER) as retriever:
        assert _answer(retriever) == answer
        assert retriever.doctor().healthy
    return {"read-only": said["owner"], "writable again": "same answers, doctor finds nothing"}


def _fill_while_indexing(retriever: Retriever, folder: Path, ballast: _Ballast, times: int) -> list[str]:
    """Fill the disk to the last byte while documents are written, as often as it takes to hurt."""
    errors: list[str] = []
    for number in range(times):
        stop = threading.Event()

        def fill(wait: float = 0.02 * number, stop: threading.Event = stop) -> None:
            time.sleep(wait)
            while not stop.is_set():
                ballast.leave(0)

        filler = threading.Thread(target=fill)
        filler.start()
        try:
            refused = _refusal(retriever, folder, more=number)
        finally:
            stop.set()
            filler.join()
            ballast.remove()
        if refused is not None:
            errors.append(f"{type(refused).__name__}: {str(refused)[:60]}…")
    return errors


def _fill_without_guard(store: Path, folder: Path, ballast: _Ballast) -> str:
    """Let the engine itself meet the full disk, which it does not survive."""
    ballast.leave(2 * _MIB)
    run = subprocess.run(
        [sys.executable, "-c", _UNGUARDED, str(store), str(folder), ENCODER], capture_output=True, text=True
    )
    ballast.remove()
    if run.returncode < 0:
        return f"the process ended with {signal.Signals(-run.returncode).name}"
    return run.stderr.strip().splitlines()[-1][:120] if run.returncode else "nothing failed"


def _refusal(retriever: Retriever, folder: Path, *, more: int | None = None) -> StorageError | None:
    try:
        if more is not None:
            retriever.add([Document(id=_PASSING, text=f"passing {more} alpha beta " * 5_000)])
            retriever.delete([_PASSING])
        retriever.index([folder])
    except StorageError as error:
        return error
    return None


def _search_on_full_disk(retriever: Retriever, ballast: _Ballast) -> str:
    """Say what a search does while not a byte is free: it answers, or names the reason."""
    ballast.leave(0)
    said = []
    for owner in ("the process that was there", "a process started anew"):
        try:
            said.append(f"{owner}: {len(_answer(retriever))} answers")
        except StorageError as error:
            said.append(f"{owner}: {type(error).__name__}")
        kill_owner(ballast.disk / "store")
    return "; ".join(said)


def _answer(retriever: Retriever) -> list[str]:
    found = retriever.search(_QUERY, limit=5)
    return [
        f"{hit.document.id} {hit.score:.4f} {[(one.start, one.end) for one in hit.evidence]}" for hit in found
    ]


class _Ballast:
    """A file that takes the room that is left."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self._path = disk / "ballast"

    def leave(self, size: int) -> None:
        """Grow until so many bytes are free."""
        free = shutil.disk_usage(self.disk).free
        with self._path.open("ab") as file:
            missing = free - size
            while missing > 0:
                try:
                    file.write(b"x" * min(missing, 4 * _MIB))
                    file.flush()
                except OSError:
                    return
                missing -= 4 * _MIB

    def remove(self) -> None:
        """Give it all back."""
        self._path.unlink(missing_ok=True)


def _mount(place: Path, options: str) -> Path:
    place.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place))
    return place


def _remount_read_only(disk: Path) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            return _run("mount", "-o", "remount,ro", str(disk))
        except subprocess.CalledProcessError:  # a process that is just ending has a file open
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    scenario = {"full": full, "read-only": read_only}[sys.argv[1]]
    facts = scenario(Path(sys.argv[2]), int(sys.argv[3]))
    stop_owner(Path(sys.argv[2]) / "disk" / "store")
    sys.stdout.write(json.dumps(facts) + "\n")
