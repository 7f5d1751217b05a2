"""One process per store, and a clear word about which."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from indexers.errors import StoreLockedError


class StoreLock:
    """Hold a store for this process until `release`; the system lets go of it when the process dies.

    Raises:
        StoreLockedError: some process holds it; the message names that process.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = self._holder()
            self._file.close()
            raise StoreLockedError(
                f"{path.parent} is in use by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
                f"({holder.get('command', 'unknown command')}) since {holder.get('since', '?')}; "
                "close it there or wait",
                path=str(path.parent),
                **holder,
            ) from error
        self._write()

    def release(self) -> None:
        """Let other processes in."""
        self._file.truncate(0)
        self._file.close()

    def _write(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200] or "python",
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._file.truncate(0)
        self._file.write(json.dumps(holder))
        self._file.flush()

    def _holder(self) -> dict[str, str | int]:
        self._file.seek(0)
        try:
            holder = json.loads(self._file.read())
        except ValueError:  # taken this instant, not yet described
            return {}
        return holder if isinstance(holder, dict) else {}
