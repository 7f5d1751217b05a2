"""The lexical side: text to terms, terms to BM25 weights.

The index applies the inverse document frequency at query time, so a stored weight
is only the term-frequency part of BM25. That part needs the average length of the
collection, which moves as documents come; `reweigh` carries stored weights over to
a new average without the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from typing import TYPE_CHECKING

from indexers.languages import ENGLISH, analysed_as, has_pairs, pair_spans, pairs, rules_of, without_pairs
from indexers.types import SparseVector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

_WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*")
_PART = re.compile(r"[^\W\d_a-z]+(?![a-z])|[^\W\d_a-z]?[^\W\d_A-Z]+|\d+")
_LONGEST_TERM = 64
_SHORTEST_FOLDED = 4
_SHORTEST_STEM = 2
_SIGMA = "\u03a3"  # its lower case depends on what stands beside it

STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below
    between both but by can could did do does doing done down during each few for from further had has
    have having he her here hers him himself his how i if in into is it its itself just let me more most
    my myself no nor not now of off on once only or other our ours out over own same shall she should so
    some such than that the their theirs them themselves then there these they this those through to too
    under until up upon us very was we were what when where which while who whom whose why will with
    would you your yours d ll m re s t ve
    """.split()
)


@dataclass(frozen=True, slots=True)
class Bm25:
    """BM25 parameters: ``k1`` saturates term frequency, ``b`` normalises by length.

    Source:
        Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond".
    """

    k1: float = 1.2
    b: float = 0.75

    def weight(self, frequency: float, length: int, average: float) -> float:
        """Return ``tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average))``."""
        return frequency * (self.k1 + 1) / (frequency + self._saturation(length, average))

    def frequency(self, weight: float, length: int, average: float) -> int:
        """Return the frequency that `weight` was made from."""
        return max(1, round(weight * self._saturation(length, average) / (self.k1 + 1 - weight)))

    def _saturation(self, length: int, average: float) -> float:
        return self.k1 * (1 - self.b + self.b * length / average)


def singular(word: str) -> str:
    """Fold an English word in lower case and its plural into one form.

    ``class`` and ``classes`` give ``class``, ``query`` and ``queries`` ``query``,
    ``cache`` and ``caches`` ``cach``, ``cookie`` and ``cookies`` ``cooky``.

    Source:
        the S-stemmer of Harman 1991, "How effective is suffixing?", JASIS 42(1), with
        ``-es`` after a sibilant and ``-ie`` added.
    """
    if len(word) < _SHORTEST_FOLDED:
        return word
    if word.endswith("s") and not word.endswith(("us", "ss", "is")):
        word = word[:-1]
    if word.endswith("ie"):
        return f"{word[:-2]}y"
    return word[:-1] if word.endswith(("che", "she", "sse", "xe", "zze")) else word


class Analyser:
    """Turns text into terms: words in lower case and folded, identifiers whole and in parts.

    ``getHTTPResponses`` and ``get_http_response`` both give ``gethttpresponse, get,
    http, response``, so each finds the other and both are found by the words.

    Of English only plurals are folded: a stemmer that folds more confuses words that long
    documents tell apart (``docs/benchmarks.md`` has the figures), and the dense side
    knows what is related. Words of other languages, which inflect more, are stemmed. Scripts
    written without blanks become pairs of characters, whatever the language of the text.

    Args:
        language: ISO 639-1; one without rules of its own is analysed as English.
    """

    recipe = "auto:words+identifiers+singular+stems+pairs@3"

    def __init__(self, language: str = ENGLISH) -> None:
        self._terms = lru_cache(maxsize=1 << 17)(self._analyse_word)
        self._stop_words = STOP_WORDS
        self._fold: Callable[[str], str] = singular
        if language != ENGLISH:
            rules = rules_of(language)
            self._stop_words = rules.stop_words
            self._fold = _stem_by(rules.stemmer)

    def analyse(self, text: str) -> list[str]:
        """Return the terms of ``text``, with repetitions: words in order, then pairs in order."""
        paired = pairs(text) if has_pairs(text) else []
        terms = self._terms
        words = _WORD.findall(without_pairs(text) if paired else text)
        return [term for word in words for term in terms(word)] + paired

    def analyse_one(self, word: str) -> Sequence[str]:
        """Return the terms of one of `words_of`."""
        return self._analyse_word(word) if word.isascii() else self.analyse(word)

    def _analyse_word(self, word: str) -> tuple[str, ...]:
        if word.isascii() and word.isalpha() and word.islower():  # most words: one part in one form
            return () if word in self._stop_words else (self._fold(word)[:_LONGEST_TERM],)
        parts = [part.lower() for part in _PART.findall(word)] if not word.islower() or "_" in word else []
        if len(parts) < 2:
            parts = _PART.findall(word.lower())
        whole = word.replace("_", "").lower()
        candidates = [whole, *parts] if len(parts) > 1 else [whole]
        return tuple(
            self._fold(term)[:_LONGEST_TERM] for term in candidates if term and term not in self._stop_words
        )


def _stem_by(stemmer: str) -> Callable[[str], str]:
    if not stemmer:
        return str
    import Stemmer

    stem: Callable[[str], str] = Stemmer.Stemmer(stemmer).stemWord
    return stem


@lru_cache(maxsize=64)
def _analyser(language: str) -> Analyser:
    return Analyser(language)


