"""Long texts of a chosen length, and sentences hidden in them at a chosen depth."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from encoders.types import Span
from eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

_WORD = re.compile(r"\S+")
_SENTENCE_START = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))\s+(?=\S)|\n\s*(?=\S)")
_SUFFIXES = (".txt", ".md", ".rst")


class Haystack:
    """Texts laid end to end, from which pieces of any number of words are cut.

    A piece begins where a sentence begins and goes on at the start after the end, so
    pieces may be longer than all texts together.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._text = "\n\n".join(text.strip() for text in texts if text.strip())
        self._words = [match.span() for match in _WORD.finditer(self._text)]
        if not self._words:
            raise DataError("a haystack needs at least one word of text; the texts given have none")
        self._starts = [start for start, _ in self._words]
        sentences = [0, *(match.end() for match in _SENTENCE_START.finditer(self._text))]
        self._sentences = [bisect_left(self._starts, start) for start in sentences]

    @property
    def words(self) -> int:
        """Number of words before anything repeats."""
        return len(self._words)

    def piece(self, words: int, chance: Random) -> str:
        """Cut ``words`` words from a random sentence on."""
        first = chance.choice(self._sentences)
        parts = []
        while words > 0:
            last = min(first + words, len(self._words))
            parts.append(self._text[self._words[first][0] : self._words[last - 1][1]])
            words -= last - first
            first = 0
        return "\n\n".join(parts)


def load_haystack(folder: Path) -> Haystack:
    """Lay the texts of a folder end to end; see `haystack_texts`."""
    return Haystack(haystack_texts(folder))


def haystack_texts(folder: Path) -> list[str]:
    """Read every ``.txt``, ``.md`` and ``.rst`` file of a folder, subfolders included, by path.

    Raises:
        DataError: there is none, or one is not UTF-8.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    if not paths:
        raise DataError(f"{folder} holds no {', '.join(_SUFFIXES)} file to make a haystack of")
    return [_read(path) for path in paths]


def hide(text: str, needle: str, depth: float) -> tuple[str, Span]:
    """Put ``needle`` before the sentence nearest to ``depth``, between spaces.

    Args:
        text: the haystack.
        needle: a sentence.
        depth: 0 for the beginning, 1 for the end.

    Returns:
        The new text and where the needle stands in it.
    """
    places = [0, *(match.end() for match in _SENTENCE_START.finditer(text)), len(text)]
    place = min(places, key=lambda one: abs(one - depth * len(text)))
    before = text[:place] if not place or text[place - 1].isspace() else f"{text[:place]} "
    after = f" {text[place:]}" if text[place:] else ""
    start = len(before)
    return f"{before}{needle}{after}", Span(start, start + len(needle))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}", path=str(path)) from error
