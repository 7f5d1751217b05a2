"""Values to JSON answers."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from fastapi import Response
from pydantic import BaseModel

from encoders.errors import InvalidInputError
from retriever.types import DocumentInfo

T = TypeVar("T")

_BAGS = frozenset({"location"})


class Page(BaseModel, Generic[T]):
    """The envelope of every list; ``next_cursor`` is null on the last page."""

    data: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list goes on: after an item, in the list that ``query`` names."""

    after: str
    query: str = ""

    def text(self) -> str:
        """Return the form that callers pass on without reading it."""
        return "c_" + base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def read_cursor(text: str, *, query: str = "") -> Cursor:
    """Read a cursor.

    Raises:
        InvalidInputError: it is none, or one of another list.
    """
    try:
        body = text.removeprefix("c_").encode()
        cursor = msgspec.json.decode(
            base64.b64decode(body + b"=" * (-len(body) % 4), altchars=b"-_", validate=True), type=Cursor
        )
    except (binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise InvalidInputError("the cursor was not given by this service; start the list anew") from error
    if cursor.query != query:
        raise InvalidInputError("the cursor belongs to another list; start the list anew")
    return cursor


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Write dataclasses, containers and scalars as JSON; keys of a location that are unknown are absent."""
    plain = _without_unknown(msgspec.to_builtins(value))
    return Response(msgspec.json.encode(plain), status, dict(headers or {}), "application/json")


def _without_unknown(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: {key: held for key, held in part.items() if held not in (None, [], ())}
            if name in _BAGS and isinstance(part, dict)
            else _without_unknown(part)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_unknown(one) for one in value]
    return value


def etag(info: DocumentInfo) -> str:
    """Return the entity tag of a document: its version, and a digest that changes with its metadata."""
    digest = hashlib.blake2b(
        msgspec.json.encode([info.content_hash, info.title, info.source, info.metadata], order="sorted"),
        digest_size=6,
    )
    return f'"{info.version}-{digest.hexdigest()}"'


def agrees(condition: str, info: DocumentInfo) -> bool:
    """Tell whether an ``If-Match`` names this document: its tag, its bare version, or ``*``."""
    own = etag(info)
    for one in condition.split(","):
        tag = one.strip().removeprefix("W/")
        if tag in ("*", own) or tag.strip('"') == str(info.version):
            return True
    return False
