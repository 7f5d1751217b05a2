"""One process per store, and a clear word about which."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from indexers.durable import disk_errors
from indexers.errors import StoreLockedError

Holder: TypeAlias = dict[str, str | int | bool]


class StoreLock:
    """Hold a store for this process until `release`; the system lets go of it when the process dies.

    Args:
        path: the lock file.
        shares: whether this process serves others, so that they can ask it instead.

    Raises:
        StoreLockedError: some process holds it; the message names that process.
    """

    def __init__(self, path: Path, *, shares: bool = False) -> None:
        with disk_errors(path):
            self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise locked_by(read_holder(path), path.parent) from error
        holder: Holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200] or "python",
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "shares": shares,
        }
        with disk_errors(path):
            self._file.truncate(0)
            self._file.write(json.dumps(holder))
            self._file.flush()

    def release(self) -> None:
        """Let other processes in."""
        self._file.truncate(0)
        self._file.close()


def read_holder(path: Path) -> Holder:
    """Return what a lock file says of the last process that held it; empty when it says nothing."""
    try:
        holder: Holder = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # taken this instant, not yet described
        return {}
    return holder


def locked_by(holder: Holder, store: Path) -> StoreLockedError:
    """Say who holds a store."""
    what, remedy = f"({holder.get('command', 'unknown command')})", "close it there or wait"
    if holder.get("shares"):
        what = "(the store's own, which its callers start and share)"
        remedy = "it ends some minutes after the last of them has closed the store"
    return StoreLockedError(
        f"{store} is in use by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
        f"{what} since {holder.get('since', '?')}; {remedy}",
        path=str(store),
        **holder,
    )
