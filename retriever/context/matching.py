"""Finds quoted words in a text, first as they stand, then without what a writer changes in passing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from encoders.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_ELLIPSIS: Final = re.compile(
    r"\s*(?:\[\s*(?:\.{3}|\u2026)\s*\]|\(\s*(?:\.{3}|\u2026)\s*\)|\.{3,}|\u2026)\s*"
)
_PLAIN: Final = (
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u0060\u00b4", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
)
_SOFT_HYPHEN: Final = "\u00ad"
_LEFT_OUT: Final = frozenset("\\*_`")
_EDGES: Final = " \"'.,;:!?-"
_HYPHEN: Final = re.compile(
    f"{_SOFT_HYPHEN} ?|(?<=[^\\W\\d_])-(?=[^\\W\\d_])|(?<=[^\\W\\d_])- (?=[^\\W\\d_])"
)
_WORD_SIGN: Final = re.compile(r"[0-9A-Za-z\u00c0-\u058f]")
_LEAST: Final = 3
"""Signs that a part beside an ellipsis needs, so that not any letter counts as found."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text without case, accents, kinds of space, quotation mark and dash, hyphenation and mark-up.

    Attributes:
        text: what is left.
        places: offset in the original of each of its signs.
    """

    text: str
    places: list[int]


def normalise(text: str) -> Normalised:
    """Normalise a text and remember where every sign was."""
    signs: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(text):
        for one in _plain(sign):
            if one != " " or (signs and signs[-1] != " "):
                signs.append(one)
                places.append(place)
    return _joined_words(Normalised("".join(signs), places), text)


def find_exact(quote: str, text: str) -> Span | None:
    """Return where a quote stands, character for character and not inside a word."""
    return next(_places(quote, text, 0), None)


def find_normalised(quote: str, text: Normalised) -> Span | None:
    """Return where a quote stands but for what `normalise` leaves out; parts beside an ellipsis in order."""
    parts = [part for part in (normalise(one).text.strip(_EDGES) for one in _ELLIPSIS.split(quote)) if part]
    if not parts or (len(parts) > 1 and min(map(len, parts)) < _LEAST):
        return None
    found: list[Span] = []
    for part in parts:
        place = next(_places(part, text.text, found[-1].end if found else 0), None)
        if place is None:
            return None
        found.append(place)
    return Span(text.places[found[0].start], text.places[found[-1].end - 1] + 1)


def _plain(sign: str) -> str:
    """Return what a sign counts as; nothing for mark-up, accents and what is not seen."""
    if sign in _LEFT_OUT:
        return ""
    if sign in _PLAIN:
        return _PLAIN[sign]
    if sign.isascii():
        return " " if sign.isspace() else sign.lower()
    if sign == _SOFT_HYPHEN:
        return sign
    if unicodedata.category(sign) == "Cf":
        return ""
    folded = unicodedata.normalize("NFKD", sign).casefold()
    return "".join(" " if one.isspace() else one for one in folded if not unicodedata.combining(one))


def _joined_words(text: Normalised, original: str) -> Normalised:
    """Leave hyphens between letters out, and those at the end of a line with the line break."""
    left_out: set[int] = set()
    for found in _HYPHEN.finditer(text.text):
        between = original[text.places[found.start()] : text.places[found.end() - 1] + 2]
        if found[0] != "- " or "\n" in between or "\r" in between:
            left_out.update(range(found.start(), found.end()))
    if not left_out:
        return text
    kept = [place for place in range(len(text.text)) if place not in left_out]
    return Normalised("".join(text.text[one] for one in kept), [text.places[one] for one in kept])


def _places(quote: str, text: str, start: int) -> Iterator[Span]:
    at = text.find(quote, start)
    while at >= 0:
        end = at + len(quote)
        if not (_in_word(text, at) or _in_word(text, end)):
            yield Span(at, end)
        at = text.find(quote, at + 1)


def _in_word(text: str, border: int) -> bool:
    """Tell whether a border lies between two letters or digits of a script that puts spaces between words."""
    if not 0 < border < len(text):
        return False
    return bool(_WORD_SIGN.match(text[border - 1]) and _WORD_SIGN.match(text[border]))
