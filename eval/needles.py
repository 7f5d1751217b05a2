"""Needles hidden in a user's own texts, at controlled depths and lengths.

Three kinds:

- ``plain``: one generated fact a document.
- ``confusing``: with it three near copies in the same document, two about places whose
  names share a word with the right one and one about another code of the same place; no
  other document speaks of the right place (after LV-Eval).
- ``multi``: a chain of three facts at different depths that are needed together
  (after NeedleBench).

Nothing is added to the user's store: the documents here are built for a scratch copy.

Source:
    Kamradt 2023, "LLMTest_NeedleInAHaystack"; Yuan et al. 2024, "LV-Eval",
    arXiv:2402.05136; Li et al. 2024, "NeedleBench", arXiv:2407.11963.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal, TypeAlias

from encoders.types import Document, Span
from eval.datasets import judged_dataset, plain_query
from eval.errors import EvaluationError
from eval.haystack import hide
from eval.names import people, places, places_like
from eval.synthetic import WORDS_PER_TOKEN
from eval.types import GoldSpan

if TYPE_CHECKING:
    from eval.haystack import Haystack
    from eval.types import Dataset

NeedleKind: TypeAlias = Literal["plain", "confusing", "multi"]

_Maker: TypeAlias = Callable[[int, Random], Sequence["_Puzzle"]]

_NEAR_COPIES = 3
_CHAIN_STEP = 0.25  # of the text, between the facts of a chain


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleOptions:
    """The grid of a needle test.

    Attributes:
        kind: see the module.
        lengths: of documents, in tokens of 0.75 words.
        depths: of the first gold fact, from 0 to 1.
        per_cell: documents for each length and depth.
        seed: of everything random.
    """

    kind: NeedleKind = "plain"
    lengths: tuple[int, ...] = (1024, 2048, 4096, 8192)
    depths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    per_cell: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.lengths or not self.depths or self.per_cell < 1:
            raise EvaluationError(
                "a needle test needs at least one length, one depth and one document a cell"
            )
        if min(self.lengths) < 128:
            raise EvaluationError(f"documents of {min(self.lengths)} tokens hold no needle; use 128 or more")
        if not all(0 <= depth <= 1 for depth in self.depths):
            raise EvaluationError(f"depths go from 0 to 1, got {self.depths}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleSet:
    """Documents with needles, and which cell of the grid each query belongs to."""

    dataset: Dataset
    cells: Mapping[str, tuple[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Puzzle:
    question: str
    gold: tuple[str, ...]
    near_copies: tuple[str, ...] = ()


def make_needles(haystack: Haystack, options: NeedleOptions) -> NeedleSet:
    """Build one document and one query for every place of the grid."""
    cells = [
        (length, depth)
        for length in options.lengths
        for depth in options.depths
        for _ in range(options.per_cell)
    ]
    chance = Random(f"needles {options.kind} {options.seed}")
    puzzles = _MAKERS[options.kind](len(cells), chance)
    name = f"needles-{options.kind}"
    documents, queries, spans = [], [], {}
    for number, (puzzle, (length, depth)) in enumerate(zip(puzzles, cells, strict=True)):
        doc_id = f"needle-{length}-{round(100 * depth):03}-{number:04}"
        text, gold = _document(puzzle, haystack, length, depth, chance)
        documents.append(Document(id=doc_id, text=text))
        queries.append(plain_query(f"q{number:04}", puzzle.question, name))
        spans[f"q{number:04}"] = tuple(GoldSpan(doc_id=doc_id, span=span) for span in gold)
    qrels = {query.id: {document.id: 1} for query, document in zip(queries, documents, strict=True)}
    dataset = judged_dataset(name, documents, queries, qrels, spans)
    return NeedleSet(
        dataset=dataset, cells={query.id: cell for query, cell in zip(queries, cells, strict=True)}
    )


def _document(
    puzzle: _Puzzle, haystack: Haystack, length: int, depth: float, chance: Random
) -> tuple[str, list[Span]]:
    facts = [*puzzle.gold, *puzzle.near_copies]
    words = int(WORDS_PER_TOKEN * length) - sum(len(fact.split()) for fact in facts)
    text = haystack.piece(max(words, 1), chance)
    gold_depths = [(depth + step * _CHAIN_STEP) % 1.0001 for step in range(len(puzzle.gold))]
    depths = [*gold_depths, *(chance.random() for _ in puzzle.near_copies)]
    for fact, place in zip(facts, depths, strict=True):
        text, _ = hide(text, fact, place)
    return text, [_find(text, fact) for fact in puzzle.gold]


def _find(text: str, fact: str) -> Span:
    start = text.index(fact)
    return Span(start, start + len(fact))


def _plain(count: int, chance: Random) -> list[_Puzzle]:
    return [
        _Puzzle(question=f"What is the access code of the {place}?", gold=(_code(place, chance),))
        for place in places(count, chance)
    ]


def _confusing(count: int, chance: Random) -> list[_Puzzle]:
    names = places(count, chance)
    asked = set(names)  # a copy must not be about what another document answers
    puzzles = []
    for place in names:
        similar = [name for name in places_like(place) if name not in asked]
        if len(similar) < _NEAR_COPIES - 1:
            raise EvaluationError(f"{count} needles leave no names for near copies; ask for fewer")
        copies = (
            *(_code(other, chance) for other in chance.sample(similar, _NEAR_COPIES - 1)),
            f"The visitor code of the {place} is {chance.randrange(10_000, 100_000)}.",
        )
        question = f"What is the access code of the {place}?"
        puzzles.append(_Puzzle(question=question, gold=(_code(place, chance),), near_copies=copies))
    return puzzles


def _multi(count: int, chance: Random) -> list[_Puzzle]:
    names = people(3 * count, chance)
    puzzles = []
    for first, second, third in zip(names[::3], names[1::3], names[2::3], strict=True):
        gold = (
            f"{first} was taught to sail by {second}.",
            f"{second} was taught to sail by {third}.",
            f"{third} learned to sail alone.",
        )
        question = f"Who stands at the beginning of the line of teachers that led to {first} sailing?"
        puzzles.append(_Puzzle(question=f"{question} {second} taught {first}.", gold=gold))
    return puzzles


def _code(place: str, chance: Random) -> str:
    return f"The access code of the {place} is {chance.randrange(10_000, 100_000)}."


_MAKERS: dict[NeedleKind, _Maker] = {"plain": _plain, "confusing": _confusing, "multi": _multi}
