"""Choose tiles of a text from its tokens and its cuts.

The packer walks through a block of text from one tile start to the next. At each
step every token border inside the budget is a possible end; it takes the one with
the greatest ``strength + share of the budget filled``, so that a paragraph's end
wins over a full tile and a full tile wins over a word's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.boundaries import BARRIER, END, LINE, PUNCTUATION, WORD, is_space
from encoders.graphemes import code_points, grapheme_breaks, last_break

if TYPE_CHECKING:
    from collections.abc import Callable

    from encoders.boundaries import Cuts
    from encoders.types import BoolArray, FloatArray, IntArray, TokenSpans

_NEVER: Final = np.float32(-np.inf)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tile may hold.

    Attributes:
        tokens: of context and tile together, breadcrumb and special tokens already taken off.
        context_tokens: at most so many of them before the tile.
        chars: of the tile; a quarter of it bounds the context.
    """

    tokens: int
    context_tokens: int
    chars: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile ``[start, end)``, read from ``context_start``; ``exact`` when no cut goes through a token."""

    start: int
    end: int
    context_start: int
    tokens: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text ready to be packed. All offsets are those of the whole text.

    Attributes:
        text: the whole text.
        start: where the block begins.
        end: where it ends.
        cuts: ``(tokens + 1,)`` where to cut before each token and at the end, so that white space
            stays with what it follows and indentation with its line.
        strengths: ``(tokens + 1,)`` of these cuts, minus infinity where none is allowed.
    """

    text: str
    start: int
    end: int
    cuts: IntArray
    strengths: FloatArray


def make_block(text: str, start: int, end: int, *, tokens: TokenSpans, cuts: Cuts) -> Block:
    """Map every cut of ``text[start:end]`` to the token it comes before.

    Args:
        text: the whole text.
        start: a grapheme break.
        end: a grapheme break after it.
        tokens: of ``text[start:end]``, offsets counted from ``start``.
        cuts: candidates, offsets of the whole text.
    """
    part = text[start:end]
    content, ends, spaced = _content(part, tokens)
    dense_cuts = np.append(content, len(part))
    dense_strengths = np.full(len(content) + 1, _NEVER, dtype=np.float32)
    words = np.flatnonzero(tokens.word_starts)
    words = words[grapheme_breaks(part, content[words])]
    # Tokens of white space, and of the bytes of one character, begin where the next one does.
    first_there = np.searchsorted(content, content[words])
    dense_strengths[first_there] = np.where(spaced[words], np.float32(WORD), np.float32(PUNCTUATION))
    positions = cuts.positions - start
    before = np.searchsorted(content, positions)
    apart = np.concatenate([[0], ends])[before] <= positions
    apart &= (positions >= 0) & (positions <= len(part))
    apart[apart] = grapheme_breaks(part, positions[apart])
    positions, before, strengths = positions[apart], before[apart], cuts.strengths[apart]
    # Where several cuts come before one token the strongest is written last and stays, and
    # even a weak one replaces the word's own: it leaves the word its indentation.
    order = np.lexsort((positions, strengths))
    dense_cuts[before[order]], dense_strengths[before[order]] = positions[order], strengths[order]
    dense_cuts[-1], dense_strengths[-1] = len(part), END
    return Block(text, start, end, np.maximum.accumulate(dense_cuts) + start, dense_strengths)


def pack(block: Block, first: int, limits_at: Callable[[int], Limits]) -> list[Tile]:
    """Cut ``block`` from ``first`` to its end into tiles.

    Args:
        block: what to cut.
        first: where the first tile starts; what lies before it is context only.
        limits_at: the limits of a tile that starts at an offset.
    """
    walk = _Walk(block)
    tiles: list[Tile] = []
    start, index = first, walk.index_of(first)
    exact = first == block.start or walk.is_exact(index, first)
    while start < block.end:
        tile, index = walk.next_tile(start, index, exact, limits_at(start))
        tiles.append(tile)
        start, exact = tile.end, walk.is_exact(index, tile.end)
    return tiles


