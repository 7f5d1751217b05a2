"""A store: collections and their text, open in one process at a time; see `indexers.layout`."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError
from encoders.optional import require
from indexers.collection import Collection, schema_for
from indexers.errors import CollectionNotFoundError
from indexers.layout import claim
from indexers.lock import StoreLock
from indexers.places import FolderPlace, open_place
from indexers.settings import SETTINGS, create_settings, read_settings
from indexers.text_store import PageTextStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexers.places import Place
    from indexers.remote_settings import RemoteSettings
    from indexers.types import IndexSchema

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
        self._opening = threading.RLock()
        self._client: Any = None
        elsewhere = self.remote.place if self.remote else ""
        self._place: Place = open_place(elsewhere) if elsewhere else FolderPlace(folder)
        self.texts = PageTextStore(self._place.below("text"))

    def collections(self) -> list[str]:
        """Return the names of the collections, sorted."""
        place = self._place.below("collections")
        return [name for name in place.folders() if place.exists(f"{name}/{SETTINGS}")]

    def collection(self, name: str) -> Collection:
        """Open a collection that exists.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        with self._opening:
            if name not in self._open:
                if not self.place_of(name).exists(SETTINGS):
                    raise self._not_found(name)
                self._open[name] = self._load(name)
            collection = self._open[name]
        collection.refresh()
        return collection

    def create_collection(self, name: str, *, fingerprint: Mapping[str, Any], dim: int) -> Collection:
        """Make a collection for the vectors of one encoder, or open it when it is there.

        Args:
            name: 1 to 64 letters, digits, ``.``, ``_`` and ``-``.
            fingerprint: the encoder's.
            dim: the encoder's.

        Raises:
            InvalidInputError: the name cannot be used.
            FingerprintMismatchError: it was made with another encoder.
        """
        place = self.place_of(name)
        with self._opening:
            if not place.exists(SETTINGS):
                create_settings(place, fingerprint=fingerprint, dim=dim)
            collection = self.collection(name)
        collection.check_encoder(fingerprint)
        return collection

    def _not_found(self, name: str) -> CollectionNotFoundError:
        known = self.collections()
        hint = f"there are: {', '.join(known)}" if known else "index something first"
        return CollectionNotFoundError(
            f"no collection {name!r} in {self.folder}; {hint}", name=name, known=known
        )

    def place_of(self, name: str) -> Place:
        """Return where the settings and records of a collection are kept, or would be.

        Raises:
            InvalidInputError: the name cannot be used.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"a collection is named by 1 to 64 letters, digits, '.', '_' and '-', got {name!r}", name=name
            )
        return self._place.below("collections").below(name)

    def _load(self, name: str) -> Collection:
        place = self.place_of(name)
        schema = schema_for(read_settings(place)["dim"])
        if self.remote is not None:
            return self._load_remote(name, place, schema, self.remote)
        require("qdrant_edge", extra="local")
        from indexers.qdrant_edge_index import EdgeIndex

        index = EdgeIndex(self.folder / "collections" / name / "shard", schema)
        try:
            return Collection(place, index, self.texts)
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
        """
        if name not in self.collections():
            raise CollectionNotFoundError(f"no collection {name!r} in {self.folder}", name=name)
        if (collection := self._open.pop(name, None)) is not None:
            collection.close()
        if self.remote is not None:
            self._connected(self.remote).delete_collection(self.remote.prefix + name)
        self.place_of(name).remove_all()

    def close(self) -> None:
        """Flush all collections and let other processes in."""
        for collection in self._open.values():
            collection.close()
        self._open.clear()
        if self._client is not None:
            self._client.close()
        self._lock.release()
