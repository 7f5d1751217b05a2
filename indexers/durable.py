"""Files that survive a killed process and a power cut."""

from __future__ import annotations

import errno
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from indexers.errors import DiskSpaceError, StoreReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def write_replacing(path: Path, data: bytes, *, sync: bool = True, mode: int = 0o666) -> None:
    """Write a whole file so that a reader sees the old content or the new, never a part.

    Args:
        path: the file.
        data: all of it.
        sync: whether it must survive a power cut.
        mode: permissions, less the process's mask.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    with disk_errors(path):
        try:
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if sync:
            sync_path(path.parent)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say it clearly when a disk is full or must not be written.

    Raises:
        DiskSpaceError: it is full, or a quota is used up.
        StoreReadOnlyError: it is mounted read-only.
    """
    try:
        yield
    except OSError as error:
        if (refusal := refused_by_disk(error.errno, path)) is not None:
            raise refusal from error
        raise


def refused_by_disk(number: int | None, path: Path) -> DiskSpaceError | StoreReadOnlyError | None:
    """Return the error for what a disk says, None when it says something else."""
    if number in (errno.ENOSPC, errno.EDQUOT):
        return DiskSpaceError(
            f"the disk of {path} is full; what was acknowledged is safe, free some space and try again",
            path=str(path),
        )
    if number == errno.EROFS:
        return StoreReadOnlyError(
            f"{path} is on a file system that is mounted read-only; nothing was written, mount it writable "
            "and try again",
            path=str(path),
        )
    return None


def write_json(path: Path, value: Any) -> None:
    """Write JSON durably in place of what was there."""
    write_replacing(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def read_json(path: Path) -> Any:
    """Read a file written by `write_json`."""
    return json.loads(path.read_bytes())


def sync_path(path: Path) -> None:
    """Flush one file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Iterable[Path]) -> None:
    """Flush many files and the folders they are in; side by side, as disks like it."""
    files = list(paths)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(sync_path, files))
        list(pool.map(sync_path, {file.parent for file in files}))
