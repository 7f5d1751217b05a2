"""Where a text may be cut well: candidate positions with a strength, for prose and for lines.

A finder yields `Cuts` of a part of a text; the packer adds the borders of words
itself and weighs a cut's strength against how full the tile would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from encoders.graphemes import code_points
from encoders.sentences import SENTENCE_END

if TYPE_CHECKING:
    import numpy.typing as npt

    from encoders.types import BoolArray, FloatArray, IntArray, Mark, MarkKind

# A cut of strength s is preferred to a weaker one t as long as the tile is not emptier
# by more than s - t of its budget.
END: Final = 2.0
SECTION: Final = 1.2
"""A heading, a sheet, a top-level definition."""
BARRIER: Final = 0.9
"""From this strength on, what stands before the cut is no context for what follows."""
PARAGRAPH: Final = 0.8
TURN: Final = 0.7
"""Where the speaker changes, or a page begins."""
LINE: Final = 0.35
SENTENCE: Final = 0.45
WORD: Final = 0.0
PUNCTUATION: Final = -0.25
"""Between two words with no white space between them."""

_LF: Final = 0x0A
_CR: Final = 0x0D
_MARK_STRENGTHS: Final[dict[MarkKind, float]] = {
    "heading": SECTION,
    "sheet": SECTION,
    "slide": SECTION,
    "page": TURN,
    "speaker": TURN,
}


@dataclass(frozen=True, slots=True)
class Cuts:
    """Candidate cut positions.

    Attributes:
        positions: ``(n,)`` int64, strictly ascending character offsets.
        strengths: ``(n,)`` float32, see the constants of this module.
    """

    positions: IntArray
    strengths: FloatArray

    def within(self, start: int, end: int) -> Cuts:
        """Return the cuts in ``[start, end]``."""
        low, high = np.searchsorted(self.positions, [start, end + 1])
        return Cuts(self.positions[low:high], self.strengths[low:high])


CutFinder: TypeAlias = Callable[[str, int, int], Cuts]
"""Finds the cuts of ``text`` in ``[start, end]``; the offsets are those of the whole text."""


def make_cuts(positions: Iterable[int], strength: float) -> Cuts:
    """Give all ``positions``, in ascending order, one strength."""
    found = np.fromiter(positions, dtype=np.int64)
    return Cuts(found, np.full(len(found), strength, dtype=np.float32))


def merge_cuts(parts: Sequence[Cuts]) -> Cuts:
    """Join cuts; where several meet at one position the strongest holds."""
    positions = np.concatenate([part.positions for part in parts])
    strengths = np.concatenate([part.strengths for part in parts])
    order = np.lexsort((-strengths, positions))
    unique, first = np.unique(positions[order], return_index=True)
    return Cuts(unique, strengths[order][first].astype(np.float32))


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that begin in a part of a text, the part's own start left out.

    Attributes:
        starts: ``(lines,)`` offsets in the whole text.
        after_blank: ``(lines,)`` bool, the line holds something and the one before it nothing.
        closing: ``(lines,)`` bool, the first sign of the line is a closing bracket.
    """

    starts: IntArray
    after_blank: BoolArray
    closing: BoolArray


def find_lines(text: str, start: int, end: int) -> Lines:
    """Find lines in ``(start, end]``; they end at LF, CR LF or CR."""
    points = code_points(text[start:end])
    lf, cr = points == _LF, points == _CR
    lone_cr = cr.copy()
    lone_cr[:-1] &= ~lf[1:]
    starts = np.flatnonzero(lf | lone_cr) + 1
    printed = np.append(np.flatnonzero(~is_space(points)), len(points))
    first = printed[np.searchsorted(printed, starts)]
    holds = first < np.append(starts[1:], len(points) + 1)[: len(starts)]
    holds &= first < len(points)
    before = np.concatenate([[bool(len(starts)) and printed[0] < starts[0]], holds[:-1]])[: len(starts)]
    signs = np.append(points, 0)[first]
    closing = holds & np.isin(signs, _CLOSING_BRACKETS)
    return Lines(starts + start, holds & ~before, closing)


def is_space(points: npt.NDArray[np.uint32]) -> BoolArray:
    """Tell which code points are white space."""
    table = _SPACE_TABLE[np.minimum(points, len(_SPACE_TABLE) - 1)]
    return table


def line_cuts(text: str, start: int, end: int) -> Cuts:
    """Find lines, and paragraphs where blank lines end."""
    lines = find_lines(text, start, end)
    return Cuts(lines.starts, np.where(lines.after_blank, np.float32(PARAGRAPH), np.float32(LINE)))


def _space_table() -> BoolArray:
    table = np.zeros(0x3002, dtype=np.bool_)
    table[[*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)]] = True
    table[[0x2028, 0x2029, 0x202F, 0x205F, 0x3000]] = True
    return table


_SPACE_TABLE: Final = _space_table()
_CLOSING_BRACKETS: Final = np.array([ord(sign) for sign in ")]}"], dtype=np.uint32)


def prose_cuts(text: str, start: int, end: int) -> Cuts:
    """Find paragraphs, lines and sentences; a sentence that ends its line is a better cut than either."""
    lines = line_cuts(text, start, end)
    sentences = make_cuts(_dedupe(match.end() for match in SENTENCE_END.finditer(text, start, end)), SENTENCE)
    both = np.intersect1d(lines.positions, sentences.positions)
    return merge_cuts([lines, sentences, make_cuts(both, SENTENCE + LINE / 2)])


def mark_cuts(marks: Sequence[Mark]) -> Cuts:
    """Turn structure marks into cuts at their starts; kinds without a strength give none."""
    return merge_cuts(
        [make_cuts((), WORD)]
        + [
            make_cuts(sorted({mark.span.start for mark in marks if mark.kind == kind}), strength)
            for kind, strength in _MARK_STRENGTHS.items()
        ]
    )


def _dedupe(positions: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(positions))
