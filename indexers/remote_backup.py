"""A store on a server in one file: snapshots, text, records, settings, profiles, jobs of one moment.

The archive holds ``remote-backup.json`` first, then the files of the store's folder, those of
its place under ``place/`` where that is elsewhere, and a snapshot of each collection under
``snapshots/``.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from encoders.errors import InvalidInputError
from indexers.layout import REMOTE_BACKUP, claim
from indexers.places import FolderPlace, open_place
from indexers.remote_settings import MEMORY, RemoteSettings
from indexers.server_snapshots import ServerSnapshots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import ExitStack
    from types import TracebackType

    from indexers.places import Place
    from indexers.store import Store

_PLACE = "place/"
_SNAPSHOTS = "snapshots/"
_FORMAT = 1
_BLOCK = 1 << 20


def members(
    store: Store, remote: RemoteSettings, files: Iterable[Path], stack: ExitStack, scratch: Path
) -> Iterator[tuple[str, Path | bytes]]:
    """Yield name and content of everything that belongs to a store on a server.

    Args:
        store: writers of all its collections wait, in every service, until ``stack`` is closed.
        remote: its settings.
        files: of the store's folder.
        stack: holds the writers' rights.
        scratch: a folder with room for one snapshot.

    Raises:
        InvalidInputError: the server is a cluster, whose nodes hold different shards.
    """
    if remote.url == MEMORY:
        raise InvalidInputError("the stand-in keeps nothing that could be backed up")
    snapshots = stack.enter_context(ServerSnapshots(remote))
    if (nodes := snapshots.nodes()) > 1:
        raise InvalidInputError(
            f"{remote.url} is one of {nodes} nodes, whose snapshots hold its own shards alone; make an "
            f"embedded copy and back that up: longdoc copy {store.folder} COPY, "
            "longdoc backup FILE --store COPY",
            url=remote.url,
            nodes=nodes,
        )
    collections = stack.enter_context(store.same_collections())
    for collection in collections:
        stack.enter_context(collection.as_writer())
        stack.enter_context(collection.still())
    names = [collection.name for collection in collections]
    about = {"format": _FORMAT, "remote": asdict(remote), "collections": names}
    yield REMOTE_BACKUP, json.dumps(about).encode()
    for path in files:
        yield path.relative_to(store.folder).as_posix(), path
    if remote.place:
        for name in store.place.names():
            yield _PLACE + name, store.place.read(name)
    for name in names:
        with snapshots.taken(name, scratch) as path:
            yield _SNAPSHOTS + name, path


class RemoteRestore:
    """Puts the members of such a backup where they belong; use it as a context manager.

    Args:
        about: the first member.
        folder: of the new store.
        remote: the server; None takes the one that was backed up.

    Raises:
        InvalidInputError: the server or the place holds something of this name already.
    """

    def __init__(self, about: bytes, folder: Path, remote: RemoteSettings | None) -> None:
        known: dict[str, Any] = json.loads(about)
        if known.get("format") != _FORMAT:
            raise InvalidInputError(f"a backup of format {known.get('format')}; this version reads {_FORMAT}")
        before = RemoteSettings.from_json(known["remote"])
        self._remote = _settings(before, remote)
        self._folder = folder
        self._place: Place = open_place(self._remote.place) if self._remote.place else FolderPlace(folder)
        self._snapshots = ServerSnapshots(self._remote)
        try:
            self._refuse_to_overwrite(known["collections"])
        except BaseException:
            self._snapshots.close()
            raise

    def take(self, name: str, content: IO[bytes]) -> bool:
        """Put one member where it belongs; False leaves it to the caller, as a file of the folder."""
        if name.startswith(_SNAPSHOTS):
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".snapshot") as file:
                while block := content.read(_BLOCK):
                    file.write(block)
                file.flush()
                self._snapshots.put_back(name.removeprefix(_SNAPSHOTS), Path(file.name))
            return True
        if name.startswith(_PLACE):
            self._place.write(name.removeprefix(_PLACE), content.read())
            return True
        return False

    def finish(self) -> None:
        """Let the folder remember its server."""
        claim(self._folder, self._remote)

    def _refuse_to_overwrite(self, collections: Iterable[str]) -> None:
        there = [name for name in collections if self._snapshots.has(name)]
        if there or self._place.exists("aliases.json") or self._place.below("collections").folders():
            raise InvalidInputError(
                f"{self._remote.url} or {self._place} has a store of this name already; give another "
                "prefix and place, or remove what is there",
                collections=there,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._snapshots.close()


def _settings(before: RemoteSettings, now: RemoteSettings | None) -> RemoteSettings:
    """Return the settings of the new store: those of the old one at another address, or those given."""
    if now is None:
        return before
    only_address = RemoteSettings(url=now.url)
    return replace(before, url=now.url) if now == only_address else now
