"""Pages of one answer: cursors, and the rankings that they point into.

A cursor names the search, the state of the collection, the depth and a position. The
ranking of the first page is kept for a while, so that later pages continue it even
when documents change. When it is no longer kept, and the collection is still in the
same state, it is made again; else the cursor has expired.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import threading
import time
from collections import OrderedDict
from dataclasses import astuple, dataclass
from typing import Any, Generic, TypeVar

import msgspec

from encoders.errors import InvalidInputError
from retriever.errors import CursorExpiredError
from retriever.options import SearchOptions

T = TypeVar("T")

_PREFIX = "c_"
_KEPT = 256
_KEPT_S = 900.0
_NOT_THE_SEARCH = ("cursor", "limit", "evidence", "facets", "fields", "offset_unit", "explain", "request_id")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins.

    Attributes:
        search: hash of what was asked.
        state: names the collection's state and the profile.
        depth: documents taken from each side.
        offset: documents of earlier pages.
        again: the ranking can be made again; False when it depended on time.
    """

    search: str
    state: str
    depth: int
    offset: int
    again: bool = True

    def write(self) -> str:
        """Return the opaque form."""
        data = json.dumps(astuple(self), separators=(",", ":")).encode()
        return _PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_cursor(text: str, options: SearchOptions) -> Cursor:
    """Read a cursor and check that it belongs to the search.

    Raises:
        InvalidInputError: it is no cursor, or one of another search.
    """
    cursor = Cursor(*_decode(text, (str, str, int, int, bool)))
    if cursor.search != search_hash(options):
        raise InvalidInputError("the cursor belongs to another search; send the search it came from")
    return cursor


def search_hash(options: SearchOptions) -> str:
    """Name what is asked; page size and what is shown of a hit are not part of it."""
    asked = msgspec.to_builtins(options, enc_hook=str)
    symbols = asked["evidence"]["symbols"]  # these choose documents too
    asked = {name: value for name, value in asked.items() if name not in _NOT_THE_SEARCH}
    data = msgspec.json.encode([asked, symbols], order="sorted")
    return hashlib.sha256(data).hexdigest()[:24]


def expired() -> CursorExpiredError:
    """Return the error of a cursor whose ranking is gone."""
    return CursorExpiredError(
        f"the answer of this cursor is kept for {_KEPT_S / 60:.0f} minutes and the collection has changed "
        "since; search again from the first page"
    )


def write_place(doc_id: str) -> str:
    """Return the opaque form of a place in a list by id."""
    return _PREFIX + base64.urlsafe_b64encode(json.dumps([doc_id]).encode()).decode().rstrip("=")


def read_place(text: str) -> str:
    """Read what `write_place` wrote.

    Raises:
        InvalidInputError: it is no such cursor.
    """
    [doc_id] = _decode(text, (str,))
    return str(doc_id)


def _decode(text: str, kinds: tuple[type, ...]) -> list[Any]:
    data = text.removeprefix(_PREFIX)
    try:
        values = json.loads(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(f"{text!r} is no cursor") from error
    if not isinstance(values, list) or list(map(type, values)) != list(kinds):
        raise InvalidInputError(f"{text!r} is no cursor of this call")
    return values


class Kept(Generic[T]):
    """Values kept for a while by name, the least recently used dropped first."""

    def __init__(self, size: int = _KEPT, seconds: float = _KEPT_S) -> None:
        self._size = size
        self._seconds = seconds
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, name: str, value: T) -> None:
        """Keep a value."""
        with self._lock:
            self._values[name] = (time.monotonic(), value)
            self._values.move_to_end(name)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def get(self, name: str) -> T | None:
        """Return a value that is still kept."""
        with self._lock:
            made, value = self._values.get(name, (0.0, None))
            if value is None or time.monotonic() - made > self._seconds:
                self._values.pop(name, None)
                return None
            self._values.move_to_end(name)
            return value
