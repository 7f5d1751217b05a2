"""Find the process of a store, or start it."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Client, Connection
from pathlib import Path

from indexers.durable import disk_errors, refused_by_disk
from indexers.lock import locked_by, read_holder
from retriever import __version__
from retriever.errors import OwnerStartError, OwnerVersionError
from retriever.owner.address import log_file, read_address
from retriever.owner.messages import PROTOCOL, Hello, Welcome
from retriever.wire import decode, encode

START_TIMEOUT_S = 60.0
_POLL_S = 0.02
_LOCKED = 4
_DISK_CODES = {5: errno.ENOSPC, 6: errno.EROFS, -signal.SIGBUS: errno.ENOSPC}


def connect(store: Path, *, timeout_s: float = START_TIMEOUT_S) -> Connection:
    """Return a connection to the store's process, starting it when it is not there.

    Raises:
        StoreLockedError: a process that does not serve has the store open.
        DiskSpaceError: the disk is too full to open the store.
        StoreReadOnlyError: it is mounted read-only.
        OwnerStartError: the process ended while starting, or took too long.
        OwnerVersionError: it belongs to another version and others are using it.
    """
    until = time.monotonic() + timeout_s
    started: _Started | None = None
    while time.monotonic() < until:
        if (connection := _reach(store)) is not None:
            return connection
        if started is None:
            started = _Started(store)
        elif (code := started.exit_code) is not None:
            if (connection := _reach(store)) is not None:  # another caller's start was quicker
                return connection
            if code in _DISK_CODES and (refusal := refused_by_disk(_DISK_CODES[code], store)) is not None:
                raise refusal
            if code != _LOCKED:
                raise OwnerStartError(
                    f"the process for {store} ended with code {code} while starting: {_last_words(store)}",
                    store=str(store),
                    code=code,
                )
            _refuse_foreign_holder(store)
            started = None
        time.sleep(_POLL_S)
    raise OwnerStartError(f"the process for {store} did not start within {timeout_s:.0f} s", store=str(store))


def _reach(store: Path) -> Connection | None:
    address = read_address(store)
    if address is None:
        return None
    try:
        connection = Client(address.socket, family="AF_UNIX")
        connection.send_bytes(encode(Hello(protocol=PROTOCOL, version=__version__)))
        welcome = decode(connection.recv_bytes(), Welcome)
    except (OSError, EOFError):
        return None
    if not welcome.accepted:
        connection.close()
        raise OwnerVersionError(
            f"process {welcome.pid} owns {store} with version {welcome.version}, this is {__version__}; "
            "close what uses it, it ends by itself, then try again",
            pid=welcome.pid,
            version=welcome.version,
        )
    return connection


_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
"""Searches run beside each other; the threads of one product of numpy would wait for theirs."""


class _Started:
    """A process that outlives us; a thread waits for it so that it never stays as a zombie."""

    def __init__(self, store: Path) -> None:
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        environment = {**_ENVIRONMENT, **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with disk_errors(log_file(store)):
            log = os.open(log_file(store), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-m", "retriever.owner", str(store)],
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(log)
        self.exit_code: int | None = None
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        _, status = os.waitpid(self._pid, 0)
        self.exit_code = os.waitstatus_to_exitcode(status)


def _refuse_foreign_holder(store: Path) -> None:
    """Name the holder of the store, unless it is an owner that is just starting or ending."""
    holder = read_holder(store / "lock")
    if holder and not holder["shares"]:
        raise locked_by(holder, store)


def _last_words(store: Path) -> str:
    try:
        lines = log_file(store).read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return "no log"
    return lines[-1] if lines else "no word in its log"
