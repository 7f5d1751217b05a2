"""Where a part of a document stands, in a few words that the encoder reads before it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.protocols import Tokenizer

SEPARATOR: Final = " > "


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of a breadcrumb: a path, a heading, a signature; ``short`` is its last resort."""

    text: str
    short: str


@dataclass(frozen=True, slots=True)
class Breadcrumbs:
    """The crumbs that hold at each offset: ``crumbs[i]``, outermost first, from ``starts[i]`` on.

    ``starts`` ascends from 0; where offsets repeat the last holds.
    """

    starts: Sequence[int] = (0,)
    crumbs: Sequence[tuple[Crumb, ...]] = ((),)


@dataclass(frozen=True, slots=True)
class FittedBreadcrumbs:
    """Breadcrumbs as they will be read, with the tokens each takes."""

    starts: Sequence[int]
    texts: Sequence[str]
    tokens: Sequence[int]

    def at(self, position: int) -> tuple[str, int]:
        """Return the breadcrumb at ``position`` and its tokens."""
        place = bisect_right(self.starts, position) - 1
        return self.texts[place], self.tokens[place]


def fit_breadcrumbs(breadcrumbs: Breadcrumbs, tokenizer: Tokenizer, max_tokens: int) -> FittedBreadcrumbs:
    """Shorten every breadcrumb to ``max_tokens``: the outer crumbs first; what cannot fit is left out.

    Counted by parts; where a tokenizer's counts do not add up, readings are checked later.
    """
    distinct = list(dict.fromkeys(breadcrumbs.crumbs))
    counts = _count({crumb.text for crumbs in distinct for crumb in crumbs} | {SEPARATOR}, tokenizer)
    long = {crumbs: [crumb.text for crumb in crumbs] for crumbs in distinct}
    fitted = {crumbs: (SEPARATOR.join(texts), _total(texts, counts)) for crumbs, texts in long.items()}
    over = [crumbs for crumbs, (_, tokens) in fitted.items() if tokens > max_tokens]
    if over:
        counts |= _count({crumb.short for crumbs in over for crumb in crumbs}, tokenizer)
        fitted |= {crumbs: _fitted(crumbs, counts, max_tokens) for crumbs in over}
    chosen = [fitted[crumbs] for crumbs in breadcrumbs.crumbs]
    texts, tokens = [text for text, _ in chosen], [taken for _, taken in chosen]
    return FittedBreadcrumbs(breadcrumbs.starts, texts, tokens)


def _count(parts: set[str], tokenizer: Tokenizer) -> dict[str, int]:
    """Count tokens of one-line parts, read as one text: many short texts cost several times more."""
    ordered = sorted(parts)
    ends = np.cumsum([len(part) + 1 for part in ordered], dtype=np.int64)
    [joined] = tokenizer.tokenize(["\n".join(ordered)])
    counts = np.diff(np.searchsorted(joined.offsets[:, 0], ends), prepend=0)
    return dict(zip(ordered, counts.tolist(), strict=True))


def _total(texts: list[str], counts: dict[str, int]) -> int:
    return sum(counts[text] for text in texts) + counts[SEPARATOR] * max(0, len(texts) - 1)


def _fitted(crumbs: tuple[Crumb, ...], counts: dict[str, int], max_tokens: int) -> tuple[str, int]:
    for texts in _variants(crumbs):
        tokens = _total(texts, counts)
        if tokens <= max_tokens:
            return SEPARATOR.join(texts), tokens
    return "", 0


def _variants(crumbs: tuple[Crumb, ...]) -> Iterator[list[str]]:
    """Yield ever shorter forms."""
    for shortened in range(len(crumbs) + 1):
        yield [crumb.short for crumb in crumbs[:shortened]] + [crumb.text for crumb in crumbs[shortened:]]
    for dropped in range(1, len(crumbs)):
        yield [crumb.short for crumb in crumbs[dropped:]]
