"""Make sure that what the encoder reads for a tile fits, by tokenising the reading itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.graphemes import last_break

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.protocols import Tokenizer
    from encoders.types import TokenSpans

_PROBE: Final = (
    ("a plain sentence, and ", "another one."),
    ("def name_of(self):\n", "    return self._x[0] + 1\n"),
    ("Straße naïve 日本", "語 text"),
    ("path/to/file.py\n", "class A(B):"),
    ("path: class A\n", "\tindented\r\n"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A tile on its way to a segment.

    Attributes:
        tokens: tokens of the tile alone.
        exact: True when no cut goes through a token, so that the counts of the block hold.
    """

    start: int
    end: int
    context_start: int
    tokens: int
    exact: bool
    breadcrumb: str = ""

    def reading(self, text: str) -> str:
        """Return what the encoder will read."""
        read = text[self.context_start : self.end]
        return f"{self.breadcrumb}\n{read}" if self.breadcrumb else read


def counts_add_up(tokenizer: Tokenizer) -> bool:
    """Tell whether a text cut before a word has as many tokens as its two parts.

    True of WordPiece; not of byte-level or SentencePiece models, which count white
    space and read a word differently at the start of a text. Found by trying a few joints.
    """
    read = tokenizer.tokenize([part for left, right in _PROBE for part in (left, right, left + right)])
    for place, (left, right) in enumerate(_PROBE):
        before, after, whole = read[3 * place : 3 * place + 3]
        if _begins_word(whole, len(left)) and len(before) + len(after) != len(whole):
            return False
        words = [(left + right)[start:end] for start, end in whole.offsets.tolist()]
        if any(word != word.strip() for word in words):
            return False
    return True


def _begins_word(tokens: TokenSpans, position: int) -> bool:
    following = np.flatnonzero(tokens.offsets[:, 1] > position)
    return bool(len(following)) and bool(
        tokens.word_starts[following[0]] and tokens.offsets[following[0], 0] >= position
    )


def fit(
    text: str, drafts: Sequence[Draft], tokenizer: Tokenizer, max_tokens: int, *, trust: bool
) -> list[Draft]:
    """Return drafts whose readings hold at most ``max_tokens``, special tokens included.

    A reading that does not fit loses its context, then its breadcrumb, and is then
    cut in two. A single grapheme that takes more is kept whole.

    Args:
        text: the document's text.
        drafts: tiles in order, each next one starting where the last ended.
        tokenizer: counts.
        max_tokens: the budget.
        trust: exact drafts are known to fit; see `counts_add_up`.
    """
    fitted = list(drafts)
    open_places = [place for place, draft in enumerate(fitted) if not (trust and draft.exact)]
    room = max_tokens - tokenizer.special_tokens
    done: dict[int, list[Draft]] = {}
    for place, count in zip(
        open_places, _count(tokenizer, [fitted[p].reading(text) for p in open_places]), strict=True
    ):
        draft = fitted[place]
        if count > room or not draft.exact:
            done[place] = _shrink(text, draft, count, tokenizer, room)
    return [draft for place, draft in enumerate(fitted) for draft in done.get(place, [draft])]


def _shrink(text: str, draft: Draft, count: int, tokenizer: Tokenizer, room: int) -> list[Draft]:
    pending, fitted = [(draft, count)], []
    while pending:
        draft, count = pending.pop()
        smaller = _smaller(text, draft) if count > room else None
        if smaller is None:
            own = count if draft.reading(text) == text[draft.start : draft.end] else None
            fitted.append(_recounted(text, draft, tokenizer, own))
            continue
        counts = _count(tokenizer, [each.reading(text) for each in smaller])
        pending += reversed(list(zip(smaller, counts, strict=True)))
    return fitted


def _smaller(text: str, draft: Draft) -> list[Draft] | None:
    if draft.context_start < draft.start:
        return [replace(draft, context_start=draft.start)]
    if draft.breadcrumb:
        return [replace(draft, breadcrumb="")]
    middle = last_break(text, draft.start, (draft.start + draft.end) // 2)
    if middle >= draft.end:
        return None
    return [
        replace(draft, end=middle, exact=False),
        replace(draft, start=middle, context_start=middle, exact=False),
    ]


def _recounted(text: str, draft: Draft, tokenizer: Tokenizer, own: int | None) -> Draft:
    if draft.exact:
        return draft
    tokens = _count(tokenizer, [text[draft.start : draft.end]])[0] if own is None else own
    return replace(draft, tokens=tokens)


def _count(tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    return [len(tokens) for tokens in tokenizer.tokenize(texts)] if texts else []
