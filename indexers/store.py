"""A store: collections and their text, open in one process at a time; see `indexers.layout`."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError
from encoders.optional import require
from indexers.aliases import Aliases
from indexers.collection import Collection, schema_for
from indexers.errors import AliasConflictError, AliasNotFoundError, ClosedError, CollectionNotFoundError
from indexers.layout import SCORES, claim
from indexers.lock import StoreLock
from indexers.places import FolderPlace, open_place
from indexers.settings import SETTINGS, create_settings, read_settings
from indexers.text_store import PageTextStore
from indexers.types import SEGMENT_DENSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from indexers.places import Place
    from indexers.remote_settings import RemoteSettings
    from indexers.types import IndexSchema

_MOVED = "aliases.json"
_SUCCESSOR = "@"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Store:
    """Open a store, creating it when the folder is missing or empty.

    Args:
        folder: the store's folder.
        shares: whether this process serves others.
        remote: keep vectors in a Qdrant server; see `indexers.layout.claim`.

    Raises:
        StoreLockedError: another process has it open.
        StoreFormatError: the folder holds something else, or another format.
    """

    def __init__(self, folder: Path, *, shares: bool = False, remote: RemoteSettings | None = None) -> None:
        self.folder = folder
        self.remote = claim(folder, remote)
        self._lock = StoreLock(folder / "lock", shares=shares)
        self._open: dict[str, Collection] = {}
        self._coming_and_going = threading.RLock()  # taken before `_opening` and before a collection's
        self._opening = threading.RLock()
        self._client: Any = None
        self._closed = False
        elsewhere = self.remote.place if self.remote else ""
        self._place: Place = open_place(elsewhere) if elsewhere else FolderPlace(folder)
        self.texts = PageTextStore(self._place.below("text"))
        self._moved = self._read_moved()
        self._aliases = Aliases(self._place)

    @property
    def place(self) -> Place:
        """Where text, records and settings lie."""
        return self._place

    def collections(self) -> list[str]:
        """Return the names of the collections, sorted."""
        place = self._place.below("collections")
        there = {name for name in place.folders() if place.exists(f"{name}/{SETTINGS}")}
        if self.remote is not None:
            self._moved = self._read_moved()
        return sorted({*self._moved, *(name for name in there if _SUCCESSOR not in name)})

    def collection(self, name: str) -> Collection:
        """Open a collection that exists.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        with self._opening:
            collection = self._opened(self._moved.get(name, name), name)
        collection.refresh()
        if collection.retired and self._meant(name) != collection.name:
            return self.collection(name)  # another process has migrated it
        return collection

    @contextmanager
    def same_collections(self) -> Iterator[list[Collection]]:
        """Open all collections, those that migrations have left behind too; meanwhile none comes or goes.

        To make, drop or switch to a collection waits; searches and changes of documents go on.
        """
        with self._coming_and_going:
            with self._opening:
                there = self._place.below("collections").folders()
                found = [self._opened(one, one) for one in there if self._below(one).exists(SETTINGS)]
            yield found

    def meant(self, name: str) -> str:
        """Return the collection that a name means: itself, or what it is an alias of."""
        if self._is_collection(name) or not _NAME.fullmatch(name):
            return name
        return self._aliases.target(name) or name

    def aliases(self) -> dict[str, str]:
        """Return the collection that each alias means, by alias."""
        return self._aliases.all()

    def set_alias(self, alias: str, collection: str) -> str:
        """Let a further name mean a collection, from one instant on, whatever it meant before.

        Returns:
            The collection: where ``collection`` is an alias itself, what that one means.

        Raises:
            InvalidInputError: the alias cannot be used as a name.
            AliasConflictError: a collection has this name.
            CollectionNotFoundError: there is no such collection.
        """
        with self._opening:
            _check_name(alias)
            if self._is_collection(alias):
                raise AliasConflictError(
                    f"{alias!r} is a collection and cannot be an alias of {collection!r}; take another name",
                    alias=alias,
                    collection=collection,
                )
            target = self.meant(collection)
            if target not in self.collections():
                raise self._not_found(target)
            self._aliases.set(alias, target)
            return target

    def remove_alias(self, alias: str) -> None:
        """Forget an alias; the collection stays.

        Raises:
            AliasNotFoundError: there is none of that name.
        """
        with self._opening:
            known = self.aliases()
            if alias not in known:
                hint = f"there are: {', '.join(known)}" if known else "there are none"
                raise AliasNotFoundError(f"no alias {alias!r}; {hint}", alias=alias)
            self._aliases.remove(alias)

    def _is_collection(self, name: str) -> bool:
        return name in self._open or name in self._moved or self._below(name).exists(SETTINGS)

    def _opened(self, real: str, name: str) -> Collection:
        if self._closed:
            raise ClosedError(f"the store {self.folder} is closed; open it again", path=str(self.folder))
        if real not in self._open:
            if not self._below(real).exists(SETTINGS):
                raise self._not_found(name)
            self._open[real] = self._load(real)
        return self._open[real]

    def successor(self, name: str, *, fingerprint: Mapping[str, Any], dim: int, model: str) -> Collection:
        """Return the collection that will take the place of another, made when it is not there yet.

        Args:
            name: of the collection whose place it will take.
            fingerprint: the new encoder's.
            dim: the new encoder's.
            model: what the new encoder is opened by.
        """
        with self._coming_and_going, self._opening:
            number = 2
            while True:
                real = f"{name}{_SUCCESSOR}{number}"
                place = self._below(real)
                if not place.exists(SETTINGS):
                    create_settings(place, fingerprint=fingerprint, dim=dim, model=model)
                found = self._opened(real, name)
                if found.is_made_by(fingerprint) and real != self._moved.get(name):
                    found.unretire()
                    return found
                number += 1

    def switch(self, name: str, to: Collection) -> None:
        """Let a name mean another collection, from one instant on."""
        with self._coming_and_going, self._opening:
            before = self._opened(self._moved.get(name, name), name)
            before.retire()
            moved = {**self._read_moved(), name: to.name}
            self._place.write(_MOVED, json.dumps(moved, indent=1).encode())
            self._moved = moved

    def predecessors(self, name: str) -> list[str]:
        """Return what migrations of a collection have left behind, finished or not."""
        current = self._moved.get(name, name)
        there = self._place.below("collections").folders()
        mine = (one for one in there if one == name or one.startswith(name + _SUCCESSOR))
        return [one for one in mine if one != current]

    def drop_predecessors(self, name: str) -> list[str]:
        """Remove what migrations have left behind, and return the names."""
        with self._coming_and_going, self._opening:
            gone = self.predecessors(name)
            for one in gone:
                self._remove(one)
            return gone

    def _meant(self, name: str) -> str:
        with self._opening:
            self._moved = self._read_moved()
            return self._moved.get(name, name)

    def _read_moved(self) -> dict[str, str]:
        if not self._place.exists(_MOVED):
            return {}
        moved: dict[str, str] = json.loads(self._place.read(_MOVED))
        return moved

    def create_collection(self, name: str, *, fingerprint: Mapping[str, Any], dim: int) -> Collection:
        """Make a collection for the vectors of one encoder, or open it when it is there.

        Args:
            name: 1 to 64 letters, digits, ``.``, ``_`` and ``-``.
            fingerprint: the encoder's.
            dim: the encoder's.

        Raises:
            InvalidInputError: the name cannot be used.
            AliasConflictError: it is an alias.
            FingerprintMismatchError: it was made with another encoder.
        """
        place = self.place_of(name)
        with self._coming_and_going, self._opening:
            if not place.exists(SETTINGS):
                create_settings(place, fingerprint=fingerprint, dim=dim)
            collection = self.collection(name)
        collection.check_encoder(fingerprint)
        return collection

    def _not_found(self, name: str) -> CollectionNotFoundError:
        known = self.collections()
        aliases = [alias for alias, target in self.aliases().items() if target == name]
        named = f", which the alias {aliases[0]!r} means," if aliases else ""
        hint = f"there are: {', '.join(known)}" if known else "index something first"
        return CollectionNotFoundError(
            f"no collection {name!r}{named} in {self.folder}; {hint}", name=name, known=known
        )

    def place_of(self, name: str) -> Place:
        """Return where the settings and records of a collection are kept, or would be.

        Raises:
            InvalidInputError: the name cannot be used.
            AliasConflictError: it is an alias.
        """
        _check_name(name)
        if (target := self.meant(name)) != name:
            raise AliasConflictError(
                f"{name!r} is an alias of {target!r} and cannot be a collection; remove the alias first",
                alias=name,
                collection=target,
            )
        return self._below(self._moved.get(name, name))

    def _below(self, real: str) -> Place:
        return self._place.below("collections").below(real)

    def _load(self, name: str) -> Collection:
        place = self._below(name)
        schema = schema_for(read_settings(place)["dim"])
        if self.remote is not None:
            return self._load_remote(name, place, schema, self.remote)
        require("qdrant_edge", extra="local")
        from indexers.qdrant_edge_index import EdgeIndex
        from indexers.scores import ScoreTables

        folder = self.folder / "collections" / name
        index = EdgeIndex(folder / "shard", schema)
        try:
            scores = ScoreTables(folder / SCORES, schema.dense[SEGMENT_DENSE], index)
            index.listen(scores.take)
            return Collection(place, index, self.texts, scores=scores)
        except BaseException:
            index.close()
            raise

    def _load_remote(
        self, name: str, place: Place, schema: IndexSchema, remote: RemoteSettings
    ) -> Collection:
        require("qdrant_client", extra="local")
        from indexers.qdrant_shared_index import SharedIndex

        index = SharedIndex(self._connected(remote), remote.prefix + name, schema, remote)
        return Collection(
            place,
            index,
            self.texts,
            sharing=index,
            lease_s=remote.lease_s,
            patience_s=remote.retry_writes_s,
        )

    def _connected(self, remote: RemoteSettings) -> Any:
        from indexers.qdrant_remote_calls import check_server, connect

        if self._client is None:
            client = connect(remote)
            check_server(client, remote)
            self._client = client
        return self._client

    def delete_collection(self, name: str) -> None:
        """Remove a collection with all its documents.

        Raises:
            CollectionNotFoundError: there is none of that name.
            AliasConflictError: an alias means it.
        """
        with self._coming_and_going, self._opening:
            if name not in self.collections():
                raise self._not_found(name)
            if aliases := [alias for alias, target in self.aliases().items() if target == name]:
                raise AliasConflictError(
                    f"the collection {name!r} has the alias {', '.join(map(repr, aliases))}; remove it "
                    "or let it mean another collection first",
                    collection=name,
                    aliases=aliases,
                )
            self.drop_predecessors(name)
            self._remove(self._moved.get(name, name))
            if name in self._moved:
                del self._moved[name]
                self._place.write(_MOVED, json.dumps(self._moved, indent=1).encode())

    def _remove(self, real: str) -> None:
        if (collection := self._open.pop(real, None)) is not None:
            collection.close()
        if self.remote is not None:
            self._connected(self.remote).delete_collection(self.remote.prefix + real)
        self._below(real).remove_all()

    def close(self) -> None:
        """Flush all collections and let other processes in; closing again does nothing."""
        with self._opening:
            if self._closed:
                return
            self._closed = True
            opened, self._open = self._open, {}
        for collection in opened.values():
            collection.close()
        if self._client is not None:
            self._client.close()
        self._lock.release()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"a collection is named by 1 to 64 letters, digits, '.', '_' and '-', got {name!r}", name=name
        )
