"""What travels over the socket: one JSON message a frame.

The caller opens with `Hello` and gets `Welcome`. Then it sends `Call`, followed for
``add`` by `Item` frames and one that is empty; it gets any number of
`Reply` frames with progress and one with a result or an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from encoders.types import Document
from indexers.report import Progress, UnreadItem
from retriever.wire import WireError

PROTOCOL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who is calling; ``wants_store`` asks for nothing but that the process ends when nobody uses it."""

    protocol: int
    version: str
    wants_store: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Who answers; ``accepted`` is False when the versions do not go together, or the store is wanted."""

    protocol: int
    version: str
    pid: int
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A method of an engine with its arguments."""

    method: str
    collection: str = "default"
    encoder: str = "bundled"
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One document of an ``add``, or why it cannot be stored.

    One with neither ends them, ``broken`` when the caller's source failed.
    """

    document: Document | None = None
    refused: UnreadItem | None = None
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Progress, or the end of a call with a result or an error."""

    progress: Progress | None = None
    error: WireError | None = None
    result: Any = None
    done: bool = False
