"""The answer ``[3] > [1] > [2]`` as tokens: built piece by piece, so that its structure is known.

Training labels and constrained decoding use the same pieces. Which token belongs
to which rank follows from the piece that it came from, never from a token's id.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from encoders.errors import ModelError
from retriever.rerank.prompts import numerals

Encode: TypeAlias = Callable[[str], list[int]]
"""Turns a text into token ids, without special tokens."""

_SEPARATOR: Final = " > "
_ANCHOR: Final = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTokens:
    """What an answer is made of.

    Attributes:
        identifiers: one per passage, as they stand in the prompt.
        tokens: the tokens of each identifier in its brackets; no one begins another.
        separator: the tokens between two of them.
    """

    identifiers: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]
    separator: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AnswerLabel:
    """The tokens of a right answer with the weight of each in the loss."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]


def answer_tokens(encode: Encode, identifiers: Sequence[str]) -> AnswerTokens:
    """Tokenise the pieces of an answer.

    Raises:
        ModelError: two identifiers have the same tokens, or one begins another, so
            that the model cannot tell them apart.
    """
    pieces = tuple(_piece(encode, f"[{identifier}]") for identifier in identifiers)
    ordered = sorted(range(len(pieces)), key=pieces.__getitem__)
    for first, second in pairwise(ordered):
        if pieces[second][: len(pieces[first])] == pieces[first]:
            raise ModelError(
                f"the tokenizer cannot tell [{identifiers[first]}] from [{identifiers[second]}]; "
                "rank shorter lists or use a model whose vocabulary has all digits",
                first=identifiers[first],
                second=identifiers[second],
            )
    return AnswerTokens(identifiers=tuple(identifiers), tokens=pieces, separator=_piece(encode, _SEPARATOR))


def _piece(encode: Encode, piece: str) -> tuple[int, ...]:
    """Tokenise ``piece`` as it stands in running text: some vocabularies treat the start of a text apart."""
    anchor = encode(_ANCHOR)
    anchored = encode(_ANCHOR + piece)
    whole = anchored[: len(anchor)] == anchor and len(anchored) > len(anchor)
    return tuple(anchored[len(anchor) :] if whole else encode(piece))


def importance_weight(rank: int) -> float:
    """Return how much the identifier at ``rank``, from 1, counts in the loss: ``1 + 1 / log2(rank + 1)``.

    Source:
        Liu et al. 2024, "Sliding Windows Are Not the End", arXiv:2412.14574.
    """
    return 1 + 1 / math.log2(rank + 1)


def answer_label(
    pieces: AnswerTokens,
    order: Sequence[int],
    *,
    end: Sequence[int],
    importance: bool,
    separator_weight: float,
) -> AnswerLabel:
    """Write down ``order``, places best first, as tokens.

    Args:
        pieces: see `answer_tokens`.
        order: a permutation of the places, or the head of one.
        end: tokens that end an answer.
        importance: weigh identifiers by rank; otherwise all count 1.
        separator_weight: of what stands between identifiers and of the end.
    """
    tokens: list[int] = []
    weights: list[float] = []
    for rank, place in enumerate(order, start=1):
        if rank > 1:
            tokens += pieces.separator
            weights += [separator_weight] * len(pieces.separator)
        tokens += pieces.tokens[place]
        weights += [importance_weight(rank) if importance else 1.0] * len(pieces.tokens[place])
    return AnswerLabel((*tokens, *end), (*weights, *[separator_weight] * len(end)))


def single_token_identifiers(encode: Encode, count: int) -> tuple[str, ...]:
    """Choose identifiers that the model tells apart by one token: numerals, else letters.

    Raises:
        ModelError: the vocabulary has no ``count`` of them.
    """
    numbers = numerals(count)
    if _by_one_token(encode, numbers) == list(numbers):
        return numbers
    capitals = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    letters = [*capitals, *(letter.lower() for letter in capitals)]
    letters += [first + second for first in capitals for second in capitals]
    chosen = _by_one_token(encode, letters)
    if len(chosen) < count:
        raise ModelError(
            f"the vocabulary tells only {len(chosen)} identifiers apart by one token, the list has {count}; "
            "rank fewer at a time or decode the permutation",
            identifiers=len(chosen),
            wanted=count,
        )
    return tuple(chosen[:count])


def _by_one_token(encode: Encode, identifiers: Sequence[str]) -> list[str]:
    """Keep those whose bracketed form differs from all earlier ones in one token at one place."""
    pieces = [_piece(encode, f"[{identifier}]") for identifier in identifiers]
    kept: dict[tuple[int, ...], str] = {}
    shape = pieces[0]
    for identifier, piece in zip(identifiers, pieces, strict=True):
        place = _distinguishing(pieces[0], pieces[1] if len(pieces) > 1 else pieces[0])
        if len(piece) == len(shape) and piece[:place] == shape[:place]:
            kept.setdefault(piece[: place + 1], identifier)
    return list(kept.values())


def _distinguishing(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the first place where two pieces differ."""
    return next(
        (place for place, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), 0
    )
