"""Counts tokens, with a model's tokenizer or by a stated estimate."""

from __future__ import annotations

import re
from typing import Final, Protocol

_IDEOGRAPHIC: Final = "\\u2e80-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff\\U00020000-\\U0003ffff"
_TOKEN: Final = re.compile(
    rf"[A-Za-z]{{1,5}}|\d{{1,2}}|[{_IDEOGRAPHIC}]|(?:(?![A-Za-z{_IDEOGRAPHIC}])[^\W\d_]){{1,2}}|[^\w\s]|_"
)
"""One match for each token of the estimate."""


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
        return len(_TOKEN.findall(text))
