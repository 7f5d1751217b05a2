"""The seam below a search: exact scores of segments and documents, by tables or by asking the index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from encoders.types import Span
from indexers.identifiers import segment_point

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encoders.types import SegmentKind
    from indexers.catalogue import Entry
    from indexers.filters import Filter
    from indexers.types import Scored, SparseVector
    from retriever.types import ComponentName


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query made ready for the index.

    Attributes:
        dense: the query's vector.
        lexical: its terms.
        tokens: length of the query as the encoder counts.
        where: only documents that match.
        read: documents that were read whole before, by id.
    """

    text: str
    dense: Sequence[float]
    lexical: SparseVector
    where: Filter | None
    tokens: int = 0
    read: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a search needs of one version of a document.

    Attributes:
        scores: its components, exact.
        dense: its segments by cosine, by point; of very many the best.
        lexical: likewise by BM25, those that share a term.
        whole: all of it is of this version for certain.
    """

    entry: Entry
    scores: Mapping[ComponentName, float]
    dense: Mapping[str, Scored]
    lexical: Mapping[str, Scored]
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best documents of each side.

    Attributes:
        documents: their ids.
        segments: nearest live segments seen.
        dead: segments passed over because their version is not live.
        exhausted: every document that matches is among them.
    """

    documents: frozenset[str]
    segments: int
    dead: int
    exhausted: bool


@dataclass(frozen=True, slots=True)
class ScoredSegment:
    """A segment with its exact cosine and BM25; 0 where it has no vector or shares no term.

    Attributes:
        described: its point may tell what of a program it belongs to or defines.
    """

    entry: Entry
    ordinal: int
    span: Span
    kind: SegmentKind
    dense: float
    lexical: float
    described: bool

    @property
    def point(self) -> str:
        """Its point in the index."""
        return segment_point(self.entry.generation, self.ordinal)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredSegments:
    """The best segments of one document, column by column.

    Attributes:
        entry: the document.
        dense: ``(segments,)`` exact cosines, 0 where a segment has no vector; the others likewise.
        lexical: exact BM25, 0 where it shares no term.
        described: see `ScoredSegment`.
    """

    entry: Entry
    ordinals: Sequence[int]
    spans: Sequence[tuple[int, int]]
    kinds: Sequence[SegmentKind]
    dense: Sequence[float]
    lexical: Sequence[float]
    described: Sequence[bool]

    def __len__(self) -> int:
        return len(self.ordinals)

    def __getitem__(self, place: int) -> ScoredSegment:
        return ScoredSegment(
            self.entry,
            self.ordinals[place],
            Span(*self.spans[place]),
            self.kinds[place],
            self.dense[place],
            self.lexical[place],
            self.described[place],
        )


class Scorer(Protocol):
    """Scores for one question; `find` comes first."""

    def find(self, depth: int) -> Found:
        """Return the best documents, ``depth`` of each side."""
        ...

    def score(self, entries: Mapping[str, Entry]) -> dict[ComponentName, tuple[float, ...]]:
        """Return every component's exact score of each document, by component."""
        ...

    def score_segments(
        self, entries: Sequence[Entry], wanted: Filter | None, depth: int
    ) -> list[ScoredSegments]:
        """Return the best segments of each document by either side, ``depth`` of each, scored on both."""
        ...
