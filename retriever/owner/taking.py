"""Take a store from its own process, for work that needs it in this one."""

from __future__ import annotations

import time
from multiprocessing.connection import Client
from typing import TYPE_CHECKING

from indexers.errors import StoreLockedError
from indexers.store import Store
from retriever import __version__
from retriever.owner.address import read_address
from retriever.owner.messages import PROTOCOL, Hello
from retriever.wire import encode

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 10.0
_POLL_S = 0.1


def take_store(folder: Path, *, timeout_s: float = TIMEOUT_S) -> Store:
    """Open a store here; its own process, where one lingers that nobody uses, is asked to end first.

    Args:
        folder: of the store.
        timeout_s: how long to wait for that process, which ends no call and no job.

    Raises:
        StoreLockedError: a process holds the store and goes on using it.
    """
    until = time.monotonic() + timeout_s
    while True:
        try:
            return Store(folder)
        except StoreLockedError as error:
            if error.details.get("shares") is False or time.monotonic() > until:
                raise
            _ask_to_end(folder)
        time.sleep(_POLL_S)


def _ask_to_end(folder: Path) -> None:
    if (address := read_address(folder)) is None:
        return
    try:
        with Client(address.socket, family="AF_UNIX") as connection:
            connection.send_bytes(encode(Hello(protocol=PROTOCOL, version=__version__, wants_store=True)))
            connection.recv_bytes()
    except (OSError, EOFError):
        return
