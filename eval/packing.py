"""Does a prompt's context hold the evidence, for how many tokens, and in which order?

A packer turns an answer into spans within a token budget. For one budget and order:

- ``evidence``: share of the characters of the gold spans that the context holds.
- ``any``: 1 where at least one gold span is held completely.
- ``depth``: where the first gold character stands in the context, from 0 to 1, as models
  read the beginning and the end best; only over contexts that hold any.

Source:
    Liu et al. 2023, "Lost in the Middle", arXiv:2307.03172, for the depth;
    Yu et al. 2024, "In Defense of RAG in the Era of Long-Context Language Models",
    arXiv:2409.01666, for the order of the document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from encoders.protocols import Tokenizer
    from eval.types import GoldSpan, Query

Order: TypeAlias = Literal["relevance", "document", "edges"]
ORDERS: tuple[Order, ...] = ("relevance", "document", "edges")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A context: its spans as they are read, and the tokens it takes."""

    spans: tuple[GoldSpan, ...]
    tokens: int


class Packer(Protocol):
    """Builds a context for a query."""

    def pack(self, query: Query, *, max_tokens: int, order: Order) -> Packed:
        """Return at most ``max_tokens`` tokens of evidence for ``query``."""
        ...


class EvidencePacker:
    """Takes evidence as it was found until the budget is full: what anybody would write first.

    Spans that overlap what is packed already are left out, and the last one is not cut.
    """

    def __init__(
        self,
        search: Callable[[Query], Iterable[GoldSpan]],
        text_of: Callable[[str, int, int], str],
        tokenizer: Tokenizer,
    ) -> None:
        self._search = search
        self._text_of = text_of
        self._tokenizer = tokenizer

    def pack(self, query: Query, *, max_tokens: int, order: Order) -> Packed:
        """Pack spans by relevance, then lay them out in ``order``."""
        packed: list[GoldSpan] = []
        used = 0
        for found in self._search(query):
            if any(one.doc_id == found.doc_id and one.span.overlap(found.span) for one in packed):
                continue
            size = self._count(found)
            if used + size > max_tokens:
                break
            packed.append(found)
            used += size
        return Packed(spans=tuple(lay_out(packed, order)), tokens=used)

    def _count(self, found: GoldSpan) -> int:
        text = self._text_of(found.doc_id, found.span.start, found.span.end)
        return len(self._tokenizer.tokenize([text])[0])


def lay_out(spans: Sequence[GoldSpan], order: Order) -> list[GoldSpan]:
    """Order spans that come by relevance.

    ``document`` keeps the documents by their best span and puts spans in the order of the
    text; ``edges`` puts the best first, the second best last, and the worst in the middle.
    """
    if order == "relevance":
        return list(spans)
    if order == "edges":
        return [*spans[::2], *reversed(spans[1::2])]
    documents = list(dict.fromkeys(one.doc_id for one in spans))
    return sorted(spans, key=lambda one: (documents.index(one.doc_id), one.span))


def packing_figures(packed: Packed, gold: Sequence[GoldSpan]) -> dict[str, float]:
    """Return the metrics of one context; ``gold`` holds at least one span."""
    held = [_held(one, packed.spans) for one in gold]
    figures = {
        "evidence": sum(held) / sum(len(one.span) for one in gold),
        "any": float(any(count == len(one.span) for count, one in zip(held, gold, strict=True))),
    }
    depth = _depth(packed.spans, gold)
    return figures if depth is None else figures | {"depth": depth}


def packing_table(
    packer: Packer,
    queries: Sequence[Query],
    gold: Mapping[str, Sequence[GoldSpan]],
    *,
    budgets: Sequence[int],
    orders: Sequence[Order] = ORDERS,
    reach: Callable[[int], None] = lambda done: None,
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Measure every budget and order: budget -> order -> query id -> figures.

    Queries without gold spans are left out.
    """
    asked = [query for query in queries if gold.get(query.id)]
    table: dict[str, dict[str, dict[str, dict[str, float]]]] = {
        str(budget): {order: {} for order in orders} for budget in budgets
    }
    for done, query in enumerate(asked, start=1):
        for budget in budgets:
            for order in orders:
                packed = packer.pack(query, max_tokens=budget, order=order)
                figures = packing_figures(packed, gold[query.id])
                table[str(budget)][order][query.id] = figures | {"tokens": float(packed.tokens)}
        reach(done)
    return table


def _held(gold: GoldSpan, spans: Sequence[GoldSpan]) -> int:
    inside = sorted(one.span for one in spans if one.doc_id == gold.doc_id and one.span.overlap(gold.span))
    count, reached = 0, gold.span.start
    for span in inside:
        start, end = max(span.start, reached), min(span.end, gold.span.end)
        count += max(0, end - start)
        reached = max(reached, end)
    return count


def _depth(spans: Sequence[GoldSpan], gold: Sequence[GoldSpan]) -> float | None:
    before, total = 0, sum(len(one.span) for one in spans)
    for found in spans:
        starts = [
            max(one.span.start, found.span.start) - found.span.start
            for one in gold
            if one.doc_id == found.doc_id and one.span.overlap(found.span)
        ]
        if starts:
            return (before + min(starts)) / total
        before += len(found.span)
    return None