class _Walk:
    """The state that all steps through one block share."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._cuts = block.cuts
        self._strengths = block.strengths
        self._last = len(block.cuts) - 1
        self._allowed = block.strengths > _NEVER
        sections = np.where(block.strengths >= BARRIER, np.arange(len(block.cuts)), 0)
        self._section: IntArray = np.maximum.accumulate(sections)
        self._next_strong = _next_true(block.strengths >= np.float32(LINE))
        self._next_allowed = _next_true(self._allowed)
        self._ramp: FloatArray = np.arange(len(block.cuts), dtype=np.float32)

    def index_of(self, position: int) -> int:
        """Return the first token whose cut is at or after ``position``."""
        return int(self._cuts.searchsorted(position))

    def is_exact(self, index: int, position: int) -> bool:
        """Tell whether ``position`` is the cut before token ``index``, so that it goes through no token."""
        return bool(self._cuts[index] == position and self._allowed[index])

    def next_tile(self, start: int, index: int, exact: bool, limits: Limits) -> tuple[Tile, int]:
        """Choose the tile at ``start`` and return it with the index of its end."""
        context = self._context(index, start, limits) if exact else index
        context_start = min(start, int(self._cuts[context]))
        budget = max(1, limits.tokens - (index - context))
        best = self._best_end(index, start, budget, limits.chars)
        if best is not None:
            return Tile(start, int(self._cuts[best]), context_start, best - index, exact), best
        end = self._forced_end(index, start, budget, limits.chars)
        after = self.index_of(end)
        return Tile(start, end, context_start, after - index, False), after

    def _best_end(self, index: int, start: int, budget: int, chars: int) -> int | None:
        last = min(index + budget, self._last)
        if self._cuts[last] > start + chars:
            last = int(self._cuts.searchsorted(start + chars, side="right")) - 1
        elif last == self._last:
            return last
        low = index + 1  # a tile holds a token, unless white space alone fills it
        if last == index and self._cuts[index] > start:
            low = index
        if last < low:
            return None
        filled = self._ramp[: last - low + 1] * np.float32(1.0 / budget)
        best = low + int((self._strengths[low : last + 1] + filled).argmax())
        return best if self._allowed[best] else None

    def _forced_end(self, index: int, start: int, budget: int, chars: int) -> int:
        """Cut inside a word, at a token's start if one is near, and between two graphemes always."""
        last = min(index + budget, self._last)
        limit = min(int(self._cuts[last]), start + chars)
        return last_break(self._block.text, start, max(limit, start + 1))

    def _context(self, index: int, start: int, limits: Limits) -> int:
        """Return the token to read from, in this section: where a line or sentence begins if one is near."""
        low = max(index - limits.context_tokens, int(self._section[index]), 0)
        if self._cuts[low] < start - limits.chars // 4:
            low = self.index_of(start - limits.chars // 4)
        if low >= index:
            return index
        strong = int(self._next_strong[low])
        return strong if strong < index else min(index, int(self._next_allowed[low]))


def _next_true(flags: BoolArray) -> IntArray:
    """Return for each index the first one from there on that is true, ``len(flags)`` if none is."""
    places = np.where(flags, np.arange(len(flags)), len(flags))
    following: IntArray = np.minimum.accumulate(places[::-1])[::-1]
    return following


def _content(part: str, tokens: TokenSpans) -> tuple[IntArray, IntArray, BoolArray]:
    """Return where each token begins after its own white space, its end, and if space precedes it."""
    starts, ends = tokens.offsets[:, 0], tokens.offsets[:, 1]
    space = is_space(code_points(part))
    printed = np.append(np.flatnonzero(~space), len(part))
    content = np.minimum(printed[np.searchsorted(printed, starts)], ends)
    spaced = (content == 0) | space[np.maximum(content, 1) - 1] if len(content) else content > 0
    return np.maximum.accumulate(content) if len(content) else content, ends, spaced
