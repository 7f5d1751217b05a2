"""A word about what a command waits for, when it takes long and a person may be watching."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

AFTER_S = 0.8

STORE = "starting the process of this store; it stays for some minutes, so that the next command is quick"
ENCODER = "loading the encoder; the next search finds it warm"


@contextmanager
def waiting_for(what: str, *, after_s: float = AFTER_S, out: IO[str] | None = None) -> Iterator[None]:
    """Say ``what`` on standard error if the block takes longer and that is a terminal."""
    told = sys.stderr if out is None else out
    if not told.isatty():
        yield
        return
    timer = threading.Timer(after_s, lambda: (told.write(f"{what} …\n"), told.flush()))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
