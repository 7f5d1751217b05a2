"""A listwise task with a known right order, for a model small enough to be trained on the spot.

A passage is one word, a *grade* from a closed set; the right order of a list is by
falling grade, and all grades of a list differ. A model has to learn which grade is
above which, and to point at passages by their numbers, from examples alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from retriever.rerank.prompts import PromptTemplate
from retriever.rerank.training_data import ListwiseExample
from retriever.rerank.types import RankingCounts, TokenUsage, WindowRanking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.rerank.types import WindowRequest

QUERY = "highest"
TEMPLATE = PromptTemplate(system="", prefix="", body="[{identifier}] {passage}\n", suffix="{query}")
_TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ListShape:
    """Which lists there are.

    Attributes:
        shortest: passages.
        longest: passages; at most ``grades``.
        grades: words that a passage may be.
    """

    shortest: int
    longest: int
    grades: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallModel:
    """A Llama of a few layers."""

    hidden: int = 64
    layers: int = 3
    heads: int = 2
    numbers: int = 50
    grades: int = 60


def make_lists(shape: ListShape, count: int, *, seed: int) -> list[ListwiseExample]:
    """Draw lists in a chance order, each with its right order."""
    random = Random(seed)
    lists = []
    for _ in range(count):
        size = random.randint(shape.shortest, shape.longest)
        grades = random.sample(range(shape.grades), size)
        order = sorted(range(size), key=lambda place: -grades[place])  # used at once
        lists.append(ListwiseExample(query=QUERY, passages=tuple(map(_word, grades)), order=tuple(order)))
    return lists


def top_grades(example: ListwiseExample) -> dict[str, int]:
    """Grade places for nDCG: 10 for the first of the right order, 9 for the second, 0 from the eleventh."""
    return {str(place): _TOP - rank for rank, place in enumerate(example.order[:_TOP])}


class ExactTeacher:
    """Ranks a window rightly; what it does not see it cannot know."""

    async def rank(self, request: WindowRequest) -> WindowRanking:
        """Order by grade; see `retriever.rerank.protocols.WindowRanker`."""
        grades = [int(passage[1:]) for passage in request.passages]
        order = tuple(sorted(range(len(grades)), key=lambda place: -grades[place]))
        return WindowRanking(
            order=order,
            ranked=len(order),
            status="ok",
            counts=RankingCounts(wanted=request.wanted, listed=len(order), lists=1),
            usage=TokenUsage(),
            latency_s=0.0,
        )


def small_tokenizer(model: SmallModel) -> Any:
    """Build a tokenizer of one token per word: numbers in brackets, grades, and what stands between."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<unk>", "<end>", ">", QUERY]
    words += [f"[{number}]" for number in range(1, model.numbers + 1)]
    words += [_word(grade) for grade in range(model.grades)]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="<end>"
    )


def small_model(settings: SmallModel, tokenizer: Any, *, seed: int) -> Any:
    """Build a causal model with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=2 * settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config)


def shuffled_orders(lists: Sequence[ListwiseExample], *, seed: int) -> list[tuple[int, ...]]:
    """Return a chance order of each list: what a model reaches that knows nothing."""
    random = Random(seed)
    return [tuple(random.sample(range(len(one.passages)), len(one.passages))) for one in lists]


def _word(grade: int) -> str:
    return f"g{grade:02d}"
