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
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from encoders.types import Span
from eval.types import GoldSpan
from retriever.context.packing import pack
from retriever.context.types import ORDERS, ContextOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from eval.types import Query
    from retriever.context.counting import Counter
    from retriever.context.material import Material
    from retriever.context.types import Expand, Order

Table: TypeAlias = dict[str, dict[str, dict[str, dict[str, float]]]]
"""Budget, order, query id and metric to value."""

AS_FOUND: Final = "as found"
"""The row of the evidence as a search gives it, document by document, cut off where the budget ends."""


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


class ContextPacker:
    """Packs as `retriever.Retriever.context` does; what is searched for is kept from budget to budget.

    Args:
        gather: of an engine.
        counter: counts tokens.
        expand: how far found spans grow.
        most_tokens: the largest budget that will be asked for.
    """

    def __init__(
        self,
        gather: Callable[[ContextOptions], Material],
        counter: Counter,
        *,
        expand: Expand,
        most_tokens: int,
    ) -> None:
        self._gather = gather
        self._counter = counter
        self._expand: Expand = expand
        self._most_tokens = most_tokens
        self._asked = ""
        self._material: Material | None = None

    def pack(self, query: Query, *, max_tokens: int, order: Order) -> Packed:
        """Make a context and return its spans in the order of reading."""
        if self._material is None or self._asked != query.id:
            self._material, self._asked = self._gather(self._options(query, self._most_tokens)), query.id
        context = pack(self._material, self._options(query, max_tokens, order), self._counter)
        spans = (GoldSpan(doc_id=one.document.id, span=Span(one.start, one.end)) for one in context.citations)
        return Packed(spans=tuple(spans), tokens=context.tokens.used)

    def _options(self, query: Query, max_tokens: int, order: Order = "score") -> ContextOptions:
        return ContextOptions(queries=(query.text,), max_tokens=max_tokens, order=order, expand=self._expand)


class EvidencePacker:
    """Takes evidence as it was found until the budget is full: what anybody would write first.

    Spans that overlap what is packed already are left out, the last one is not cut, and
    nothing is spent on labels.
    """

    def __init__(
        self,
        search: Callable[[Query], Iterable[GoldSpan]],
        text_of: Callable[[str, int, int], str],
        counter: Counter,
    ) -> None:
        self._search = search
        self._text_of = text_of
        self._counter = counter

    def pack(self, query: Query, *, max_tokens: int) -> Packed:
        """Pack spans in the order of the search."""
        packed: list[GoldSpan] = []
        used = 0
        for found in self._search(query):
            if any(one.doc_id == found.doc_id and one.span.overlap(found.span) for one in packed):
                continue
            size = self._counter.count(self._text_of(found.doc_id, found.span.start, found.span.end))
            if used + size > max_tokens:
                break
            packed.append(found)
            used += size
        return Packed(spans=tuple(packed), tokens=used)


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
    plain: EvidencePacker,
    queries: Sequence[Query],
    gold: Mapping[str, Sequence[GoldSpan]],
    *,
    budgets: Sequence[int],
    orders: Sequence[Order] = ORDERS,
    reach: Callable[[int], None] = lambda done: None,
) -> Table:
    """Measure every budget and order: budget -> order -> query id -> figures.

    Args:
        packer: what is measured.
        plain: what it is compared with, under the name `AS_FOUND`.
        queries: those without gold spans are left out.
        gold: the spans that a context should hold, by query.
        budgets: in tokens.
        orders: of reading.
        reach: is told how many queries are done.
    """
    asked = [query for query in queries if gold.get(query.id)]
    table: Table = {str(budget): {name: {} for name in (AS_FOUND, *orders)} for budget in budgets}
    for done, query in enumerate(asked, start=1):
        for budget in budgets:
            contexts: dict[str, Packed] = {AS_FOUND: plain.pack(query, max_tokens=budget)}
            for order in orders:
                contexts[order] = packer.pack(query, max_tokens=budget, order=order)
            for name, packed in contexts.items():
                figures = packing_figures(packed, gold[query.id])
                table[str(budget)][name][query.id] = figures | {"tokens": float(packed.tokens)}
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
