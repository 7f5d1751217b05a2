"""Where the words of an earlier answer are now."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from encoders.errors import InvalidInputError
from encoders.types import Span
from indexers.history import find_again, surroundings
from retriever.types import Resolution

if TYPE_CHECKING:
    from indexers.collection import Collection
    from indexers.history import KeptVersion

_PREFIX = "ev_"


def evidence_id(generation: str, span: Span) -> str:
    """Name a span of one version of a document."""
    data = (
        bytes.fromhex(generation.replace("-", ""))
        + span.start.to_bytes(5, "big")
        + len(span).to_bytes(3, "big")
    )
    return _PREFIX + base64.urlsafe_b64encode(data).decode()


def parse_evidence_id(name: str) -> tuple[str, Span]:
    """Return the generation and the span that an evidence id names.

    Raises:
        InvalidInputError: it is no evidence id.
    """
    try:
        data = base64.urlsafe_b64decode(name.removeprefix(_PREFIX))
        generation = str(UUID(bytes=data[:16]))
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(f"{name!r} is no evidence id", id=name) from error
    start, length = int.from_bytes(data[16:21], "big"), int.from_bytes(data[21:24], "big")
    return generation, Span(start, start + length)


def resolve_evidence(collection: Collection, name: str) -> Resolution:
    """Find the span that an evidence id names.

    Raises:
        InvalidInputError: it is no evidence id.
    """
    generation, span = parse_evidence_id(name)
    version = collection.version_of_generation(generation)
    if version is None:
        return Resolution(status="gone", reason="the version it was taken from is no longer kept")
    return _resolve(collection, version, span)


def resolve_span(collection: Collection, doc_id: str, number: int, span: Span) -> Resolution:
    """Find a span of a numbered version of a document."""
    version = collection.version(doc_id, number)
    if version is None:
        return Resolution(status="gone", document_id=doc_id, reason=f"version {number} of it is not kept")
    return _resolve(collection, version, span)


def _resolve(collection: Collection, version: KeptVersion, span: Span) -> Resolution:
    live = collection.entries.get(version.doc_id)
    old = collection.texts.text(version.text)
    quote = span.of(old)
    known = Resolution(
        status="gone",
        document_id=version.doc_id,
        version=version.version,
        live_version=live.version if live else None,
        text=quote,
    )
    if live is None:
        return replace(known, reason="the document was deleted")
    if live.generation == version.generation:
        return replace(known, status="current", start=span.start, end=span.end)
    found = find_again(quote, *surroundings(old, span), collection.text(live)) if quote else None
    if found is None:
        return replace(known, reason=f"its words are not, or not uniquely, in version {live.version}")
    return replace(known, status="moved", start=found.start, end=found.end)
