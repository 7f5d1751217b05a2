"""Indexes a set with gold spans and measures contexts packed from its answers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from eval.errors import DataError
from eval.evidence import spans_in_reading_order
from eval.machine import machine, versions
from eval.packing import AS_FOUND, ContextPacker, EvidencePacker, packing_table
from eval.record import FORMAT, created_at
from eval.statistics import interval
from eval.systems import RetrieverSystem
from retriever import Retriever
from retriever.context.counting import ENCODER, open_counter
from retriever.context.types import ORDERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.protocols import Encoder
    from eval.jsonl import JSONObject
    from eval.packing import Table
    from eval.running import Watch
    from eval.types import Dataset, GoldSpan, Query
    from retriever.context.types import Expand

_DOCUMENTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRunOptions:
    """What is measured.

    Attributes:
        budgets: in tokens.
        expand: how far found spans grow.
        tokenizer: who counts; see `retriever.Retriever.context`.
        store: keep the index there, or use the one that is there; None for a temporary folder.
    """

    budgets: tuple[int, ...]
    expand: Expand = "sentence"
    tokenizer: str = ENCODER
    store: Path | None = None


def run_context(dataset: Dataset, encoder: Encoder, options: ContextRunOptions, watch: Watch) -> JSONObject:
    """Measure every budget and order on the queries with gold spans.

    Raises:
        DataError: the set has no gold spans.
    """
    if not dataset.spans:
        raise DataError(f"{dataset.name} has no spans.jsonl, so nothing says what a context should hold")
    with ExitStack() as stack:
        store = options.store or stack.enter_context(TemporaryDirectory(prefix="longdoc-context-"))
        retriever = stack.enter_context(Retriever.open(store, encoder=encoder))
        watch.stage("indexing", total=len(dataset.documents))
        retriever.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
        watch.stage("packing", total=len(dataset.spans))
        table = _measure(dataset, retriever, encoder, options, watch)
    return {
        "format": FORMAT,
        "kind": "context",
        "created_at": created_at(),
        "dataset": {
            "name": dataset.name,
            "documents": len(dataset.documents),
            "queries": sum(bool(dataset.spans.get(query.id)) for query in dataset.queries),
        },
        "settings": {
            "budgets": list(options.budgets),
            "orders": [AS_FOUND, *ORDERS],
            "expand": options.expand,
            "tokenizer": options.tokenizer,
            "encoder": encoder.fingerprint,
        },
        "versions": versions(),
        "machine": machine(),
        "figures": {
            budget: {order: _means(list(per_query.values())) for order, per_query in orders.items()}
            for budget, orders in table.items()
        },
    }


def _measure(
    dataset: Dataset, retriever: Retriever, encoder: Encoder, options: ContextRunOptions, watch: Watch
) -> Table:
    texts = {document.id: document.text for document in dataset.documents}
    counter = open_counter(options.tokenizer, encoder=lambda: encoder.tokenizer)
    system = RetrieverSystem(retriever, limit=_DOCUMENTS)

    @lru_cache(maxsize=1)
    def search(query: Query) -> tuple[GoldSpan, ...]:
        return tuple(spans_in_reading_order(system.answer(query)))

    packer = ContextPacker(
        retriever.engine.gather, counter, expand=options.expand, most_tokens=max(options.budgets)
    )
    plain = EvidencePacker(search, lambda doc_id, start, end: texts[doc_id][start:end], counter)
    return packing_table(
        packer, plain, dataset.queries, dataset.spans, budgets=options.budgets, reach=watch.reach
    )


def _means(figures: Sequence[dict[str, float]]) -> JSONObject:
    names = dict.fromkeys(name for one in figures for name in one)
    return {name: asdict(interval([one[name] for one in figures if name in one])) for name in names}
