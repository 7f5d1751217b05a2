"""Adapters that let a retriever be measured."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from encoders.types import Span
from eval.evidence import CHARACTERS_PER_DOCUMENT
from eval.types import Answer, RankedDocument
from retriever.options import EvidenceOptions

if TYPE_CHECKING:
    from eval.types import Query
    from retriever.options import RerankMethod, RerankOptions
    from retriever.types import DocumentHit, SearchResult


class Searches(Protocol):
    """What is needed of `retriever.Retriever` and of its remote twin."""

    def search(
        self,
        query: str,
        *,
        limit: int = ...,
        evidence: EvidenceOptions = ...,
        rerank: RerankMethod | RerankOptions = ...,
    ) -> SearchResult:
        """Answer one query."""
        ...


class RetrieverSystem:
    """Our own retriever, asked as a user asks it, one query at a time."""

    def __init__(
        self, retriever: Searches, *, limit: int = 100, evidence: int = 10, rerank: RerankMethod = "none"
    ) -> None:
        self._retriever = retriever
        self._limit = limit
        self._evidence = EvidenceOptions(limit=evidence, max_chars=CHARACTERS_PER_DOCUMENT)
        self._rerank: RerankMethod = rerank

    def answer(self, query: Query) -> Answer:
        """Search for ``query`` and time it."""
        start = perf_counter()
        result = self._retriever.search(
            query.text, limit=self._limit, evidence=self._evidence, rerank=self._rerank
        )
        seconds = perf_counter() - start
        return Answer(query_id=query.id, documents=ranked(result), seconds=seconds)


def ranked(result: SearchResult) -> tuple[RankedDocument, ...]:
    """Take ranking and spans out of an answer of ours."""
    return tuple(map(_ranked, result.hits))


def _ranked(hit: DocumentHit) -> RankedDocument:
    spans = tuple(Span(one.start, one.end) for one in hit.evidence)
    return RankedDocument(doc_id=hit.document.id, score=hit.score, evidence=spans)
