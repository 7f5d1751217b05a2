"""Where files of a store lie: a folder, or any location that fsspec knows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from encoders.errors import InvalidInputError
from encoders.optional import require
from indexers.durable import sync_all, write_replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Place(Protocol):
    """Named files, read and written whole. Names are relative and use ``/``."""

    def below(self, name: str) -> Place:
        """Return the place ``name`` in this one."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: there is none of that name.
        """
        ...

    def write(self, name: str, data: bytes, *, sync: bool = True) -> None:
        """Write a file: a reader sees the old content or the new, never a part.

        Args:
            name: folders on the way are made.
            data: the content.
            sync: make it survive a power cut before this returns.
        """
        ...

    def sync(self, names: Iterable[str]) -> None:
        """Make files written without ``sync`` survive a power cut."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is no error."""
        ...

    def remove_all(self) -> None:
        """Remove everything here."""
        ...

    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""
        ...

    def names(self) -> Iterator[str]:
        """Walk over the names of all files here and below, sorted."""
        ...

    def folders(self) -> list[str]:
        """Return the names that have files below them, sorted."""
        ...


class FolderPlace:
    """Files in a folder of this machine, or of a volume that several machines mount.

    Args:
        folder: created when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def below(self, name: str) -> Self:
        """Return a folder in this one."""
        return type(self)(self._folder / name)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return (self._folder / name).read_bytes()

    def write(self, name: str, data: bytes, *, sync: bool = True) -> None:
        """Write a file in place of what was there."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_replacing(path, data, sync=sync)

    def sync(self, names: Iterable[str]) -> None:
        """Flush files and the folders they are in."""
        sync_all(self._folder / name for name in names)

    def remove(self, name: str) -> None:
        """Remove a file."""
        (self._folder / name).unlink(missing_ok=True)

    def remove_all(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""
        return (self._folder / name).is_file()

    def names(self) -> Iterator[str]:
        """Walk over all files but unfinished ones."""
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and not path.name.endswith(".tmp"):
                yield path.relative_to(self._folder).as_posix()

    def folders(self) -> list[str]:
        """Return the folders here."""
        if not self._folder.is_dir():
            return []
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir())


class FsspecPlace:
    """Files at a URL such as ``s3://bucket/texts``; credentials come from the environment.

    Object stores write a file as a whole and keep what they acknowledge. A file system
    that does not, such as FTP, is no place for a store.

    Args:
        system: a file system of fsspec.
        root: the path in it.
    """

    def __init__(self, system: Any, root: str) -> None:
        self._system = system
        self._root = root.rstrip("/")

    @classmethod
    def at(cls, url: str) -> Self:
        """Open a URL.

        Raises:
            InvalidInputError: it cannot be opened.
        """
        fsspec = require("fsspec", extra="parsers")
        try:
            system, root = fsspec.core.url_to_fs(url)
        except (OSError, ValueError, ImportError) as error:
            raise InvalidInputError(f"cannot open {url}: {error}", url=url) from error
        return cls(system, root)

    def __str__(self) -> str:
        return str(self._system.unstrip_protocol(self._root))

    def below(self, name: str) -> Self:
        """Return the place ``name`` in this one."""
        return type(self)(self._system, self._path(name))

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        data: bytes = self._system.cat_file(self._path(name))
        return data

    def write(self, name: str, data: bytes, *, sync: bool = True) -> None:
        """Write a file in place of what was there; it is kept when this returns, whatever ``sync`` says."""
        self._system.pipe_file(self._path(name), data)

    def sync(self, names: Iterable[str]) -> None:
        """Do nothing: every file was kept when it was written."""

    def remove(self, name: str) -> None:
        """Remove a file."""
        if self.exists(name):
            self._system.rm_file(self._path(name))

    def remove_all(self) -> None:
        """Remove everything below the path."""
        if self._system.exists(self._root):
            self._system.rm(self._root, recursive=True)

    def exists(self, name: str) -> bool:
        """Tell whether a file is there."""
        return bool(self._system.isfile(self._path(name)))

    def names(self) -> Iterator[str]:
        """Walk over all files."""
        self._system.invalidate_cache(self._root)  # others write here too
        if self._system.exists(self._root):
            for path in sorted(self._system.find(self._root)):
                yield path.removeprefix(self._root).lstrip("/")

    def folders(self) -> list[str]:
        """Return the folders here."""
        self._system.invalidate_cache(self._root)
        if not self._system.isdir(self._root):
            return []
        found = self._system.ls(self._root, detail=True)
        return sorted(one["name"].rpartition("/")[2] for one in found if one["type"] == "directory")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def open_place(location: str | Path) -> Place:
    """Return the place at a path or a URL.

    Raises:
        InvalidInputError: the URL cannot be opened.
    """
    where = str(location)
    if "://" in where and not where.startswith("file://"):
        return FsspecPlace.at(where)
    return FolderPlace(Path(where.removeprefix("file://")))
