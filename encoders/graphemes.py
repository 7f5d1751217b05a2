"""Where a reader's characters begin: extended grapheme clusters of a text.

Source:
    Unicode Standard Annex #29, "Unicode Text Segmentation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import regex

if TYPE_CHECKING:
    import numpy.typing as npt

    from encoders.types import BoolArray, IntArray

_CLUSTER: Final = regex.compile(r"\X")
_CR: Final = 0x0D
_LF: Final = 0x0A

# Ranges without any mark, joiner or prefix: between two such characters a cluster
# always ends (rule GB999), CR LF apart. Everything else is left to the regex.
_PLAIN_RANGES: Final = (
    (0x0000, 0x02FF),
    (0x0370, 0x0482),
    (0x048A, 0x0590),
    (0x05D0, 0x05EA),
    (0x0620, 0x064A),
    (0x0E01, 0x0E30),
    (0x0E40, 0x0E46),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x2100, 0x2BFF),
    (0x3000, 0x3029),
    (0x309B, 0xA66E),
    (0xAC00, 0xD7A3),
    (0xFF00, 0xFF9D),
)


def grapheme_breaks(text: str, positions: IntArray) -> BoolArray:
    """Tell which ``positions`` lie between two graphemes of ``text``.

    Args:
        text: any text; an all-ASCII one costs next to nothing.
        positions: ``(n,)`` ascending offsets in ``[0, len(text)]``.

    Returns:
        ``(n,)`` bool. Both ends of the text are breaks.
    """
    result = np.ones(len(positions), dtype=np.bool_)
    inner = np.flatnonzero((positions > 0) & (positions < len(text)))
    if text.isascii():
        if "\r" in text:
            letters = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
            result[inner] = ~_crlf(letters, positions[inner])
        return result
    points = code_points(text)
    certain = np.flatnonzero(_certain_breaks(points))
    result[inner] = _resolve(text, positions[inner], certain)
    return result


def last_break(text: str, start: int, limit: int) -> int:
    """Return the last grapheme break in ``(start, limit]``, or the first one after ``limit`` if none is.

    ``start`` must be a break itself. The second case is a grapheme longer than ``limit - start``.
    """
    end = start
    for match in _CLUSTER.finditer(text, start):
        if match.end() > limit:
            return end if end > start else match.end()
        end = match.end()
    return len(text)


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Return the code point at each offset, lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _crlf(points: npt.NDArray[np.uint8] | npt.NDArray[np.uint32], positions: IntArray) -> BoolArray:
    crlf: BoolArray = (points[positions - 1] == _CR) & (points[positions] == _LF)
    return crlf


def _certain_breaks(points: npt.NDArray[np.uint32]) -> BoolArray:
    """Mark positions ``0..len`` that are breaks by their two neighbours alone, without any rule on runs."""
    edges = np.array(_PLAIN_RANGES, dtype=np.uint32)
    place = np.searchsorted(edges[:, 0], points, side="right") - 1
    plain = points <= edges[place, 1]
    certain = np.ones(len(points) + 1, dtype=np.bool_)
    certain[1:-1] = plain[:-1] & plain[1:] & ~((points[:-1] == _CR) & (points[1:] == _LF))
    return certain


def _resolve(text: str, positions: IntArray, certain: IntArray) -> BoolArray:
    """Decide ``positions``; runs between two certain breaks are read once each, and only where asked."""
    run = np.searchsorted(certain, positions, side="right") - 1
    result: BoolArray = certain[run] == positions
    for number in np.unique(run[~result]):
        start, end = int(certain[number]), int(certain[number + 1])
        breaks = [match.end() for match in _CLUSTER.finditer(text, start, end)]
        asked = np.arange(*np.searchsorted(run, [number, number + 1]))
        result[asked] |= np.isin(positions[asked], breaks)
    return result
