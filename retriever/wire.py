"""Values and errors to JSON bytes and back, the same for sockets and HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from encoders.errors import InvalidInputError, RetrievalError

T = TypeVar("T")

_BUILT_IN: dict[str, type[Exception]] = {
    error.__name__: error for error in (FileNotFoundError, TypeError, ValueError)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireError:
    """An error as it travels.

    Attributes:
        code: stable name of the class.
        message: what happened and what to do.
        details: the facts the message states.
    """

    code: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)


def encode(value: Any) -> bytes:
    """Write dataclasses, containers and scalars as JSON.

    Raises:
        InvalidInputError: a string holds a lone surrogate; the message names its place.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise not_unicode(error) from error


def not_unicode(error: UnicodeEncodeError) -> InvalidInputError:
    """Make the error of a string that UTF-8 cannot hold."""
    return InvalidInputError(
        f"{error.object[:80]!r} is not UTF-8: at character {error.start} it holds a lone surrogate or a byte "
        "of another encoding",
        character=error.start,
    )


def decode(data: bytes, kind: type[T]) -> T:
    """Read JSON as ``kind``, checking every field.

    Raises:
        ValueError: the bytes are no such value; the message names the place.
    """
    return msgspec.json.decode(data, type=kind)


def convert(value: Any, kind: type[T]) -> T:
    """Turn what was decoded as plain JSON into ``kind``, checking every field.

    Raises:
        InvalidInputError: it is no such value; the message names the place.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidInputError(str(error)) from error


def error_to_wire(error: Exception) -> WireError:
    """Describe an error; one that is not ours keeps only the name of its class."""
    if isinstance(error, RetrievalError):
        return WireError(code=error.code, message=str(error), details=dict(error.details))
    if type(error).__name__ in _BUILT_IN:
        return WireError(code=type(error).__name__, message=str(error))
    message = f"{type(error).__name__} in the store's process; see owner.log in the store's folder"
    return WireError(code="internal", message=message)


def error_from_wire(error: WireError) -> Exception:
    """Make the error that `error_to_wire` described."""
    if error.code in _BUILT_IN:
        return _BUILT_IN[error.code](error.message)
    kinds = {kind.code: kind for kind in all_errors()}
    return kinds.get(error.code, RetrievalError)(error.message, **error.details)


def all_errors(root: type[RetrievalError] = RetrievalError) -> Iterator[type[RetrievalError]]:
    """Walk over the error classes that are loaded, the root first."""
    yield root
    for kind in root.__subclasses__():
        yield from all_errors(kind)
