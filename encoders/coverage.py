"""The ledger of one text: what of it some vector holds."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from encoders.types import Coverage

if TYPE_CHECKING:
    from encoders.types import BoolArray, IntArray, TokenSpans


def measure_coverage(
    text: str, tokens: TokenSpans, *, read: int | None = None, segments: int = 1
) -> Coverage:
    """Count what of ``text`` is embedded when its first ``read`` tokens are.

    A combining mark belongs to the character before it, as it does for a reader:
    a tokenizer that folds accents reads the letter. White space and characters
    that do not print never count.

    Args:
        text: the text that was encoded, without prompts.
        tokens: all its tokens.
        read: tokens that went into the model; None for all.
        segments: pieces that were encoded.
    """
    read = len(tokens) if read is None else read
    known = tokens.known[:read]
    embedded = int(known.sum())
    lost = _lost_characters(text, tokens.offsets[:read][known])
    unknown = int((~tokens.known).sum())
    return Coverage(
        tokens=len(tokens),
        embedded=embedded,
        unknown=unknown,
        lost_characters=lost,
        segments=segments if len(tokens) else 0,
        truncated=read < len(tokens),
        reasons=_reasons(text, tokens, read=read, lost=lost),
    )


def _reasons(text: str, tokens: TokenSpans, *, read: int, lost: int) -> tuple[str, ...]:
    reasons = []
    if read < len(tokens):
        reasons.append(f"cut after {read} of {len(tokens)} tokens")
    if unknown := int((~tokens.known[:read]).sum()):
        reasons.append(f"{unknown} tokens stand for text the model does not know")
    if tokenless := _lost_characters(text, tokens.offsets) if lost else 0:
        reasons.append(f"{tokenless} printable characters belong to no token")
    return tuple(reasons)


def _lost_characters(text: str, offsets: IntArray) -> int:
    """Count printable characters of ``text`` outside all ``offsets``."""
    if not text:
        return 0
    bare = _uncovered(len(text), offsets)
    if text.isascii():
        codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        return int((bare & (codes > 32) & (codes < 127)).sum())
    covered = ~bare
    bare &= np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32) > 32
    lost = 0
    for place in np.flatnonzero(bare).tolist():
        if unicodedata.category(text[place]).startswith("M") and place and covered[place - 1]:
            covered[place] = True
        elif text[place].isprintable() and not text[place].isspace():
            lost += 1
    return lost


def _uncovered(length: int, offsets: IntArray) -> BoolArray:
    edges: IntArray = np.zeros(length + 1, dtype=np.int64)
    np.add.at(edges, offsets[:, 0], 1)
    np.add.at(edges, offsets[:, 1], -1)
    bare: BoolArray = np.cumsum(edges[:-1]) == 0
    return bare
