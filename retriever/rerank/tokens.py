"""Counts tokens, with a model's tokenizer or by a stated estimate."""

from __future__ import annotations

import math
import re
from typing import Final, Protocol

_WORD: Final = re.compile(r"[A-Za-z]+|\d+|[^\W\d_]+|[^\w\s]|_")
_IDEOGRAPHIC: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_LETTERS_PER_TOKEN: Final = 5
_DIGITS_PER_TOKEN: Final = 2
_SIGNS_PER_TOKEN: Final = 2


class TokenCounter(Protocol):
    """Says how much of a model's context a text takes."""

    @property
    def exact(self) -> bool:
        """Whether this is the model's own count."""
        ...

    def count(self, text: str) -> int:
        """Return the tokens of ``text``, special tokens excluded."""
        ...


class EstimatedTokens:
    """Counts without a tokenizer, for models behind an endpoint.

    A word of Latin letters is one token per started 5 letters, a number one per
    started 2 digits, a Chinese or Japanese character or a Korean syllable one
    token each, a word of another script one per started 2 letters, a punctuation
    mark one. It errs to the high side for current byte-pair vocabularies; room
    that is lost is less than the room that a wrong estimate would overrun.
    """

    @property
    def exact(self) -> bool:
        """False: another tokenizer counts otherwise."""
        return False

    def count(self, text: str) -> int:
        """Return the estimate; 0 for an empty text."""
        return sum(_estimate(word) for word in _WORD.findall(text))


def _estimate(word: str) -> int:
    if word[0].isascii():
        if word[0].isalpha():
            return math.ceil(len(word) / _LETTERS_PER_TOKEN)
        return math.ceil(len(word) / _DIGITS_PER_TOKEN) if word[0].isdigit() else 1
    ideographs = len(_IDEOGRAPHIC.findall(word))
    return ideographs + math.ceil((len(word) - ideographs) / _SIGNS_PER_TOKEN)
