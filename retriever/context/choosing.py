"""Chooses what of the material is shown, and how far it grows, within an estimate of the budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from encoders.types import Span
from retriever.context.duplicates import SeenTexts
from retriever.context.growing import levels, sentences_in, steps_within, trimmed, whole_sentences
from retriever.context.passages import Passage, join
from retriever.context.types import Dropped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from retriever.context.material import Material, Piece, Window
    from retriever.context.types import ContextOptions, DropReason

_EVIDENCE_SHARE: Final = 0.5
_MOST_CUTS: Final = 60


class Chooser:
    """Chooses passages.

    Args:
        material: what there is to show.
        options: the caller's wishes.
        measure: tokens that a passage adds.
        room: tokens for all passages together.
    """

    def __init__(
        self, material: Material, options: ContextOptions, measure: Callable[[Passage], int], room: int
    ) -> None:
        self._material = material
        self._options = options
        self._measure = measure
        self._room = room
        self._seen = SeenTexts()
        self._refused: dict[int, DropReason] = {}
        self._alones = [self._make_alone(place) for place in range(len(material.pieces))]
        self.passages: list[Passage] = []
        self.dropped: list[Dropped] = []

    def choose(self) -> None:
        """Fill `passages`, and `dropped` with what found no room or repeats other evidence."""
        grows = self._options.expand not in ("none", "sentence")
        waiting = self._place(
            range(len(self._material.pieces)), self._room * (_EVIDENCE_SHARE if grows else 1)
        )
        if grows:
            self._grow()
            waiting = self._place(waiting, self._room)
        if not self.passages:
            waiting = self._place_part(waiting)
        for place in waiting:
            if not self._is_shown(place):
                self._drop(
                    place, self._refused.get(place, "budget"), tokens=self._measure(self._alone(place))
                )

    def _place(self, places: Iterable[int], room: float) -> list[int]:
        """Show evidence while it fits and return what does not; the very first has the whole room."""
        waiting = []
        for place in places:
            if self._is_shown(place) or self._is_repeated(place):
                continue
            limit = room if self.passages else self._room
            if not any(self._show(one, limit) for one in self._ways(place)):
                waiting.append(place)
        return waiting

    def _ways(self, place: int) -> list[Passage]:
        """Return the ways to show a piece, the fuller first."""
        alone = self._alone(place)
        if self._options.expand == "none":
            return [alone]
        completed = levels(alone.window, alone.span, alone.kind, "sentence")[-1]
        inner = whole_sentences(alone.window, alone.span, alone.kind)
        spans = [completed, inner] if 2 * len(inner) > len(alone.span) else [completed]
        return [replace(alone, span=span) for span in dict.fromkeys(spans)]

    def _alone(self, place: int) -> Passage:
        """Return a piece as a passage of its own."""
        return self._alones[place]

    def _make_alone(self, place: int) -> Passage:
        piece = self._material.pieces[place]
        window = self._window(piece)
        span = trimmed(window, piece.span, piece.kind)
        return Passage(source=piece.source, window=window, span=span, kind=piece.kind, pieces=(place,))

    def _is_shown(self, place: int) -> bool:
        """Give a piece to the passage that shows it already."""
        alone = self._alone(place)
        for at, passage in enumerate(self.passages):
            inside = passage.span.start <= alone.span.start and alone.span.end <= passage.span.end
            if passage.source == alone.source and inside:
                pieces = tuple(sorted({*passage.pieces, place}))
                self.passages[at] = replace(passage, pieces=pieces)
                return True
        return False

    def _is_repeated(self, place: int) -> bool:
        alone = self._alone(place)
        if not len(alone.span):
            self._drop(place, "empty")
            return True
        original = self._seen.find(alone.window.of(alone.span))
        if original is None:
            return False
        self._drop(place, "near_duplicate", of=original, tokens=self._measure(alone))
        return True

    def _show(self, wanted: Passage, room: float) -> bool:
        """Show a passage, joined with those it touches, if there is room for what that adds."""
        touched = [one for one in self.passages if one.touches(wanted)]
        joined = join([*touched, wanted])
        joined = replace(joined, tokens=self._measure(joined))
        others = [one for one in self.passages if one not in touched]
        cap = self._options.max_tokens_per_document
        of_document = joined.tokens + sum(one.tokens for one in others if one.source == wanted.source)
        if cap is not None and of_document > cap:
            self._refused[wanted.rank] = "document_budget"
            return False
        if joined.tokens + _total(others) > room:
            self._refused[wanted.rank] = "budget"
            return False
        known = {place for one in touched for place in one.pieces}
        self.passages = [*others, joined]
        for place in set(joined.pieces) - known:
            self._seen.add(
                self._material.pieces[place].evidence_id, joined.window.of(self._alone(place).span)
            )
        return True

    def _grow(self) -> None:
        """Grow passages, the best first: to whole levels, then by sentences with a share of what is left."""
        ranks = sorted(one.rank for one in self.passages)
        for rank in ranks:
            for span in self._levels(self._showing(rank))[1:]:
                if not self._show(_widened(self._showing(rank), span), self._room):
                    break
        shares = [*range(len(ranks), 0, -1), *(1 for _ in ranks)]  # what some cannot use goes to the best
        for share, rank in zip(shares, [*ranks, *ranks], strict=True):
            used = _total(self.passages)
            self._grow_by_steps(self._showing(rank), used + (self._room - used) / share)

    def _grow_by_steps(self, passage: Passage, room: float) -> None:
        limit = self._levels(passage)[-1]
        steps = list(steps_within(passage.window, passage.span, limit, passage.kind))
        others = _total(self.passages) - passage.tokens
        low, high = 0, len(steps)
        while low < high:
            middle = (low + high + 1) // 2
            if others + self._measure(replace(passage, span=steps[middle - 1])) <= room:
                low = middle
            else:
                high = middle - 1
        if low:
            self._show(_widened(passage, steps[low - 1]), room)

    def _levels(self, passage: Passage) -> list[Span]:
        return levels(passage.window, passage.span, passage.kind, self._options.expand)

    def _showing(self, rank: int) -> Passage:
        """Return the passage that shows a piece; growing may have joined it to another."""
        return next(one for one in self.passages if rank in one.pieces)

    def _place_part(self, waiting: Sequence[int]) -> list[int]:
        """Show the longest run of sentences that fits of the first piece, when no piece fits whole."""
        for place in waiting[:1]:
            alone = self._alone(place)
            parts = sentences_in(alone.window, alone.span, alone.kind)[:_MOST_CUTS]
            runs = [Span(one.start, other.end) for at, one in enumerate(parts) for other in parts[at:]]
            for span in sorted(runs, key=lambda one: (-len(one), one.start)):
                if self._show(replace(alone, span=span), self._room):
                    return list(waiting[1:])
        return list(waiting)

    def _drop(
        self, place: int, reason: DropReason, *, of: str | None = None, tokens: int | None = None
    ) -> None:
        piece = self._material.pieces[place]
        document = self._material.sources[piece.source].document
        self.dropped.append(
            Dropped(
                evidence_id=piece.evidence_id, reason=reason, document_id=document.id, of=of, tokens=tokens
            )
        )

    def _window(self, piece: Piece) -> Window:
        windows = self._material.sources[piece.source].windows
        return next(window for window in windows if window.holds(piece.span))


def _widened(passage: Passage, span: Span) -> Passage:
    start, end = min(passage.span.start, span.start), max(passage.span.end, span.end)
    return replace(passage, span=Span(start, end))


def _total(passages: Iterable[Passage]) -> int:
    return sum(one.tokens for one in passages)
