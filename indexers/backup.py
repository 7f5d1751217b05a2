"""A store in one file, taken while it is in use, and back.

The file is a tar archive under zstandard. Writers wait while the engine's files are
read, and no collection comes or goes; searches go on. What belongs to a store on a
server: `indexers.remote_backup`.
"""

from __future__ import annotations

import io
import tarfile
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import zstandard

from encoders.errors import InvalidInputError
from indexers.durable import sync_path
from indexers.guards import check_disk
from indexers.layout import BEFORE_CLAIM, REMOTE_BACKUP, SCORES, claim, make_folder
from indexers.report import BackupReport
from indexers.sparse_files import write_sparse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexers.remote_settings import RemoteSettings
    from indexers.store import Store


def back_up(store: Store, target: Path) -> BackupReport:
    """Write a store to one file; the file appears when it is complete.

    Raises:
        InvalidInputError: the file lies inside the store or in no folder, or the store's vectors are in a
            cluster of servers.
        DiskSpaceError: too little room for it.
    """
    target = target.absolute()
    if target.is_relative_to(store.folder.absolute()):
        raise InvalidInputError(f"{target} lies in the store that it would hold; write it elsewhere")
    if not target.parent.is_dir():
        raise InvalidInputError(f"{target.parent} is no folder; make it, or write the backup elsewhere")
    check_disk(target.parent)
    unfinished = target.with_name(f".{target.name}.tmp")
    files = 0
    with ExitStack() as stack:
        members = _members(store, stack, target.parent)
        with unfinished.open("wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as packed:
            with tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for name, content in members:
                    files += _add(archive, name, content)
    sync_path(unfinished)
    unfinished.replace(target)
    sync_path(target.parent)
    return BackupReport(files=files, size_bytes=target.stat().st_size)


def restore(source: Path, folder: Path, *, remote: RemoteSettings | None = None) -> BackupReport:
    """Make a store of a backup in a new or empty folder.

    Args:
        source: what `back_up` wrote.
        folder: of the new store.
        remote: the server that gets the collections of a store on a server; the old one when None.

    Raises:
        InvalidInputError: the folder is not empty, the file is no backup, or the server has such a store.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidInputError(f"{folder} is not empty; restore into a new folder", folder=str(folder))
    make_folder(folder)
    files = 0
    try:
        with source.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                for _ in _restored(archive, folder, remote):
                    files += 1
    except (zstandard.ZstdError, tarfile.TarError) as error:
        raise InvalidInputError(f"{source} is no complete backup: {error}", file=str(source)) from error
    return BackupReport(files=files, size_bytes=source.stat().st_size)


def _members(store: Store, stack: ExitStack, scratch: Path) -> Iterator[tuple[str, Path | bytes]]:
    if store.remote is not None:
        from indexers.remote_backup import members

        yield from members(store, store.remote, _files(store.folder), stack, scratch)
        return
    for collection in stack.enter_context(store.same_collections()):
        stack.enter_context(collection.paused())
    for path in _files(store.folder):
        yield path.relative_to(store.folder).as_posix(), path


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> bool:
    """Add a member; False when the file is gone by now: of a job or an upload, which do not wait."""
    if isinstance(content, Path):
        try:
            file = content.open("rb")
        except FileNotFoundError:
            return False
        with file:  # one that is replaced from here on is added as it was
            archive.addfile(archive.gettarinfo(arcname=name, fileobj=file), file)
        return True
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
    return True


def _restored(archive: tarfile.TarFile, folder: Path, remote: RemoteSettings | None) -> Iterator[str]:
    """Put every member where it belongs and yield its name."""
    restoring = None
    with ExitStack() as stack:
        for member in archive:
            content = archive.extractfile(member)
            if content is None:
                continue
            path = folder / _inside(member.name)
            if member.name == REMOTE_BACKUP:
                from indexers.remote_backup import RemoteRestore

                restoring = stack.enter_context(RemoteRestore(content.read(), folder, remote))
            elif restoring is None or not restoring.take(member.name, content):
                write_sparse(content, path)
            yield member.name
        if restoring is not None:
            restoring.finish()
        elif remote is not None:
            raise InvalidInputError(
                f"this is the backup of an embedded store, now in {folder}; copy it: longdoc copy --qdrant"
            )
        else:
            claim(folder)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        outside = path.parent == folder and path.name in BEFORE_CLAIM
        remade = SCORES in path.relative_to(folder).parts[2:3]
        if path.is_file() and not outside and not remade and not path.name.endswith(".tmp"):
            yield path


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InvalidInputError(f"the backup names a file outside the store: {name!r}", name=name)
    return path
