"""Names for generations and points."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID, uuid5

_NAMESPACE = UUID("5d3f1c52-6f0a-4d0c-9a53-0e6c1a2b7f10")
_lock = threading.Lock()
_last_ms = 0


def new_generation() -> UUID:
    """Return a UUIDv7: later calls in this process sort after earlier ones.

    Source:
        RFC 9562, section 5.7.
    """
    global _last_ms
    with _lock:
        _last_ms = now_ms = max(time.time_ns() // 1_000_000, _last_ms + 1)
    randomness = int.from_bytes(os.urandom(10), "big")
    value = (now_ms & (1 << 48) - 1) << 80 | randomness & (1 << 76) - 1
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def begin_after(generation: str) -> None:
    """Make later generations sort after this one, whatever the clock says: it may have been set back."""
    global _last_ms
    with _lock:
        _last_ms = max(_last_ms, UUID(generation).int >> 80)


def document_point(doc_id: str) -> str:
    """Return the point id of a document: writing this point again replaces the document."""
    return str(uuid5(_NAMESPACE, doc_id))


def segment_point(generation: str, ordinal: int) -> str:
    """Return the point id of a segment, the same at every retry."""
    return str(uuid5(UUID(generation), str(ordinal)))


def point_key(point: str) -> int:
    """Return the first 64 bits of a point's id."""
    return int(point.replace("-", "")[:16], 16)
