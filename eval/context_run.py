"""Indexes a set with gold spans and measures contexts packed from its answers."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from typing import TYPE_CHECKING

from eval.errors import DataError
from eval.evidence import spans_in_reading_order
from eval.machine import machine, versions
from eval.packing import ORDERS, EvidencePacker, packing_table
from eval.record import FORMAT, created_at
from eval.statistics import interval
from eval.systems import RetrieverSystem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.protocols import Encoder
    from eval.jsonl import JSONObject
    from eval.running import Watch
    from eval.types import Dataset, GoldSpan, Query

_DOCUMENTS = 20


def run_context(dataset: Dataset, encoder: Encoder, budgets: Sequence[int], watch: Watch) -> JSONObject:
    """Measure every budget and order on the queries with gold spans.

    Raises:
        DataError: the set has no gold spans.
    """
    from retriever import Retriever

    if not dataset.spans:
        raise DataError(f"{dataset.name} has no spans.jsonl, so nothing says what a context should hold")
    texts = {document.id: document.text for document in dataset.documents}
    with (
        tempfile.TemporaryDirectory(prefix="longdoc-context-") as store,
        Retriever.open(store, encoder=encoder) as retriever,
    ):
        watch.stage("indexing", total=len(dataset.documents))
        retriever.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
        system = RetrieverSystem(retriever, limit=_DOCUMENTS)
        found: dict[str, list[GoldSpan]] = {}

        def search(query: Query) -> Iterator[GoldSpan]:
            if query.id not in found:
                found[query.id] = list(spans_in_reading_order(system.answer(query)))
            return iter(found[query.id])

        packer = EvidencePacker(search, lambda d, start, end: texts[d][start:end], encoder.tokenizer)
        watch.stage("packing", total=len(dataset.spans))
        table = packing_table(packer, dataset.queries, dataset.spans, budgets=budgets, reach=watch.reach)
    return {
        "format": FORMAT,
        "kind": "context",
        "created_at": created_at(),
        "dataset": {"name": dataset.name, "documents": len(texts), "queries": len(found)},
        "settings": {"budgets": list(budgets), "orders": list(ORDERS), "encoder": encoder.fingerprint},
        "versions": versions(),
        "machine": machine(),
        "figures": {
            budget: {order: _means(list(per_query.values())) for order, per_query in orders.items()}
            for budget, orders in table.items()
        },
    }


def _means(figures: Sequence[dict[str, float]]) -> JSONObject:
    names = dict.fromkeys(name for one in figures for name in one)
    return {name: asdict(interval([one[name] for one in figures if name in one])) for name in names}
