"""Which language a document is in, and how its words become terms.

A language is told by its script where that is enough, else by a vote of its commonest
words; a long document holds thousands of them. What cannot be told is ``und``, whose
words are neither stemmed nor dropped. Scripts written without blanks (Chinese,
Japanese, Thai, Lao, Khmer, Burmese) become overlapping pairs of characters, and so
does Korean, whose words carry their particles; that needs no dictionary and holds
inside a text of another language too.

Source:
    Savoy 2005, "Comparative study of monolingual and multilingual search models for
    use with Asian languages": pairs of characters are as good as words.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from indexers.stop_words import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENGLISH: Final = "en"
UNKNOWN: Final = "und"
"""ISO 639's name for a language that was not determined."""

_SAMPLE_PIECES: Final = 8
_SAMPLE_CHARACTERS: Final = 1_500
_FEWEST_LETTERS: Final = 20
_FEWEST_VOTES: Final = 4
_SHARE_OF_WORDS: Final = 0.08
_SHARE_OF_SCRIPT: Final = 0.3
_SHARE_OF_KANA: Final = 0.05

_SCRIPTS: Final[dict[str, str]] = {
    "ar": "\u0600-\u06ff\u0750-\u077f",
    "cyrillic": "\u0400-\u052f",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u0590-\u05ff",
    "hi": "\u0900-\u097f",
    "hy": "\u0530-\u058f",
    "ja": "\u3041-\u30ff",
    "ka": "\u10a0-\u10ff",
    "km": "\u1780-\u17ff",
    "ko": "\u1100-\u11ff\uac00-\ud7af",
    "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u109f",
    "ta": "\u0b80-\u0bff",
    "th": "\u0e00-\u0e7f",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f",
}
_LETTERS_OF: Final = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS.items()}
_PAIRED: Final = ("ja", "km", "ko", "lo", "my", "th", "zh")
_RUN: Final = re.compile("[" + "".join(_SCRIPTS[name] for name in _PAIRED) + "]+")
_VOTED: Final = {"cyrillic": ("bg", "ru", "sr", "uk")}
_LATIN: Final = tuple(
    language for language in STOP_WORDS if language not in {"ar", "el", "hi", *_VOTED["cyrillic"]}
)
_LETTER: Final = re.compile(r"[^\W\d_]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_STEMMERS: Final[Mapping[str, str]] = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french",
    "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "nl": "dutch", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish",
    "ta": "tamil", "tr": "turkish",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """How words of one language become terms.

    Attributes:
        language: ISO 639-1, or `UNKNOWN`.
        stemmer: Snowball's name of the language, empty where there is none.
        stop_words: words that become no term.
    """

    language: str
    stemmer: str
    stop_words: frozenset[str]


def rules_of(language: str) -> Rules:
    """Return how words of a language become terms; an unknown one is neither stemmed nor thinned."""
    return Rules(language, _STEMMERS.get(language, ""), STOP_WORDS.get(language, frozenset()))


def language_of(text: str, metadata: Mapping[str, object]) -> str:
    """Return the language that the caller gave as ``metadata["language"]``, else the detected one.

    A region is dropped: ``de-AT`` is ``de``.
    """
    given = metadata.get("language")
    if isinstance(given, str) and given.strip():
        return re.split(r"[-_]", given.strip().lower())[0]
    return detect(text)


def detect(text: str) -> str:
    """Tell the language of a text from pieces spread over it; `UNKNOWN` when it does not show.

    Source code counts as what its words and comments are in.
    """
    sample = _sample(text)
    letters = len(_LETTER.findall(sample))
    if letters < _FEWEST_LETTERS:
        return UNKNOWN
    counts = {name: len(pattern.findall(sample)) / letters for name, pattern in _LETTERS_OF.items()}
    if counts["ja"] >= _SHARE_OF_KANA:
        return "ja"  # Japanese is half Han characters; Chinese has no kana
    script = max(counts, key=lambda name: counts[name])
    if counts[script] < _SHARE_OF_SCRIPT:
        return _vote(sample, _LATIN)
    return _vote(sample, _VOTED[script]) if script in _VOTED else script


def pairs(text: str) -> list[str]:
    """Return the overlapping pairs of characters of every run in a script without blanks.

    A run of one character is that character. Marks stay with the letter they stand on
    because they are characters of the run.
    """
    return [pair for run in _RUN.findall(text) for pair in _pairs_of(run)]


def without_pairs(text: str) -> str:
    """Return ``text`` with blanks for what `pairs` reads, for the analysis of words; offsets stay."""
    return _RUN.sub(lambda run: " " * len(run[0]), text)


def pair_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the pairs of `pairs` stand."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        yield from ((at, at + 2) for at in range(start, end - 1))
        if end - start == 1:
            yield start, end


def has_pairs(text: str) -> bool:
    """Tell whether there is anything for `pairs` in a text."""
    return not text.isascii() and _RUN.search(text) is not None


def analysed_as(language: str) -> str:
    """Return the language by whose rules words are analysed: English where there are no others.

    Among them are the languages that become pairs, whose texts hold English words at most.
    """
    known = language in _STEMMERS or language in STOP_WORDS
    return language if known and language not in _PAIRED else ENGLISH


def _pairs_of(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for first, second in pairwise(run):
        yield first + second


def _vote(sample: str, languages: Sequence[str]) -> str:
    """Return the language whose commonest words make up most of the sample."""
    words = Counter(word.lower() for word in _WORD.findall(sample))
    # Single letters are list items, variables and units in every language.
    votes = {one: sum(words[word] for word in STOP_WORDS[one] if len(word) > 1) for one in languages}
    best = max(votes, key=lambda one: votes[one])
    enough = max(_FEWEST_VOTES, _SHARE_OF_WORDS * words.total())
    return best if votes[best] >= enough else UNKNOWN


def _sample(text: str) -> str:
    if len(text) <= _SAMPLE_PIECES * _SAMPLE_CHARACTERS:
        return text
    step = (len(text) - _SAMPLE_CHARACTERS) // (_SAMPLE_PIECES - 1)
    starts = range(0, step * _SAMPLE_PIECES, step)
    return "\n".join(text[start : start + _SAMPLE_CHARACTERS] for start in starts)
