"""Where a part of a document stands, in a few words that the encoder reads before it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    """Shorten every breadcrumb to ``max_tokens``: the outer crumbs first; what cannot fit is left out."""
    distinct = list(dict.fromkeys(breadcrumbs.crumbs))
    count = _counter(distinct, tokenizer)
    fitted = {crumbs: _fitted(crumbs, count, max_tokens) for crumbs in distinct}
    chosen = [fitted[crumbs] for crumbs in breadcrumbs.crumbs]
    return FittedBreadcrumbs(
        breadcrumbs.starts, [text for text, _ in chosen], [tokens for _, tokens in chosen]
    )


def _counter(distinct: list[tuple[Crumb, ...]], tokenizer: Tokenizer) -> Callable[[list[str]], int]:
    """Count a breadcrumb by its parts; where counts do not add up, readings are checked later."""
    every = {crumb for crumbs in distinct for crumb in crumbs}
    parts = sorted({text for crumb in every for text in (crumb.text, crumb.short)})
    ends = np.cumsum([len(part) + 1 for part in parts], dtype=np.int64)
    # One text of a part a line: tokenizing many short texts costs several times more.
    joined, between = tokenizer.tokenize(["\n".join(parts), SEPARATOR])
    counts = np.diff(np.searchsorted(joined.offsets[:, 0], ends), prepend=0)
    of_part = dict(zip(parts, counts.tolist(), strict=True))
    separator = len(between)
    return lambda texts: sum(of_part[text] for text in texts) + separator * max(0, len(texts) - 1)


def _fitted(crumbs: tuple[Crumb, ...], count: Callable[[list[str]], int], max_tokens: int) -> tuple[str, int]:
    for texts in _variants(crumbs):
        tokens = count(texts)
        if tokens <= max_tokens:
            return SEPARATOR.join(texts), tokens
    return "", 0


def _variants(crumbs: tuple[Crumb, ...]) -> Iterator[list[str]]:
    """Yield ever shorter forms."""
    for shortened in range(len(crumbs) + 1):
        yield [crumb.short for crumb in crumbs[:shortened]] + [crumb.text for crumb in crumbs[shortened:]]
    for dropped in range(1, len(crumbs)):
        yield [crumb.short for crumb in crumbs[dropped:]]
