"""What survives when processes are killed, disks are full and stores cannot be written.

Every scenario returns plain facts and raises `AssertionError` when something that was
acknowledged is lost or altered.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, TypeAlias, cast

from eval.fault_client import ENCODER, State, possible_states, states
from indexers.errors import StoreLockedError
from indexers.filters import equals
from indexers.lock import read_holder
from retriever import Retriever
from retriever.owner.address import read_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from retriever.engine import LocalEngine

Facts: TypeAlias = dict[str, int | float | str]

_WORDS = ["alpha", "beta", "gamma", "delta", "omega", "report", "part", *map(str, range(60))]
_DIFFER = ("generation", "updated_at", "version", "revision", "lexical_average", "source")


def kill_writers(folder: Path, rounds: int, *, seed: int = 1, tell: Callable[[str], None] = print) -> Facts:
    """Kill the owner of a store or its caller at random instants while documents change.

    After every round each document must be in the state that was acknowledged last, or
    in that of the one change whose outcome nobody was told.
    """
    choose = random.Random(seed)
    store, acknowledged, unknown = folder / "store", 0, 0
    killed = {"owner": 0, "caller": 0}
    before: dict[str, State] = {}
    for number in range(rounds):
        log = folder / f"log-{number}"
        log.touch()
        caller = _start_client(store, log, seed * 10_000 + number)
        try:
            for _ in range(choose.randint(1, 3)):
                _wait_for_done(log, caller, more=choose.randint(1, 4))
                time.sleep(choose.uniform(0.0, 0.5))
                kill_owner(store)
                killed["owner"] += 1
            if choose.random() < 0.5:
                time.sleep(choose.uniform(0.0, 0.3))
                caller.kill()
                killed["caller"] += 1
        finally:
            caller.kill()
            caller.wait()
        kill_owner(store)  # or it may do later what the dead caller had asked for
        killed["owner"] += 1
        with log.open() as lines:
            may = possible_states(iter(lines), before)
        with Retriever.open(store, encoder=ENCODER) as retriever:
            now = states(retriever)
        for doc_id, allowed in may.items():
            if (found := now.get(doc_id, (None, None))) not in allowed:
                raise AssertionError(f"round {number}: {doc_id} is {found}, acknowledged was {allowed}")
        done = _count_done(log)
        acknowledged += done
        unknown += sum(len(allowed) > 1 for allowed in may.values())
        tell(f"round {number + 1}: {done} changes acknowledged, all there")
        before = now
    return {
        "rounds": rounds,
        **{f"{who} killed": count for who, count in killed.items()},
        "changes acknowledged": acknowledged,
        "lost": 0,
        "outcomes unknown": unknown,
        **_check(store),
    }


def kill_job(folder: Path, kills: int, *, seed: int = 1) -> Facts:
    """Kill the owner again and again while it does a job; compare the end with an undisturbed run."""
    corpus, store = folder / "corpus", folder / "store"
    write_corpus(corpus, seed=seed)
    with Retriever.open(folder / "calm", encoder=ENCODER, in_process=True) as calm:
        started = time.perf_counter()
        calm.index([corpus])
        seconds = time.perf_counter() - started
        expected = everything(calm)
    choose = random.Random(seed)
    with Retriever.open(store, encoder=ENCODER) as retriever:
        job = retriever.submit([corpus])
        done = 0
        while retriever.job(job.id).state == "queued":
            time.sleep(0.005)
        while done < kills and retriever.job(job.id).state in ("queued", "running"):
            time.sleep(choose.uniform(0.0, seconds / 2))
            done += kill_owner(store)
        ended = retriever.wait(job.id)
        if ended.state != "done":
            raise AssertionError(f"the job ended as {ended.state}: {ended.error}")
    compare(store, expected)
    return {"kills": done, "attempts": ended.attempts, "equal to an undisturbed run": "yes", **_check(store)}


def compare(store: Path, expected: tuple[list[str], dict[str, str]]) -> None:
    """Compare all points and texts of a store with those of another."""
    with opened_alone(store) as retriever:
        points, texts = everything(retriever)
    different = {doc_id for doc_id, _ in texts.items() ^ expected[1].items()}
    if different:
        raise AssertionError(f"the texts of {sorted(different)} differ from those of an undisturbed run")
    if points != expected[0]:
        raise AssertionError("the points differ from those of an undisturbed run")


def everything(retriever: Retriever) -> tuple[list[str], dict[str, str]]:
    """Return all points, without what differs between two runs, and all texts."""
    engine = cast("LocalEngine", retriever.engine)
    rows = []
    for kind in ("segment", "document"):
        for record in engine.collection.index.scroll(equals("point", kind), vectors=("segment_dense",)):
            kept = sorted((key, value) for key, value in record.payload.items() if key not in _DIFFER)
            rows.append(repr((kept, record.vectors.get("segment_dense"))))
    return sorted(rows), {info.id: retriever.text(info.id) for info in retriever.list()}


def write_corpus(folder: Path, *, seed: int, count: int = 40) -> None:
    """Write text files of random words."""
    folder.mkdir(parents=True, exist_ok=True)
    choose = random.Random(seed)
    for number in range(count):
        text = " ".join(choose.choices(_WORDS, k=choose.randint(200, 2_000)))
        (folder / f"{seed}-{number:03}.txt").write_text(text)


def kill_owner(store: Path) -> bool:
    """Kill the owner of a store where it stands; tell whether there was one."""
    address = read_address(store)
    if address is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(address.pid, signal.SIGKILL)
        return True
    return False


def stop_owner(store: Path) -> None:
    """Ask whatever process holds a store to end, one that is just starting too, and wait until it has."""
    until = time.monotonic() + 60
    lock = store / "lock"
    while lock.exists() and time.monotonic() < until:
        with lock.open("r+") as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        with contextlib.suppress(ProcessLookupError):
            if isinstance(pid := read_holder(lock).get("pid"), int):
                os.kill(pid, signal.SIGTERM)
        time.sleep(0.05)


def opened_alone(store: Path) -> Retriever:
    """Open a store in this process; an owner may still come that a dead caller had started."""
    until = time.monotonic() + 60
    while True:
        stop_owner(store)
        try:
            return Retriever.open(store, encoder=ENCODER, in_process=True)
        except StoreLockedError:
            if time.monotonic() > until:
                raise


@contextlib.contextmanager
def owned(store: Path) -> Iterator[Path]:
    """End the owner of a store in the end."""
    try:
        yield store
    finally:
        stop_owner(store)


def in_own_mounts(scenario: str, folder: Path, *, times: int = 6) -> Facts:
    """Run a scenario of `eval.fault_mounts` with mounts that nobody else sees.

    Args:
        scenario: ``full`` or ``read-only``.
        folder: an empty folder.
        times: how often the disk is filled while something is written.

    Raises:
        PermissionError: this user may not mount.
    """
    if not may_mount():
        raise PermissionError("mounting needs root")
    run = subprocess.run(
        ["unshare", "--mount", sys.executable, "-m", "eval.fault_mounts", scenario, str(folder), str(times)],
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise AssertionError(f"{scenario} failed: {run.stderr.strip()[-2_000:]}")
    facts: Facts = json.loads(run.stdout.splitlines()[-1])
    return facts


def may_mount() -> bool:
    """Tell whether this user may mount in a namespace of its own."""
    try:
        asked = subprocess.run(["unshare", "--mount", "true"], capture_output=True)
    except FileNotFoundError:
        return False
    return os.geteuid() == 0 and asked.returncode == 0


def _check(store: Path) -> Facts:
    with opened_alone(store) as retriever:
        retriever.add([])  # any next run sweeps what a killed one left
        diagnosis = retriever.doctor()
    if not diagnosis.healthy:
        raise AssertionError(f"the doctor found {diagnosis.findings}")
    return {"documents": diagnosis.documents, "segments": diagnosis.segments, "doctor's findings": 0}


def _start_client(store: Path, log: Path, seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "eval.fault_client", str(store), str(log), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _wait_for_done(log: Path, caller: subprocess.Popen[bytes], *, more: int) -> None:
    """Wait until so many more changes were acknowledged."""
    until = time.monotonic() + 120
    wanted = _count_done(log) + more
    while _count_done(log) < wanted:
        if caller.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"the caller got nowhere, exit code {caller.poll()}")
        time.sleep(0.005)


def _count_done(log: Path) -> int:
    return sum(line.startswith('["done"') for line in log.read_text().splitlines())
