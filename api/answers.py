"""Values to JSON answers."""

from __future__ import annotations

import base64
import binascii
import re
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
_UNKNOWN: tuple[Any, ...] = (None, [], ())
_HOLDERS = frozenset({dict, list, tuple})
_TAG = re.compile(r'(?:W/)?"?(\d{1,9})(?:\.(\d{1,9}))?"?')


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
    """Answer with a value of ordinary size; a large one is written by `to_json` on a worker's thread."""
    return bytes_answer(to_json(value), status=status, headers=headers)


def bytes_answer(data: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that is written already."""
    return Response(data, status, dict(headers or {}), "application/json")


def to_json(value: Any) -> bytes:
    """Write dataclasses, containers and scalars as JSON; keys of a location that are unknown are absent."""
    plain = msgspec.to_builtins(value)
    _drop_unknown(plain)
    return msgspec.json.encode(plain)


def _drop_unknown(value: Any) -> None:
    """Take out of every location what is unknown; a large answer is not copied for it."""
    if type(value) is dict:
        for name, part in value.items():
            if name in _BAGS and type(part) is dict:
                value[name] = {key: held for key, held in part.items() if held not in _UNKNOWN}
            elif type(part) in _HOLDERS:
                _drop_unknown(part)
    elif type(value) in _HOLDERS:
        for one in value:
            _drop_unknown(one)


def etag(info: DocumentInfo) -> str:
    """Return the entity tag of a document: version and revision."""
    return f'"{info.version}.{info.revision}"'


@dataclass(frozen=True, slots=True)
class Condition:
    """What an ``If-Match`` asks for; None where it asks for nothing."""

    version: int | None = None
    revision: int | None = None


def read_if_match(header: str | None) -> Condition:
    """Read an ``If-Match``: an entity tag of ours, a bare version, or ``*``.

    Raises:
        InvalidInputError: it is something else.
    """
    if header is None or header.strip() == "*":
        return Condition()
    found = _TAG.fullmatch(header.strip())
    if found is None:
        raise InvalidInputError('If-Match takes one entity tag such as "3.0", or a version such as "3"')
    version, revision = found.groups()
    return Condition(int(version), int(revision) if revision is not None else None)