def analyse(text: str, language: str = ENGLISH) -> list[str]:
    """Return the terms of ``text``, which is in this language."""
    return _analyser(analysed_as(language)).analyse(text)


def analyse_query(text: str, languages: Iterable[str]) -> list[str]:
    """Return the terms by which texts of these languages are found: those of each, none twice.

    A term that is asked several times counts as often as in the language that has it most.
    """
    counts: Counter[str] = Counter()
    for language in sorted(set(map(analysed_as, languages)) or {ENGLISH}):
        counts |= Counter(analyse(text, language))
    return list(counts.elements())


@lru_cache(maxsize=1 << 16)
def terms_of_word(word: str, language: str = ENGLISH) -> frozenset[str]:
    """Return the terms of one of `words_of`, remembered."""
    return frozenset(_analyser(analysed_as(language)).analyse_one(word))


def words_of(text: str) -> list[tuple[str, int, int]]:
    """Return what `analyse` turns into terms, with start and end: words in order, then pairs in order."""
    if not has_pairs(text):
        return [(match[0], match.start(), match.end()) for match in _WORD.finditer(text)]
    words = [(match[0], match.start(), match.end()) for match in _WORD.finditer(without_pairs(text))]
    return words + [(text[start:end], start, end) for start, end in pair_spans(text)]


class WantedWords:
    """Which of `words_of` have one of some terms; each different word is looked at once.

    Args:
        terms: what is wanted.
        language: of the texts.
    """

    def __init__(self, terms: Set[str], language: str = ENGLISH) -> None:
        self._terms = terms
        self._language = language
        self._seen: set[str] = set()
        self._wanted: set[str] = set()
        # `singular` leaves the beginning of a word, or puts a y at its end.
        stems = {term[:-1] if term.endswith("y") else term for term in terms}
        short = any(len(stem) < _SHORTEST_STEM and not stem.isdigit() for stem in stems)
        # What joins the parts of a name is in no term, so words that hold one are looked at too.
        self._stems = None if short or analysed_as(language) != ENGLISH else {*stems, "_"}

    def among(self, words: Set[str]) -> set[str]:
        """Return those of the words that are wanted."""
        new = words - self._seen
        self._seen |= new
        found = zip(new, map(terms_of_word, new, repeat(self._language)), strict=True)
        self._wanted.update(word for word, terms in found if not self._terms.isdisjoint(terms))
        return self._wanted & words

    def places(self, text: str) -> list[tuple[int, int]]:
        """Return where those of `words_of` stand that are wanted, in any order."""
        if has_pairs(text):
            every = words_of(text)
            held = self.among({word for word, _, _ in every})
            return [(start, end) for word, start, end in every if word in held]
        lower = text.lower()
        if self._stems is None or len(lower) != len(text) or _SIGMA in text:
            held = self.among(set(_WORD.findall(text)))
            return [match.span() for match in _WORD.finditer(text) if match[0] in held] if held else []
        places = {place for stem in self._stems for place in _words_with(lower, stem)}
        held = self.among({text[start:end] for start, end in places})
        return [(start, end) for start, end in places if text[start:end] in held]


def _words_with(text: str, part: str) -> Iterator[tuple[int, int]]:
    """Yield where words stand that hold ``part``; sooner than by reading all words."""
    start = text.find(part)
    while start >= 0:
        end = start + len(part)
        while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        word = text[start:end]
        if held := word.strip("_"):
            lead = len(word) - len(word.lstrip("_"))
            yield start + lead, start + lead + len(held)
        start = text.find(part, end)


@lru_cache(maxsize=1 << 18)
def term_index(term: str) -> int:
    """Return the 32-bit index of a term in sparse vectors."""
    return int.from_bytes(blake2b(term.encode(), digest_size=4).digest(), "little")


def count_terms(text: str, language: str = ENGLISH) -> Counter[int]:
    """Count the terms of ``text``, which is in this language, by index."""
    return Counter(map(term_index, analyse(text, language)))


def weigh(counts: Mapping[int, int], *, average: float, bm25: Bm25) -> SparseVector:
    """Weigh the terms of one text for storing.

    Args:
        counts: frequency by term index.
        average: mean length, in terms, of the texts of the collection; above 0.
        bm25: the parameters.
    """
    length = sum(counts.values())
    weights = {count: bm25.weight(count, length, average) for count in set(counts.values())}  # a few
    return SparseVector(tuple(counts), tuple(weights[count] for count in counts.values()))


def reweigh(
    vector: SparseVector, *, length: int, old_average: float, new_average: float, bm25: Bm25
) -> SparseVector:
    """Carry stored weights over to another average length."""
    weights = {
        value: bm25.weight(bm25.frequency(value, length, old_average), length, new_average)
        for value in set(vector.values)  # a few
    }
    return SparseVector(vector.indices, tuple(weights[value] for value in vector.values))


def idf(holders: int, texts: int) -> float:
    """Return the weight of a term that ``holders`` of ``texts`` have, as the index weighs it."""
    return math.log(1 + (texts - holders + 0.5) / (holders + 0.5))


def query_vector(terms: Sequence[str]) -> SparseVector:
    """Weigh a query: each term by how often it is asked."""
    counts = Counter(map(term_index, terms))
    return SparseVector(tuple(counts), tuple(float(count) for count in counts.values()))
