"""Finds text that nearly repeats other text."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"\w+")
_SHINGLE: Final = 4
NEAR: Final = 0.85
"""From this share of common shingles on, one text repeats the other."""


class SeenTexts:
    """Remembers texts by their runs of four words.

    Two texts are near when their runs in common are at least 85 % of those of the shorter
    one, and the shorter one is at least half as long; case, punctuation and white space
    do not count.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[str, frozenset[tuple[str, ...]]]] = []

    def find(self, text: str) -> str | None:
        """Return the name of a text that this one nearly repeats."""
        shingles = _shingles(text)
        for name, known in self._seen:
            small, large = sorted((len(shingles), len(known)))
            if small and 2 * small >= large and len(shingles & known) >= NEAR * small:
                return name
        return None

    def add(self, name: str, text: str) -> None:
        """Remember a text."""
        self._seen.append((name, _shingles(text)))


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    size = min(_SHINGLE, len(words))
    return (
        frozenset(tuple(words[at : at + size]) for at in range(len(words) - size + 1))
        if size
        else frozenset()
    )
