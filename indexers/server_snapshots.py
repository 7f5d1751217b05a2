"""Snapshots that a Qdrant server makes of its collections: fetched into a file, and put back.

Over REST, whatever the store speaks otherwise: files travel that way alone.

Source:
    Qdrant's REST interface, "Snapshots".
"""

from __future__ import annotations

import hashlib
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import httpx

from indexers.errors import IndexUnavailableError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from indexers.remote_settings import RemoteSettings

_LONGEST_S = 6 * 3600.0
_BLOCK = 1 << 20


class ServerSnapshots:
    """Asks one server for snapshots; use it as a context manager.

    Args:
        settings: where it is; the API key comes from the environment.
    """

    def __init__(self, settings: RemoteSettings) -> None:
        self._url = settings.url
        self._prefix = settings.prefix
        trusted: ssl.SSLContext | bool = True
        if settings.ca_file:
            trusted = ssl.create_default_context(cafile=settings.ca_file)
        self._http = httpx.Client(
            base_url=settings.url,
            headers={"api-key": settings.api_key} if settings.api_key else {},
            timeout=httpx.Timeout(settings.timeout_s, read=_LONGEST_S, write=_LONGEST_S),
            verify=trusted,
        )

    def nodes(self) -> int:
        """Count the nodes of the cluster; 1 for a server alone."""
        cluster = self._ask("GET", "/cluster")
        return max(1, len(cluster.get("peers") or {})) if cluster.get("status") == "enabled" else 1

    def has(self, collection: str) -> bool:
        """Tell whether the server has a collection of a store."""
        return bool(self._ask("GET", f"{self._at(collection)}/exists")["exists"])

    @contextmanager
    def taken(self, collection: str, folder: Path) -> Iterator[Path]:
        """Have a snapshot of a collection in a file, which is removed at the end, here and on the server.

        Raises:
            StorageError: the server refused, or what came is not what it made.
            IndexUnavailableError: the server went away.
        """
        made = self._ask("POST", f"{self._at(collection)}/snapshots", params={"wait": "true"})
        at = f"{self._at(collection)}/snapshots/{made['name']}"
        path = folder / f".{self._prefix}{collection}.snapshot.tmp"
        try:
            self._fetch(at, path, str(made.get("checksum") or ""))
            yield path
        finally:
            path.unlink(missing_ok=True)
            self._ask("DELETE", at, params={"wait": "true"})

    def put_back(self, collection: str, path: Path) -> None:
        """Make a collection of a snapshot.

        Raises:
            StorageError: the server refused it.
            IndexUnavailableError: the server went away.
        """
        with path.open("rb") as file:
            self._ask(
                "POST",
                f"{self._at(collection)}/snapshots/upload",
                params={"wait": "true", "priority": "snapshot"},
                files={"snapshot": (path.name, file, "application/octet-stream")},
            )

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _at(self, collection: str) -> str:
        return f"/collections/{self._prefix}{collection}"

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        with self._told(f"{method} {path}"):
            answer = self._http.request(method, path, **given)
            self._check(answer, f"{method} {path}")
            return answer.json()["result"]

    def _fetch(self, at: str, path: Path, checksum: str) -> None:
        digest = hashlib.sha256()
        with self._told(f"GET {at}"), self._http.stream("GET", at) as answer, path.open("wb") as file:
            if answer.is_error:
                answer.read()
            self._check(answer, f"GET {at}")
            for block in answer.iter_bytes(_BLOCK):
                digest.update(block)
                file.write(block)
        if checksum and digest.hexdigest() != checksum:
            raise StorageError(f"the snapshot from {self._url} was damaged on its way; take it again")

    def _check(self, answer: httpx.Response, what: str) -> None:
        if answer.is_error:
            said = answer.text[:200]
            raise StorageError(f"Qdrant at {self._url} answered {answer.status_code} to {what}: {said}")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise IndexUnavailableError(
                f"Qdrant at {self._url} went away during {what}: {type(error).__name__} {error}"
            ) from error
