"""Values shared by every room: documents, segments, spans, and what was read of them.

Offsets are Unicode code points of the canonical text, half-open ``[start, end)``.
Importing this module loads no library beyond the standard one, so the light
client can use the same types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray: TypeAlias = npt.NDArray[np.float32]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    BoolArray: TypeAlias = npt.NDArray[np.bool_]

TextKind: TypeAlias = Literal["query", "document"]
"""Which side of a search a text stands on; models may prompt the two differently."""

SegmentKind: TypeAlias = Literal["prose", "code", "table"]

MarkKind: TypeAlias = Literal[
    "page", "boxes", "heading", "speaker", "time", "sheet", "cells", "slide", "symbol", "recognised"
]

Metadata: TypeAlias = Mapping[str, Any]
"""JSON values by key: scalars, lists of scalars, and objects of the same kind."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range ``[start, end)`` of code points."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span needs 0 <= start <= end, got [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def overlap(self, other: Span) -> int:
        """Count the code points that both spans hold."""
        return max(0, min(self.end, other.end) - max(self.start, other.start))

    def of(self, text: str) -> str:
        """Return the part of ``text`` under this span."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Mark:
    """One structural fact that holds for a range of the text.

    A page mark covers its page; a heading mark covers its whole section, from
    the heading to the next one of the same or a higher level.

    Attributes:
        kind: what the fact is about.
        span: where it holds.
        value: page number, heading text, speaker name, seconds, symbol signature.
        level: depth of a heading or symbol, 1 is outermost; 0 where depth means nothing.
    """

    kind: MarkKind
    span: Span
    value: str | int | float
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBox:
    """A rectangle of a page, in points from its lower left corner before the page is turned."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    unit: Literal["pt"] = "pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a span lies, in a reader's terms. A key that is unknown is None, never guessed.

    Lines and pages count from 1 and include both ends.

    Attributes:
        boxes: where the lines of the span stand on their pages, a paragraph or column a box.
        text_source: ``recognised`` when a picture of the text was read, ``native`` when the file of pages
            holds the text itself.
        symbol: signature of the innermost definition that the span is about: the one that holds at least half
            of it, else the one that it starts in, else the first that starts in it.
        symbol_path: that signature and those of the definitions around it, outermost first.
    """

    line_start: int | None = None
    line_end: int | None = None
    page_start: int | None = None
    page_end: int | None = None
    boxes: tuple[PageBox, ...] = ()
    text_source: Literal["native", "recognised"] | None = None
    heading_path: tuple[str, ...] = ()
    symbol: str | None = None
    symbol_path: tuple[str, ...] = ()
    speaker: str | None = None
    time_start: float | None = None
    time_end: float | None = None
    sheet: str | None = None
    cell_range: str | None = None
    slide: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A canonical text with its structure and the caller's metadata.

    Attributes:
        id: the caller's name for it: printable, at most 512 bytes, may hold slashes.
        text: Unicode without lone surrogates; see `indexers.documents.canonical`.
        title: what a reader would call it; empty when unknown.
        source: where it came from, a path or URL; empty when unknown.
        media_type: MIME type; chooses the segmenter.
        metadata: JSON values to filter by.
        marks: structure in order of start; lines are not marks, they are read off the text.
        notes: what was changed or could not be read when the bytes became text.
    """

    id: str
    text: str
    title: str = ""
    source: str = ""
    media_type: str = "text/plain"
    metadata: Metadata = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A name that a segment of code defines."""

    name: str
    kind: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A tile of a document: tiles in order are its text, character for character.

    Attributes:
        ordinal: its place in the document, from 0.
        span: the tile.
        context_start: where the encoder starts to read; ``context_start <= span.start``.
        tokens: tokens of the tile, without context and special tokens.
        kind: what the tile holds.
        breadcrumb: read by the encoder before the text and never part of the tile.
        symbols: what the tile defines.
    """

    ordinal: int
    span: Span
    context_start: int
    tokens: int
    kind: SegmentKind = "prose"
    breadcrumb: str = ""
    symbols: tuple[Symbol, ...] = ()

    def reading(self, text: str) -> str:
        """Return what the encoder reads for this tile of ``text``."""
        read = text[self.context_start : self.span.end]
        return f"{self.breadcrumb}\n{read}" if self.breadcrumb else read


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationReport:
    """By which rules a document was cut.

    Attributes:
        rules: ``prose``, ``markdown``, ``syntax``, ``lines`` or ``window``.
        language: of code, empty when unknown or not code.
        reason: why weaker rules than configured were used, or what troubled them; empty when nothing did.
    """

    rules: str
    language: str = ""
    reason: str = ""

    @property
    def note(self) -> str:
        """One sentence for the document's notes; empty when nothing is to be told."""
        how = "along its syntax" if self.rules == "syntax" else f"by {self.rules}"
        return f"{self.language or 'text'} cut {how}: {self.reason}" if self.reason else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What of a text got into vectors.

    A token the model does not know (``[UNK]``) and a printable character that
    belongs to no token are *not* embedded. White space never counts.

    Attributes:
        tokens: tokens of the text, special tokens excluded, unknown ones included.
        embedded: of these, the tokens that some vector holds.
        unknown: tokens that stand for text the model does not know.
        lost_characters: printable characters under unknown tokens, under no token, or cut off.
        segments: pieces encoded.
        truncated: True when the text was cut, which only the policy ``truncate`` does.
        reasons: why something is missing, one sentence each, empty when nothing is.
    """

    tokens: int = 0
    embedded: int = 0
    unknown: int = 0
    lost_characters: int = 0
    segments: int = 0
    truncated: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Return embedded tokens over tokens; 1.0 for a text without any."""
        return self.embedded / self.tokens if self.tokens else float(self.lost_characters == 0)

    @property
    def complete(self) -> bool:
        """Tell whether nothing printable is missing."""
        return self.embedded == self.tokens and self.lost_characters == 0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(
            tokens=self.tokens + other.tokens,
            embedded=self.embedded + other.embedded,
            unknown=self.unknown + other.unknown,
            lost_characters=self.lost_characters + other.lost_characters,
            segments=self.segments + other.segments,
            truncated=self.truncated or other.truncated,
            reasons=tuple(dict.fromkeys(self.reasons + other.reasons)),
        )


@dataclass(frozen=True, slots=True)
class TokenSpans:
    """The tokens of one text, special tokens excluded.

    Attributes:
        offsets: ``(tokens, 2)`` int64, the characters of each token.
        known: ``(tokens,)`` bool, False where the model sees only ``[UNK]``.
        word_starts: ``(tokens,)`` bool, True where a token begins a word, so
            that cutting the text there leaves the tokens of both sides unchanged.
    """

    offsets: IntArray
    known: BoolArray
    word_starts: BoolArray

    def __len__(self) -> int:
        return len(self.offsets)


@dataclass(frozen=True, slots=True)
class TokenEmbeddings:
    """Token vectors of one text.

    Attributes:
        vectors: ``(tokens, dim)`` float32.
        offsets: ``(tokens, 2)`` int64, the characters of each token; ``start == end`` for special tokens.
    """

    vectors: FloatArray
    offsets: IntArray


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of several texts with the ledger of each.

    Attributes:
        vectors: ``(texts, dim)`` float32, unit rows; a row of a text without any token is zero.
        coverage: one ledger per text, in order.
    """

    vectors: FloatArray
    coverage: tuple[Coverage, ...]
