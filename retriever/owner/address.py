"""Where the process of a store listens.

`owner.json` in the store names it. The socket itself lies in a folder that only this
user can enter, because paths of sockets are limited to about 100 bytes.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from retriever.wire import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAddress:
    """A running owner."""

    pid: int
    socket: str
    version: str
    started: str


def address_file(store: Path) -> Path:
    """Return the file that names the owner."""
    return store / "owner.json"


def log_file(store: Path) -> Path:
    """Return the file that holds the owner's log and last words."""
    return store / "owner.log"


def read_address(store: Path) -> OwnerAddress | None:
    """Return the owner that the store names, None when it names none."""
    try:
        return decode(address_file(store).read_bytes(), OwnerAddress)
    except (FileNotFoundError, ValueError):
        return None


def socket_path(store: Path) -> Path:
    """Choose a socket for this process, in a folder of this user alone.

    Raises:
        PermissionError: somebody else made that folder.
    """
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"longdoc-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(f"{folder} must belong to this user and be closed to others (chmod 700)")
    name = blake2b(str(store.resolve()).encode(), digest_size=8).hexdigest()
    return folder / f"{name}-{os.getpid()}.sock"
