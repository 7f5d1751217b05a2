"""What makes a document storable: canonical text, checked ids and metadata, content hashes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from indexers.errors import InvalidDocumentError

if TYPE_CHECKING:
    from encoders.types import Document, Metadata
    from indexers.types import FieldKind

MAX_ID_BYTES = 512
_BYTES = 0xDC00  # file names: a byte that is no UTF-8 is read as this and the byte
_SURROGATE = re.compile("[\ud800-\udfff]")
_KEY = re.compile(r'[^.\[\]"\x00-\x1f\ud800-\udfff]{1,128}')


def canonical(text: str) -> tuple[str, str]:
    """Replace lone surrogates, which no UTF-8 file can hold, by U+FFFD; offsets stay as they are.

    Returns:
        The text and a note, empty when nothing was replaced.
    """
    text, count = _SURROGATE.subn("\N{REPLACEMENT CHARACTER}", text)
    return text, f"{count} lone surrogates were replaced by U+FFFD" if count else ""


def printable(text: str) -> str:
    r"""Write lone surrogates as escapes, so that the text can be stored and shown.

    One that stands for a byte of a file name becomes that byte, such as ``\xff``.
    """
    return _SURROGATE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - _BYTES:02x}" if _BYTES + 0x80 <= code <= _BYTES + 0xFF else f"\\u{code:04x}"


def checked(document: Document) -> Document:
    """Return ``document``, which can be stored.

    Raises:
        InvalidDocumentError: it cannot; the message names the field, and a lone surrogate's place.
    """
    check_id(document.id)
    for name in ("title", "source", "media_type", "text"):
        _check_string(getattr(document, name), document.id, f"the {name}")
    for note in document.notes:
        _check_string(note, document.id, "a note")
    check_metadata(document.metadata, document.id)
    _check_marks(document)
    return document


def _check_string(value: str, doc_id: str, name: str) -> None:
    if problem := _surrogate_in(value):
        raise InvalidDocumentError(f"{name} of {doc_id!r} {problem}", id=doc_id)


def _surrogate_in(value: str) -> str:
    """Say where a string holds a lone surrogate, empty when it holds none."""
    found = _SURROGATE.search(value)
    return f"holds a lone surrogate at character {found.start()}, which no UTF-8 can hold" if found else ""


def _check_marks(document: Document) -> None:
    last = len(document.text)
    for mark in document.marks:
        if isinstance(mark.value, str):
            _check_string(mark.value, document.id, f"a {mark.kind} mark")
        if not 0 <= mark.span.start <= mark.span.end <= last:
            raise InvalidDocumentError(
                f"a {mark.kind} mark of {document.id!r} lies at [{mark.span.start}, {mark.span.end}), "
                f"the text has {last} code points",
                id=document.id,
            )


def check_metadata(metadata: Metadata, doc_id: str) -> None:
    """Refuse metadata that cannot be stored and filtered by.

    Raises:
        InvalidDocumentError: with the field and the reason.
    """
    _check_mapping(metadata, doc_id, "metadata")


def check_id(doc_id: str) -> None:
    """Refuse an id that is empty, too long or not printable.

    Raises:
        InvalidDocumentError: with the reason.
    """
    if not isinstance(doc_id, str) or not doc_id:
        raise InvalidDocumentError(f"a document id is a string that is not empty, got {doc_id!r}")
    if problem := _surrogate_in(doc_id):
        raise InvalidDocumentError(f"the document id {doc_id!r} {problem}")
    if not doc_id.isprintable():
        raise InvalidDocumentError(f"the document id {doc_id!r} holds characters that do not print")
    if (size := len(doc_id.encode())) > MAX_ID_BYTES:
        raise InvalidDocumentError(
            f"a document id has at most {MAX_ID_BYTES} bytes, {doc_id[:40]!r}… has {size}"
        )


def content_hash(text: str) -> str:
    """Return ``sha256:`` and the digest of a canonical text."""
    return "sha256:" + sha256(text.encode()).hexdigest()


def plain_metadata(metadata: Metadata) -> dict[str, Any]:
    """Return metadata as plain JSON containers."""
    return {key: _plain(value) for key, value in metadata.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_metadata(value)
    return list(value) if isinstance(value, list | tuple) else value


def field_types(metadata: Mapping[str, Any], prefix: str = "metadata") -> Iterator[tuple[str, FieldKind]]:
    """Yield each field of stored metadata by its dotted name, with the type it holds."""
    for key, value in metadata.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            yield from field_types(value, name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, bool):
                yield name, "boolean"
            elif isinstance(one, str):
                yield name, "string"
            elif isinstance(one, int | float):
                yield name, "number"


def _check_mapping(value: Metadata, doc_id: str, name: str) -> None:
    for key, one in value.items():
        path = f"{name}.{key}"
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise InvalidDocumentError(
                f"{path!r} of {doc_id!r}: a metadata key is 1 to 128 characters without . [ ], quotes "
                "and lone surrogates",
                id=doc_id,
            )
        if isinstance(one, Mapping):
            _check_mapping(one, doc_id, path)
        elif isinstance(one, list | tuple):
            for element in one:
                _check_scalar(element, doc_id, path, inside_list=True)
        else:
            _check_scalar(one, doc_id, path)


def _check_scalar(value: object, doc_id: str, path: str, *, inside_list: bool = False) -> None:
    problem = ""
    if value is None and not inside_list:
        return
    if not isinstance(value, str | int | float):
        known = "a string, number, boolean, list or object"
        problem = f"{type(value).__name__} cannot be filtered by; use {known}"
    elif isinstance(value, str):
        problem = f"the string {found}" if (found := _surrogate_in(value)) else ""
    elif isinstance(value, float) and not math.isfinite(value):
        problem = f"{value} is not JSON"
    elif isinstance(value, int) and abs(value) >= 1 << 63:
        problem = "the number does not fit into 64 bits; store it as a string"
    if problem:
        raise InvalidDocumentError(f"{path} of {doc_id!r}: {problem}", id=doc_id, field=path)
