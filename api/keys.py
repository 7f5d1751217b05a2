"""API keys: made once, shown once, kept as hashes.

A key reads ``ld_ID_SECRET``. The secret has 256 bits of chance, so a plain SHA-256
keeps it: there is nothing to guess. The file is read again whenever it changed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from encoders.errors import InvalidInputError
from indexers.durable import write_replacing
from indexers.filters import AnyField, parse_filter
from retriever.wire import decode, encode

Level: TypeAlias = Literal["read", "write", "admin"]
LEVELS: Final[tuple[Level, ...]] = ("read", "write", "admin")
EVERY: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is known of a key; never its secret.

    Attributes:
        id: in front of the secret.
        name: whose it is, for people.
        digest: SHA-256 of the secret, hexadecimal.
        scopes: what it may do, by collection; ``*`` stands for every collection.
        filter: holds beside every filter of its user, who cannot widen it.
        expires_at: RFC 3339, empty for never.
    """

    id: str
    name: str
    digest: str
    scopes: Mapping[str, Level]
    created_at: str
    filter: Mapping[str, Any] | None = None
    expires_at: str = ""

    def level(self, collection: str) -> Level | None:
        """Return what the key may do with a collection, None for nothing."""
        return self.scopes.get(collection, self.scopes.get(EVERY))

    def allows(self, collection: str, level: Level) -> bool:
        """Tell whether the key may do so much with a collection."""
        own = self.level(collection)
        return own is not None and LEVELS.index(own) >= LEVELS.index(level)

    def allows_everywhere(self, level: Level) -> bool:
        """Tell whether the key may do so much with every collection, whatever it is called."""
        return EVERY in self.scopes and all(self.allows(name, level) for name in self.scopes)

    @property
    def expired(self) -> bool:
        """Tell whether its time is over."""
        return bool(self.expires_at) and datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyFile:
    keys: tuple[Key, ...] = ()
    format: int = field(default=1)


ANYONE: Final = Key(id="", name="anyone", digest="", scopes={EVERY: "admin"}, created_at="")
"""Who calls a service that needs no keys."""


class KeyFile:
    """The keys of a service. Safe to use from several threads.

    Args:
        path: a JSON file that only its owner reads; made with the first key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}

    def create(
        self,
        name: str,
        scopes: Mapping[str, Level],
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        expires_at: str = "",
    ) -> tuple[Key, str]:
        """Make a key and return it with its secret form, which nobody can read again.

        Raises:
            InvalidInputError: no scope, an unknown level, a time without a zone, or a filter on a
                key that may write: it could overwrite documents it may not see.
        """
        if not scopes or any(level not in LEVELS for level in scopes.values()):
            raise InvalidInputError(
                f"a key needs scopes COLLECTION=LEVEL, with a level of {', '.join(LEVELS)}"
            )
        if filter is not None and any(level != "read" for level in scopes.values()):
            raise InvalidInputError("a key with a filter may only read; give it the level read everywhere")
        if filter is not None:
            parse_filter(filter, fields=AnyField())
        check_time(expires_at)
        secret = secrets.token_urlsafe(32).replace("_", "-")
        key = Key(
            id=secrets.token_hex(6),
            name=name,
            digest=_digest(secret),
            scopes=dict(scopes),
            created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            filter=filter,
            expires_at=expires_at,
        )
        with self._lock:
            self._write({**self._read(), key.id: key})
        return key, f"ld_{key.id}_{secret}"

    def keys(self) -> tuple[Key, ...]:
        """Return all keys, the oldest first."""
        with self._lock:
            return tuple(sorted(self._read().values(), key=lambda key: key.created_at))

    def revoke(self, key_id: str) -> bool:
        """Remove a key; from then on nobody is let in by it. Tell whether there was one."""
        with self._lock:
            kept = dict(self._read())
            found = kept.pop(key_id, None)
            self._write(kept)
            return found is not None

    def find(self, presented: str) -> Key | None:
        """Return the key that this is, None when it is none, revoked or expired."""
        _, _, rest = presented.partition("ld_")
        key_id, _, secret = rest.partition("_")
        with self._lock:
            key = self._read().get(key_id)
        right = hmac.compare_digest(_digest(secret), key.digest if key else _digest(""))
        return key if key is not None and right and not key.expired else None

    def _read(self) -> dict[str, Key]:
        try:
            about = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._keys = None, {}
            return self._keys
        stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
        if stamp != self._stamp:
            found = decode(self._path.read_bytes(), _KeyFile)
            self._stamp, self._keys = stamp, {key.id: key for key in found.keys}
        return self._keys

    def _write(self, keys: Mapping[str, Key]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_replacing(self._path, encode(_KeyFile(keys=tuple(keys.values()))), mode=0o600)


def check_time(text: str) -> None:
    """Refuse a time that is not empty and not RFC 3339 with a zone.

    Raises:
        InvalidInputError: with an example.
    """
    try:
        known = not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise InvalidInputError(f"{text!r} is no time with a zone; write 2027-01-31T00:00:00Z")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
