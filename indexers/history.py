"""Versions that are no longer live, kept so that a citation still finds its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID, uuid5

from encoders.types import Span
from indexers.types import Payload, Point

if TYPE_CHECKING:
    from indexers.catalogue import Entry

VERSION = "version"
_CONTEXT = 64

Whereabouts: TypeAlias = Literal["current", "moved", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVersion:
    """What is remembered of a version."""

    doc_id: str
    version: int
    generation: str
    content_hash: str
    text: str
    characters: int
    updated_at: str

    @staticmethod
    def of(entry: Entry) -> KeptVersion:
        """Remember a version that is live."""
        return KeptVersion(**{name: getattr(entry, name) for name in KeptVersion.__dataclass_fields__})

    @staticmethod
    def from_payload(payload: Payload) -> KeptVersion:
        """Read the payload of a version's or a document's point."""
        return KeptVersion(**{name: payload[name] for name in KeptVersion.__dataclass_fields__})


def kept_point(entry: Entry) -> Point:
    """Return the point that remembers a version from now on."""
    remembered = KeptVersion.of(entry)
    payload = {name: getattr(remembered, name) for name in KeptVersion.__dataclass_fields__}
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Point(
        id=str(uuid5(UUID(entry.generation), VERSION)),
        vectors={},
        payload={"point": VERSION, **payload, "replaced_at": now},
    )


def find_again(quote: str, before: str, after: str, text: str) -> Span | None:
    """Find a quotation in another version of its text.

    Of several places the one whose surroundings are most like the old ones is taken;
    equally good ones mean that there is no telling, and nothing is found.

    Args:
        quote: the words, not empty.
        before: what stood before them.
        after: what stood after them.
        text: where to look.
    """
    places = list(_occurrences(quote, text))
    if len(places) < 2:
        return places[0] if places else None
    likeness = [_likeness(before, after, place, text) for place in places]
    best = max(likeness)
    return places[likeness.index(best)] if likeness.count(best) == 1 else None


def surroundings(text: str, span: Span) -> tuple[str, str]:
    """Return what stands before and after a span."""
    return text[max(0, span.start - _CONTEXT) : span.start], text[span.end : span.end + _CONTEXT]


def _occurrences(quote: str, text: str) -> list[Span]:
    places = []
    start = text.find(quote)
    while start >= 0:
        places.append(Span(start, start + len(quote)))
        start = text.find(quote, start + 1)
    return places


def _likeness(before: str, after: str, place: Span, text: str) -> float:
    left, right = surroundings(text, place)
    pairs = ((before, left), (after, right))
    return sum(SequenceMatcher(None, old, new, autojunk=False).ratio() for old, new in pairs)
