"""Anonymous memory of this process and its children, sampled on a thread.

Mapped files are left out: the system takes their memory back when it needs it.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

_EVERY_S = 0.05


class PeakMemory:
    """Watches the memory of a tree of processes; use it as a context manager.

    Args:
        root: the process whose children are counted too; this one when None.
    """

    def __init__(self, root: int | None = None) -> None:
        self._root = root or os.getpid()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_bytes = 0

    def now_bytes(self) -> int:
        """Return the anonymous memory of all processes of the tree together."""
        return sum(anonymous_bytes(pid) for pid in tree(self._root))

    def reset(self) -> None:
        """Forget the peak so far."""
        self.peak_bytes = self.now_bytes()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, self.now_bytes())


def anonymous_bytes(pid: int) -> int:
    """Return the anonymous resident memory of a process, 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [root]
    for pid in found:
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
