"""The seams of this room: a vector index and a text store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from encoders.types import Document, Location, Mark, Span
    from indexers.filters import Filter
    from indexers.score_blocks import Keys
    from indexers.types import FieldKind, Payload, Point, Record, Scored, VectorQuery


class VectorIndex(Protocol):
    """Points with named vectors, found by vector, filter or id.

    Every method is safe to call from several threads. A write is visible to the
    next call; it survives a killed process at once and a power cut after `flush`.
    """

    def index_field(self, field: str, kind: FieldKind) -> None:
        """Make filters on a payload field quick; a field that is indexed already stays as it is.

        A field may hold values of other kinds too, which filters find all the same, slowly;
        but one of numbers must not hold dates: their ranges would be compared with the numbers.
        """
        ...

    def unindex_field(self, field: str) -> None:
        """Undo `index_field`; a field that is not indexed stays as it is."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points, replacing those with the same id.

        Raises:
            InvalidInputError: an unknown vector name, a wrong dimension, a value that
                is not finite, or a dense vector of zeros; nothing was written.
            DiskSpaceError: too little room; nothing was written.
        """
        ...

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Merge ``payload`` into the payload of existing points; ids that are missing are left out."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; missing ones are no error."""
        ...

    def delete_where(self, where: Filter) -> None:
        """Remove all points that match."""
        ...

    def query(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        """Answer each query with points by falling score, ties by id.

        A sparse query returns only points that share a term with it.
        """
        ...

    def retrieve(self, ids: Sequence[str], *, vectors: Sequence[str] = ()) -> list[Record]:
        """Return the points that exist, in the order of ``ids``."""
        ...

    def scroll(
        self, where: Filter | None, *, payload: Sequence[str] | None = None, vectors: Sequence[str] = ()
    ) -> Iterator[Record]:
        """Walk over all points that match, by id; ``payload`` None means all fields."""
        ...

    def count(self, where: Filter | None = None) -> int: ...

    def facet(self, field: str, where: Filter | None = None) -> dict[str, int]:
        """Count points per value of a keyword field."""
        ...

    def flush(self) -> None:
        """Make every write so far survive a power cut."""
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Let writers wait, so that what lies on disk stays as the last `flush` left it."""
        ...

    def rewrite(self) -> int:
        """Remove the bytes of what was deleted or replaced, and return how many fewer the files take.

        Writers wait, searches go on.

        Raises:
            DiskSpaceError: there is no room for both the old files and the new; nothing has changed.
        """
        ...

    def close(self) -> None:
        """Flush and let go; further calls fail."""
        ...


class KeyedIndex(VectorIndex, Protocol):
    """An index in this process, whose nearest points can be named by numbers."""

    def nearest_keys(self, query: VectorQuery) -> Keys:
        """Return the first 64 bits of the ids of the nearest points, in any order."""
        ...


class TextStore(Protocol):
    """Canonical text and structure, immutable, addressed by content."""

    def put(self, document: Document) -> str:
        """Store text and marks and return their reference; the same content gives the same one."""
        ...

    def sync(self) -> None:
        """Make everything put so far survive a power cut."""
        ...

    def copy_to(self, other: Self, reference: str) -> None:
        """Write a stored text into another store, under the same reference.

        Raises:
            CorruptTextError: a page is missing or altered.
        """
        ...

    def text(self, reference: str, start: int = 0, end: int | None = None) -> str:
        """Return the code points ``[start, end)`` of a stored text.

        Raises:
            CorruptTextError: a page is missing or altered.
        """
        ...

    def marks(self, reference: str) -> tuple[Mark, ...]:
        """Return the marks of a stored text."""
        ...

    def locate(self, reference: str, span: Span) -> Location:
        """Return lines, pages, headings and further facts of a span."""
        ...
