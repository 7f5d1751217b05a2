"""The documents of a collection, one row each, kept in memory and stored in their points."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from encoders.types import Coverage
from indexers.languages import ENGLISH

if TYPE_CHECKING:
    from indexers.types import Payload

DOCUMENT = "document"
SEGMENT = "segment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The live version of a document.

    Attributes:
        generation: UUIDv7 that its segments carry; a segment of another generation is dead.
        version: counts replacements from 1.
        revision: counts the edits of this version that touched no text, from 0.
        text: reference into the text store.
        recipe: hash of the rules its segments were made by.
        segments: how many there are, ordinals 0 to ``segments - 1``.
        terms: length of the document in terms.
        language: by which its words became terms; ISO 639-1, ``und`` when it does not show.
        segment_terms: sum of the lengths of its segments in terms, breadcrumbs included.
        segmentation_note: why its segments are weaker than configured; empty when they are not.
    """

    doc_id: str
    generation: str
    version: int
    content_hash: str
    text: str
    title: str
    source: str
    media_type: str
    characters: int
    updated_at: str
    metadata: dict[str, Any]
    coverage: Coverage
    notes: tuple[str, ...]
    recipe: str
    segments: int
    terms: int
    segment_terms: int
    revision: int = 0
    language: str = ENGLISH
    segmentation_note: str = ""

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What its parser and its segmenter have to tell."""
        return (*self.notes, self.segmentation_note) if self.segmentation_note else self.notes

    def to_payload(self, *, lexical_average: float) -> Payload:
        """Write the payload of the document's point."""
        return {"point": DOCUMENT, **asdict(self), "lexical_average": lexical_average}

    @staticmethod
    def from_payload(payload: Payload) -> Entry:
        """Read what `to_payload` wrote."""
        values = {name: payload[name] for name in Entry.__dataclass_fields__ if name in payload}
        ledger = dict(values["coverage"], reasons=tuple(values["coverage"]["reasons"]))
        return Entry(**{**values, "coverage": Coverage(**ledger), "notes": tuple(values["notes"])})


def shared_payload(entry: Entry) -> Payload:
    """Return the fields that segments carry too, so that filters hold on both."""
    return {
        "doc_id": entry.doc_id,
        "generation": entry.generation,
        "title": entry.title,
        "source": entry.source,
        "media_type": entry.media_type,
        "updated_at": entry.updated_at,
        "metadata": entry.metadata,
    }
