"""Spans that a context shows, and how neighbours become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from encoders.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.types import SegmentKind
    from retriever.context.material import Window

_GAP: Final = 160
"""Code points between neighbours that are shown with them: they cost no more than a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A span of a document that the context shows.

    Attributes:
        source: place of its document in `Material.sources`.
        kind: of its best evidence.
        pieces: places of its evidence in `Material.pieces`, the best first.
        tokens: what it adds to the context.
    """

    source: int
    window: Window
    span: Span
    kind: SegmentKind
    pieces: tuple[int, ...]
    tokens: int = 0

    @property
    def rank(self) -> int:
        """The place of its best evidence."""
        return self.pieces[0]

    def touches(self, other: Passage) -> bool:
        """Tell whether both overlap or nearly do."""
        if self.source != other.source or self.window is not other.window:
            return False
        return max(self.span.start, other.span.start) - min(self.span.end, other.span.end) <= _GAP


def join(passages: Sequence[Passage]) -> Passage:
    """Make one passage of passages that touch."""
    best = min(passages, key=lambda one: one.rank)
    return Passage(
        source=best.source,
        window=best.window,
        span=Span(min(one.span.start for one in passages), max(one.span.end for one in passages)),
        kind=best.kind,
        pieces=tuple(sorted({place for one in passages for place in one.pieces})),
    )
