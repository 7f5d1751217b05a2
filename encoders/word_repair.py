"""Read the words that WordPiece gives up on.

WordPiece makes one unknown token of a whole word when one of its characters
has no token, or when it is over 100 characters: an identifier, a line of
base64, a sentence in a script without spaces. Here

1. a word of over 100 characters becomes words of 100,
2. a word that is still unknown is cut around the characters without a token,
3. and what is unknown after that is read character by character.

Every other word keeps the tokens the model was trained on. Cost is bounded:
no piece handed to WordPiece is over 100 characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from encoders.types import BoolArray, IntArray

LONGEST_WORD = 100
_LONGEST_RUN = 25  # one Hangul syllable is up to three characters to WordPiece

PieceEncoder: TypeAlias = Callable[[Sequence[str]], "list[tuple[IntArray, IntArray]]"]
_Piece: TypeAlias = tuple[int, int]


def repair_words(
    text: str, ids: IntArray, offsets: IntArray, word_starts: BoolArray, *, unknown: int, encode: PieceEncoder
) -> tuple[IntArray, IntArray, BoolArray]:
    """Replace the tokens of unknown and of very long words.

    Args:
        text: what was tokenized.
        ids: ``(tokens,)``.
        offsets: ``(tokens, 2)`` characters of each token.
        word_starts: ``(tokens,)``.
        unknown: id of the unknown token.
        encode: tokenizes pieces without special tokens: ids and offsets of each.

    Returns:
        the three arrays again. Inside a word of over 100 characters every piece of
        100 starts a word of its own: cutting there leaves both sides unchanged.
    """
    firsts = np.flatnonzero(word_starts)
    if not len(firsts):
        return ids, offsets, word_starts
    lasts = np.append(firsts[1:], len(ids)) - 1
    long = offsets[lasts, 1] - offsets[firsts, 0] > LONGEST_WORD
    bad = np.flatnonzero(long | np.logical_or.reduceat(ids == unknown, firsts))
    words = [(int(offsets[firsts[w], 0]), int(offsets[lasts[w], 1])) for w in bad.tolist()]
    bad = bad[[end - start > 1 for start, end in words]] if words else bad
    if not len(bad):
        return ids, offsets, word_starts
    words = [(start, end) for start, end in words if end - start > 1]
    repaired = _read_words(text, words, unknown=unknown, encode=encode)
    return _spliced(ids, offsets, word_starts, [(int(firsts[w]), int(lasts[w]) + 1) for w in bad], repaired)


def _read_words(
    text: str, words: list[_Piece], *, unknown: int, encode: PieceEncoder
) -> list[tuple[IntArray, IntArray, BoolArray]]:
    chunks = [
        [(a, min(a + LONGEST_WORD, end)) for a in range(start, end, LONGEST_WORD)] for start, end in words
    ]
    flat = [chunk for word in chunks for chunk in word]
    read = iter(_read_chunks(text, flat, unknown=unknown, encode=encode))
    result = []
    for word in chunks:
        parts = [next(read) for _ in word]
        starts = [np.arange(len(part_ids)) == 0 for part_ids, _ in parts]
        result.append(
            (
                np.concatenate([part_ids for part_ids, _ in parts]),
                np.concatenate([part_offsets for _, part_offsets in parts]),
                np.concatenate(starts),
            )
        )
    return result


def _read_chunks(
    text: str, chunks: list[_Piece], *, unknown: int, encode: PieceEncoder
) -> list[tuple[IntArray, IntArray]]:
    """Read each chunk whole; those that stay unknown in runs, and those in characters."""
    readable = _readable_characters({c for a, b in chunks for c in text[a:b]}, unknown=unknown, encode=encode)
    steps: list[Callable[[_Piece], list[_Piece]]] = [
        lambda piece: _runs(text, piece, readable),
        lambda piece: [(place, place + 1) for place in range(*piece)],
    ]
    read = _encode_at(text, chunks, encode)
    for cut in steps:
        failed = [i for i, (ids, _) in enumerate(read) if (ids == unknown).any()]
        smaller = [cut(chunks[i]) for i in failed]
        parts = iter(_encode_at(text, [piece for pieces in smaller for piece in pieces], encode))
        for i, pieces in zip(failed, smaller, strict=True):
            mine = [next(parts) for _ in pieces]
            known = [ids[ids != unknown] for ids, _ in mine]
            if sum(map(len, known)) > int((read[i][0] != unknown).sum()):
                read[i] = (np.concatenate([ids for ids, _ in mine]), np.concatenate([at for _, at in mine]))
    return read


def _readable_characters(characters: set[str], *, unknown: int, encode: PieceEncoder) -> set[str]:
    ordered = sorted(characters)
    read = encode(ordered)
    return {c for c, (ids, _) in zip(ordered, read, strict=True) if not (ids == unknown).any()}


def _runs(text: str, piece: _Piece, readable: set[str]) -> list[_Piece]:
    """Cut around characters that have no token, and after `_LONGEST_RUN` that have."""
    pieces: list[_Piece] = []
    for place in range(*piece):
        start = pieces[-1][0] if pieces else place
        both = text[place] in readable and text[place - 1] in readable
        if pieces and both and place - start < _LONGEST_RUN:
            pieces[-1] = (start, place + 1)
        else:
            pieces.append((place, place + 1))
    return pieces


def _encode_at(text: str, pieces: list[_Piece], encode: PieceEncoder) -> list[tuple[IntArray, IntArray]]:
    read = encode([text[start:end] for start, end in pieces])
    return [(ids, offsets + start) for (ids, offsets), (start, _) in zip(read, pieces, strict=True)]


def _spliced(
    ids: IntArray,
    offsets: IntArray,
    word_starts: BoolArray,
    ranges: list[_Piece],
    repaired: list[tuple[IntArray, IntArray, BoolArray]],
) -> tuple[IntArray, IntArray, BoolArray]:
    rows: list[tuple[IntArray, IntArray, BoolArray]] = []
    done = 0
    for (first, last), new in zip(ranges, repaired, strict=True):
        rows.append((ids[done:first], offsets[done:first], word_starts[done:first]))
        rows.append(new)
        done = last
    rows.append((ids[done:], offsets[done:], word_starts[done:]))
    return (
        np.concatenate([row[0] for row in rows]),
        np.concatenate([row[1] for row in rows]),
        np.concatenate([row[2] for row in rows]),
    )
