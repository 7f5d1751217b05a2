"""Where the windows over a long text lie, and which window owns which token."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from encoders.types import BoolArray


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens ``[start, end)`` are read together; ``[own_start, own_end)`` of them are kept."""

    start: int
    end: int
    own_start: int
    own_end: int


def plain_windows(tokens: int, *, size: int) -> list[tuple[int, int]]:
    """Cut a text into windows side by side; the last one reaches back to be full.

    Args:
        tokens: length of the text; 0 gives no window.
        size: tokens of a window, special tokens excluded.

    Source:
        Zhu et al. 2024, arXiv:2404.12096: parallel context windows.
    """
    if tokens <= size:
        return [(0, tokens)] if tokens else []
    starts = [*range(0, tokens - size, size), tokens - size]
    return [(start, start + size) for start in starts]


def word_windows(word_starts: BoolArray, *, size: int) -> list[tuple[int, int]]:
    """Cut a text into windows side by side, each begun and ended between words where a word leaves room.

    The last one reaches back to be full.

    Args:
        word_starts: ``(tokens,)``, whether a token begins a word.
        size: tokens of a window, special tokens excluded.
    """
    edges = [*np.flatnonzero(word_starts).tolist(), len(word_starts)]
    windows: list[tuple[int, int]] = []
    start = 0
    while start < len(word_starts):
        edge = edges[bisect_right(edges, start + size) - 1]
        end = edge if edge > start else start + size
        windows.append((start, end))
        start = end
    if len(windows) > 1:
        start, end = windows[-1]
        windows[-1] = min(start, edges[bisect_left(edges, end - size)]), end
    return windows


def overlapping_windows(tokens: int, *, size: int, overlap: int) -> list[Window]:
    """Cut a text into windows that overlap, each token owned by exactly one.

    Two neighbours share out their overlap at its middle, so that an owned token
    has at least half of the overlap on either side, except at the text's ends.

    Raises:
        InvalidInputError: the overlap is not below the size.
    """
    if not 0 <= overlap < size:
        raise InvalidInputError(
            f"overlap must be at least 0 and below the window of {size} tokens, got {overlap}",
            overlap=overlap,
            size=size,
        )
    if tokens <= size:
        return [Window(0, tokens, 0, tokens)] if tokens else []
    starts = [*range(0, tokens - size, size - overlap), tokens - size]
    cuts = [0, *((a + size + b + 1) // 2 for a, b in pairwise(starts)), tokens]
    return [Window(start, start + size, cuts[i], cuts[i + 1]) for i, start in enumerate(starts)]
