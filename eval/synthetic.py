"""LongEmbed's two synthetic tasks, generated: Passkey and Needle.

Per context length ``c`` of 256 to 32,768 tokens: 100 documents and 50 queries, whose
documents are the first fifty of the hundred, so half of the candidates are never
relevant. A token counts as 0.75 words. The published data set is one draw; ours is
another from the same recipe, with facts of our own for Needle.

Source:
    Zhu et al. 2024, "LongEmbed", arXiv:2404.12096, section 4; passkeys after
    Wang et al. 2023, arXiv:2401.00368.
"""

from __future__ import annotations

from importlib.resources import files
from itertools import accumulate, cycle, takewhile
from random import Random
from typing import TYPE_CHECKING

from encoders.types import Document, Span
from eval.datasets import judged_dataset, plain_query
from eval.errors import EvaluationError
from eval.haystack import hide
from eval.names import people
from eval.types import GoldSpan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.haystack import Haystack
    from eval.types import Dataset

LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
DOCUMENTS = 100
QUERIES = 50
WORDS_PER_TOKEN = 0.75
_GRASS = (
    "The grass is green.",
    "The sky is blue.",
    "The sun is yellow.",
    "Here we go.",
    "There and back again.",
)
_RESERVED = 8  # with so many words kept back, mean lengths equal the published 875 … 116,380 characters


def passkey(length: int, *, seed: int = 0) -> Dataset:
    """Generate the Passkey task for one context length.

    Each document repeats five short sentences and tells one person's key at a random
    sentence; each query asks for one person's key.
    """
    chance = Random(f"passkey {seed} {length}")
    texts, spans = [], []
    names = people(DOCUMENTS, chance)
    for name in names:
        key = chance.randrange(10_000, 100_000)
        needle = f"{name}'s pass key is {key}. Remember it. {key} is the pass key for {name}."
        room = int(WORDS_PER_TOKEN * length) - _RESERVED - len(needle.split())
        sentences = _grass(room)
        place = chance.randint(0, len(sentences))
        before = f"{' '.join(sentences[:place])}\n"
        texts.append(f"{before}{needle}\n{' '.join(sentences[place:])}")
        spans.append(Span(len(before), len(before) + len(needle)))
    queries = [f"what is the passkey for {name}?" for name in names[:QUERIES]]
    return _dataset(f"passkey-{length}", texts, queries, spans)


def needle(length: int, haystack: Haystack, *, seed: int = 0) -> Dataset:
    """Generate the Needle task for one context length: one of a hundred facts in each document."""
    chance = Random(f"needle {seed} {length}")
    facts = known_facts()
    chance.shuffle(facts)
    texts, spans = [], []
    for _, fact in facts:
        words = int(WORDS_PER_TOKEN * length) - len(fact.split())
        text, span = hide(haystack.piece(words, chance), fact, chance.random())
        texts.append(text)
        spans.append(span)
    return _dataset(f"needle-{length}", texts, [question for question, _ in facts[:QUERIES]], spans)


def known_facts() -> list[tuple[str, str]]:
    """Return a hundred (question, fact) pairs of general knowledge."""
    lines = files("eval").joinpath("data/facts.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split("\t")) for line in lines]
    return [(question, fact) for question, fact in pairs]


def passkey_ceiling(visible_share: Sequence[float]) -> float:
    """Return the best mean acc@1 of a reader that sees only a share of each length's document.

    A model that sees the first ``share`` of a text finds that share of the keys, as
    their places are uniform, and none of the others.

    Args:
        visible_share: per length, from 0 to 1.
    """
    if not visible_share:
        raise EvaluationError("a ceiling needs the share of at least one length")
    return sum(visible_share) / len(visible_share)


def _grass(words: int) -> list[str]:
    if words <= 0:
        return []
    endless = cycle(_GRASS)
    sizes = accumulate(len(sentence.split()) for sentence in cycle(_GRASS))
    return [next(endless) for _ in takewhile(lambda total: total <= words, sizes)]


def _dataset(name: str, texts: Sequence[str], queries: Sequence[str], spans: Sequence[Span]) -> Dataset:
    documents = tuple(Document(id=f"d{n:03}", text=text) for n, text in enumerate(texts))
    asked = [plain_query(f"q{n:03}", text, name) for n, text in enumerate(queries)]
    return judged_dataset(
        name,
        documents,
        asked,
        {query.id: {document.id: 1} for query, document in zip(asked, documents, strict=False)},
        {
            query.id: (GoldSpan(doc_id=document.id, span=span),)
            for query, document, span in zip(asked, documents, spans, strict=False)
        },
    )
