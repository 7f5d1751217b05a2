"""Lets a language model answer from contexts and judges what it says, cites and quotes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from eval.answering import accuracy, answer_with_citations, citation_figures
from eval.errors import DataError
from eval.machine import machine, versions
from eval.record import FORMAT, created_at
from eval.statistics import interval
from retriever import Retriever

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.protocols import Encoder
    from eval.jsonl import JSONObject
    from eval.llm import Writer
    from eval.running import Watch
    from eval.types import Dataset, Query
    from retriever.context.types import Context, Expand, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersOptions:
    """What is asked.

    Attributes:
        model: its name, for the record.
        judge: the name of the model that judges.
        max_tokens: of each context.
        tokenizer: of the answering model; estimated when None.
        store: keep the index there, or use the one that is there; None for a temporary folder.
    """

    model: str
    judge: str
    max_tokens: int = 2000
    order: Order = "score"
    expand: Expand = "sentence"
    tokenizer: str | None = None
    store: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An answer with its figures, and the documents of its context in the order of reading."""

    query: str
    answer: str
    sources: tuple[str, ...]
    unknown_citations: tuple[int, ...]
    figures: dict[str, float]


def run_answers(
    dataset: Dataset, encoder: Encoder, writer: Writer, judge: Writer, options: AnswersOptions, watch: Watch
) -> JSONObject:
    """Answer every query with gold spans; the text of these is the reference.

    Raises:
        DataError: the set has no gold spans.
        TargetError: the model does not answer.
    """
    asked = [query for query in dataset.queries if dataset.spans.get(query.id)]
    if not asked:
        raise DataError(f"{dataset.name} has no spans.jsonl, so answers have no reference")
    with ExitStack() as stack:
        store = options.store or stack.enter_context(TemporaryDirectory(prefix="longdoc-answers-"))
        retriever = stack.enter_context(Retriever.open(store, encoder=encoder))
        watch.stage("indexing", total=len(dataset.documents))
        retriever.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
        watch.stage("answering", total=len(asked))
        answers = []
        for done, query in enumerate(asked, start=1):
            answers.append(_answer(dataset, retriever, writer, judge, query, options))
            watch.reach(done)
    names = dict.fromkeys(name for one in answers for name in one.figures)
    figures = {
        name: asdict(interval([one.figures[name] for one in answers if name in one.figures]))
        for name in names
    }
    return {
        "format": FORMAT,
        "kind": "answers",
        "created_at": created_at(),
        "dataset": {"name": dataset.name, "documents": len(dataset.documents), "queries": len(asked)},
        "settings": {
            "model": options.model,
            "judge": options.judge,
            "max_tokens": options.max_tokens,
            "order": options.order,
            "expand": options.expand,
            "tokenizer": options.tokenizer or "estimate",
            "encoder": encoder.fingerprint,
        },
        "versions": versions(),
        "machine": machine(),
        "figures": figures,
        "answers": [asdict(one) for one in answers],
    }


def _answer(
    dataset: Dataset,
    retriever: Retriever,
    writer: Writer,
    judge: Writer,
    query: Query,
    options: AnswersOptions,
) -> Judged:
    context = retriever.context(
        query.text,
        max_tokens=options.max_tokens,
        order=options.order,
        expand=options.expand,
        tokenizer=options.tokenizer,
    )
    answer = answer_with_citations(writer, query.text, context.text)
    reference = "\n".join(
        retriever.text(one.doc_id, one.span.start, one.span.end) for one in dataset.spans[query.id]
    )
    figures = {
        "accuracy": accuracy(judge, query.text, reference, answer),
        **citation_figures(judge, answer, _passages(context)),
        "tokens": float(context.tokens.used),
    }
    checked = retriever.verify(answer, context)
    if checked.quotes:
        found = sum(one.status != "not_found" for one in checked.quotes)
        figures["quotations found"] = found / len(checked.quotes)
    return Judged(
        query=query.local_id,
        answer=answer,
        sources=tuple(one.document.id for one in context.citations),
        unknown_citations=checked.unknown,
        figures=figures,
    )


def _passages(context: Context) -> Sequence[str]:
    return [context.text[one.text_start : one.text_end] for one in context.citations]
