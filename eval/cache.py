"""Keeps vectors by the hash of their text, so that a repeated experiment does not encode again.

For experiments only: speed measured with it says nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from encoders.types import Coverage, Embeddings
from encoders.wrapping import WrappedEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from encoders.protocols import Encoder
    from encoders.types import FloatArray, TextKind, TokenEmbeddings


class CachedEncoder(WrappedEncoder):
    """An encoder that remembers, in one SQLite file per fingerprint of the encoder it wraps."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        super().__init__(encoder)
        folder.mkdir(parents=True, exist_ok=True)
        identity = json.dumps(encoder.fingerprint, sort_keys=True)
        self._path = folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.sqlite"
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, coverage TEXT)"
            )

    @property
    def encode_tokens_of(self) -> Callable[..., list[TokenEmbeddings]]:
        """The wrapped encoder's, where it has one; vectors of tokens are not remembered."""
        encode: Callable[..., list[TokenEmbeddings]] = cast("Any", self._encoder).encode_tokens_of
        return encode

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Look texts up, and embed those that are new, each once, in one call of the wrapped encoder."""
        keys = [_key(text, kind) for text in texts]
        with closing(self._connect()) as connection:
            known = _read(connection, keys)
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if missing:
                embedded = self._encoder.embed(list(missing.values()), kind=kind)
                fresh = dict(zip(missing, zip(embedded.vectors, embedded.coverage, strict=True), strict=True))
                _write(connection, fresh)
                known |= fresh
        vectors = [known[key][0] for key in keys]
        stacked = np.stack(vectors) if vectors else np.empty((0, self.dim), dtype=np.float32)
        return Embeddings(stacked, tuple(known[key][1] for key in keys))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=60)


def _key(text: str, kind: TextKind) -> bytes:
    return hashlib.sha256(f"{kind}\0{text}".encode("utf-8", "surrogatepass")).digest()


def _read(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, tuple[FloatArray, Coverage]]:
    found = {}
    for key in set(keys):
        row = connection.execute("SELECT vector, coverage FROM vectors WHERE key = ?", (key,)).fetchone()
        if row:
            ledger = json.loads(row[1])
            ledger["reasons"] = tuple(ledger["reasons"])
            found[key] = (np.frombuffer(row[0], dtype=np.float32), Coverage(**ledger))
    return found


def _write(connection: sqlite3.Connection, entries: dict[bytes, tuple[FloatArray, Coverage]]) -> None:
    rows = [
        (key, np.ascontiguousarray(vector).tobytes(), json.dumps(asdict(ledger)))
        for key, (vector, ledger) in entries.items()
    ]
    with connection:
        connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
