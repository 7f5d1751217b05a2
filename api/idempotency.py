"""Answers kept for their Idempotency-Key, so that a call that is sent twice is done once.

They are kept in a file beside the store and survive the service. Only calls that change
something take a key; their answers hold no document text.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retriever.errors import IdempotencyError

HEADER: Final = "Idempotency-Key"
MAX_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes


class KeptAnswers:
    """Answers by name. Safe to use from several threads.

    Args:
        path: an SQLite file; made at the first use.
        ttl_s: how long an answer is kept.
        entries: how many are kept; the oldest go first.
    """

    def __init__(self, path: Path, *, ttl_s: float, entries: int) -> None:
        self._path = path
        self._ttl_s = ttl_s
        self._entries = entries
        self._at_work: set[str] = set()
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None

    def begin(self, name: str, request_digest: str) -> KeptAnswer | None:
        """Return the answer to an earlier call of this name; None when this is the first, which has begun.

        Raises:
            IdempotencyError: the first is still at work, or was another request.
        """
        with self._lock:
            row = (
                self._open()
                .execute(
                    "SELECT request, status, headers, body FROM answers WHERE name = ? AND at > ?",
                    (name, time.time() - self._ttl_s),
                )
                .fetchone()
            )
            if row is None:
                if name in self._at_work:
                    raise IdempotencyError(
                        "the first call with this Idempotency-Key is still at work; wait for it"
                    )
                self._at_work.add(name)
                return None
        if row[0] != request_digest:
            raise IdempotencyError("this Idempotency-Key was used for another request; choose a new one")
        headers = dict(line.split(": ", 1) for line in row[2].splitlines())
        return KeptAnswer(row[1], headers, row[3])

    def end(self, name: str, request_digest: str, answer: KeptAnswer | None) -> None:
        """Keep the answer; None when there is none to keep, so that the call can be made again."""
        with self._lock:
            self._at_work.discard(name)
            if answer is None:
                return
            headers = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
            file, now = self._open(), time.time()
            with file:
                file.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                    (name, request_digest, now, answer.status, headers, answer.body),
                )
                file.execute("DELETE FROM answers WHERE at <= ?", (now - self._ttl_s,))
                file.execute(
                    "DELETE FROM answers WHERE name NOT IN "
                    "(SELECT name FROM answers ORDER BY at DESC LIMIT ?)",
                    (self._entries,),
                )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self._path, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS answers "
                "(name TEXT PRIMARY KEY, request TEXT, at REAL, status INTEGER, headers TEXT, body BLOB)"
            )
        return self._file


def digest(*parts: bytes) -> str:
    """Name a request by what it is made of."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()
