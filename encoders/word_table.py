"""Tokens of words that were read before, so that each is handed to the tokenizer once.

BERT's tokenizers read a text word by word: white space parts words, a punctuation
sign is a word of its own, and a word has the same tokens wherever it stands. Code
and prose repeat their words, so most of a text is looked up here.

A word of ASCII letters and digits and an ASCII sign are pieces of their own. What
stands between white space and holds anything else, an accent or a control
character, is one piece as it is: where its words end is left to the tokenizer.
"""

from __future__ import annotations

from itertools import repeat
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from encoders.graphemes import code_points

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from encoders.types import BoolArray, IntArray

Tokens: TypeAlias = "tuple[IntArray, IntArray, BoolArray]"
"""Ids ``(n,)``, offsets ``(n, 2)``, and whether a word starts ``(n,)``."""

_MOST_PIECES: Final = 100_000
_MOST_CHARACTERS: Final = 2_000_000
_SPACE, _LETTER, _SIGN, _OTHER = range(4)


class WordTable:
    """Reads texts by looking their words up; what is new is read by the tokenizer and kept, within bounds."""

    def __init__(self, encode: Callable[[str], Tokens]) -> None:
        """Keep ``encode``, which reads a text without this table."""
        self._encode = encode
        self._lock = Lock()
        self._clear()

    def _clear(self) -> None:
        self._row_of: dict[str, int] = {}
        self._characters = self._tokens = 0
        self._first: IntArray = np.empty(0, dtype=np.int64)
        self._counts: IntArray = np.empty(0, dtype=np.int64)
        self._ids: IntArray = np.empty(0, dtype=np.int64)
        self._inner: IntArray = np.empty((0, 2), dtype=np.int64)
        self._word_starts: BoolArray = np.empty(0, dtype=np.bool_)

    def read(self, text: str) -> Tokens:
        """Return the tokens of ``text``, the same that ``encode`` finds."""
        starts, ends = _pieces(text)
        words = [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        with self._lock:
            rows = self._rows(words)
            first, counts = self._first[rows], self._counts[rows]
            ids, inner, word_starts = self._ids, self._inner, self._word_starts
        total = int(counts.sum())
        place = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(total)
        offsets = inner[place] + np.repeat(starts, counts)[:, None]
        return ids[place], offsets, word_starts[place]

    def _rows(self, words: list[str]) -> IntArray:
        """Return the row of each word, the new ones included."""
        if len(self._row_of) > _MOST_PIECES or self._characters > _MOST_CHARACTERS:
            self._clear()
        rows = self._look_up(words)
        new = np.flatnonzero(rows < 0)
        if len(new):
            self._add(list(dict.fromkeys(words[place] for place in new.tolist())))
            rows[new] = self._look_up([words[place] for place in new.tolist()])
        return rows

    def _look_up(self, words: list[str]) -> IntArray:
        return np.fromiter(map(self._row_of.get, words, repeat(-1)), dtype=np.int64, count=len(words))

    def _add(self, words: list[str]) -> None:
        """Read new words as the lines of one text: many short texts would cost several times more."""
        lengths = np.array([len(word) + 1 for word in words], dtype=np.int64)
        ends = np.cumsum(lengths)
        ids, offsets, word_starts = self._encode("\n".join(words))
        counts = np.diff(np.searchsorted(offsets[:, 0], ends), prepend=0)
        pieces, tokens = len(self._row_of), self._tokens
        self._first = _write(self._first, pieces, tokens + np.cumsum(counts) - counts)
        self._counts = _write(self._counts, pieces, counts)
        self._ids = _write(self._ids, tokens, ids)
        self._inner = _write(self._inner, tokens, offsets - np.repeat(ends - lengths, counts)[:, None])
        self._word_starts = _write(self._word_starts, tokens, word_starts)
        self._row_of.update(zip(words, range(pieces, pieces + len(words)), strict=True))
        self._tokens += len(ids)
        self._characters += int(ends[-1])


def reads_by_words(state: dict[str, Any]) -> bool:
    """Tell from a ``tokenizer.json`` whether a word has the same tokens wherever it stands."""
    tokens = state["added_tokens"]
    return (
        state["model"]["type"] == "WordPiece"
        and (state["pre_tokenizer"] or {}).get("type") == "BertPreTokenizer"
        and _steps(state["normalizer"]) <= {"BertNormalizer", "Lowercase"}
        and all(token["special"] for token in tokens)  # these are read as plain characters
    )


def _steps(normalizer: dict[str, Any] | None) -> set[str]:
    if normalizer is None:
        return set()
    if normalizer["type"] == "Sequence":
        return {kind for step in normalizer["normalizers"] for kind in _steps(step)}
    return {str(normalizer["type"])}


def _write(held: npt.NDArray[Any], used: int, new: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put ``new`` behind the first ``used`` rows, in an array twice as long where they do not fit.

    Rows in use never change, so an array that a reader took before stays right for it.
    """
    if used + len(new) > len(held):
        longer = np.empty((max(2 * len(held), used + len(new)), *held.shape[1:]), dtype=held.dtype)
        longer[:used] = held[:used]
        held = longer
    held[used : used + len(new)] = new
    return held


def _pieces(text: str) -> tuple[IntArray, IntArray]:
    """Return where pieces start and end; white space belongs to none."""
    points: npt.NDArray[Any]
    points = np.frombuffer(text.encode("ascii"), dtype=np.uint8) if text.isascii() else code_points(text)
    kinds = _KINDS[np.minimum(points, 128)]
    if (kinds == _OTHER).any():
        kinds = _spread(kinds)
    padded = np.concatenate([[_SPACE], kinds, [_SPACE]])
    differs = padded[1:] != padded[:-1]
    before, after = padded[:-1], padded[1:]
    starts = np.flatnonzero((after != _SPACE) & (differs | (after == _SIGN)))
    ends = np.flatnonzero((before != _SPACE) & (differs | (before == _SIGN)))
    return starts, ends


def _spread(kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Make one piece of all that stands between white space with a character of another kind."""
    filled = kinds != _SPACE
    edges = np.flatnonzero(np.diff(filled, prepend=False))
    run = np.cumsum(np.diff(filled, prepend=False) & filled)
    other = np.zeros(len(edges) + 1, dtype=np.bool_)
    other[run[kinds == _OTHER]] = True
    return np.where(filled & other[run], np.uint8(_OTHER), kinds)


def _kind_table() -> npt.NDArray[np.uint8]:
    table = np.full(129, _OTHER, dtype=np.uint8)
    table[[9, 10, 13, 32]] = _SPACE
    table[[code for code in range(33, 127) if chr(code).isalnum()]] = _LETTER
    table[[code for code in range(33, 127) if not chr(code).isalnum()]] = _SIGN
    return table


_KINDS: Final = _kind_table()
