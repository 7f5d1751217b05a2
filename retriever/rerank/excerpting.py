"""Shortens a text to a token budget: the run of sentences that says most about the query."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from encoders.boundaries import prose_cuts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from retriever.rerank.tokens import TokenCounter

ELLIPSIS: Final = "\u2026"
_RUN: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+|[^\W_]+")
_IDEOGRAPH: Final = "\u2e80"


def terms_of(text: str) -> set[str]:
    """Return the words of ``text``, case folded; pairs of neighbours where words are not written apart."""
    terms: set[str] = set()
    for run in _RUN.findall(text.casefold()):
        if run[0] >= _IDEOGRAPH and len(run) > 1:
            terms.update(first + second for first, second in pairwise(run))
        else:
            terms.add(run)
    return terms


def term_weights(query: str, texts: Sequence[str]) -> dict[str, float]:
    """Weigh the terms of ``query`` by how few of ``texts`` hold them: ``log(1 + texts / (1 + holders))``."""
    wanted = terms_of(query)
    holders = Counter(term for text in texts for term in wanted & terms_of(text))
    return {term: math.log(1 + len(texts) / (1 + holders[term])) for term in wanted}


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    tokens: int
    terms: frozenset[str]


def shorten(text: str, budget: int, counter: TokenCounter, weights: Mapping[str, float]) -> str:
    """Return ``text`` when it fits, else the run of whole sentences in it that weighs most.

    A run weighs what the query terms in it weigh, each once; of equal runs the
    earliest wins, so that a text without any query term is cut at its end. Only a
    sentence that is longer than the budget is cut inside, between words where there
    are any. What is left out is marked by an ellipsis.

    Args:
        text: any text.
        budget: most tokens, at least 4; not exceeded as long as a single character fits.
        counter: counts as the model does.
        weights: see `term_weights`.
    """
    if counter.count(text) <= budget:
        return text
    room = budget - 2 * counter.count(ELLIPSIS)
    sentences = [
        _Sentence(piece, counter.count(piece), frozenset(terms_of(piece) & weights.keys()))
        for sentence in _sentences(text)
        for piece in _pieces(sentence, room, counter)
    ]
    first, last = _best_run(sentences, room, weights)
    return _fitting(sentences, first, last, budget, counter)


def _sentences(text: str) -> Iterable[str]:
    """Cut a text into sentences; blanks that stand alone belong to the one before them."""
    lead = len(text) - len(text.lstrip())
    inner = [place for place in prose_cuts(text, 0, len(text)).positions.tolist() if place > lead]
    starts = [start for start, end in pairwise([lead, *inner, len(text)]) if text[start:end].strip()]
    return (text[start:end] for start, end in pairwise([*starts, len(text)]))


def _pieces(text: str, room: int, counter: TokenCounter) -> Iterable[str]:
    """Halve ``text`` between words until each piece fits ``room`` or is one character."""
    waiting = [text]
    while waiting:
        piece = waiting.pop()
        if len(piece) < 2 or counter.count(piece) <= room:
            yield piece
            continue
        middle = _middle(piece)
        waiting += [piece[middle:], piece[:middle]]


def _middle(text: str) -> int:
    half = len(text) // 2
    before = text.rfind(" ", 1, half + 1)
    after = text.find(" ", half, len(text) - 1)
    near = [place + 1 for place in (before, after) if place > 0]
    return min(near, key=lambda place: abs(place - half)) if near else half


def _best_run(sentences: Sequence[_Sentence], room: int, weights: Mapping[str, float]) -> tuple[int, int]:
    """Return first and last place of the run within ``room`` that weighs most."""
    best, chosen = -1.0, (0, 0)
    held: Counter[str] = Counter()
    used = first = 0
    for last, sentence in enumerate(sentences):
        used += sentence.tokens
        held.update(sentence.terms)
        while used > room and first < last:
            used -= sentences[first].tokens
            held.subtract(sentences[first].terms)
            first += 1
        weight = sum(weights[term] for term, times in held.items() if times > 0)
        # A longer run from the same start costs nothing and shows more.
        if weight > best + 1e-12 or (first == chosen[0] and weight > best - 1e-12):
            best, chosen = weight, (first, last)
    return chosen


def _fitting(
    sentences: Sequence[_Sentence], first: int, last: int, budget: int, counter: TokenCounter
) -> str:
    """Join a run; leave out its end while the whole counts more than its parts did."""
    for end in range(last, first - 1, -1):
        body = "".join(sentence.text for sentence in sentences[first : end + 1]).strip()
        before = f"{ELLIPSIS} " if first else ""
        after = f" {ELLIPSIS}" if end < len(sentences) - 1 else ""
        joined = f"{before}{body}{after}"
        if counter.count(joined) <= budget:
            return joined
    return sentences[first].text.strip()
