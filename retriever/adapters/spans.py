"""Hits as flat passages with metadata, which is what every framework wants."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.types import Location
    from retriever.adapters.protocols import Reranks, Searches, SearchesAsync
    from retriever.context.types import Citation, Context
    from retriever.rerank.types import RerankedItem, RerankStatus
    from retriever.types import DocumentHit, Evidence, SearchResult

_BARE = "{text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A span of evidence with what is known of it and of its document.

    Attributes:
        id: of the evidence; `Retriever.resolve` finds its words again in later versions.
        score: of the document; orders one answer and says nothing across answers. Of a context's
            source, one over its rank.
        metadata: see `span_metadata`.
    """

    id: str
    text: str
    score: float
    metadata: dict[str, Any]


def search(
    source: Searches | SearchesAsync, query: str, *, max_tokens: int | None = None, **options: Any
) -> list[Passage]:
    """Search and return the evidence of all hits: the best document first, its best span first.

    Args:
        source: what to ask.
        query: a question.
        max_tokens: return the sources of a context of this size instead: spans joined with their
            neighbours, completed to sentences, without what nearly repeats.
        options: what `Retriever.search` takes besides.

    Raises:
        InvalidInputError: ``source`` can only be awaited.
    """
    if inspect.iscoroutinefunction(source.search):
        raise InvalidInputError(
            f"{type(source).__name__} can only be awaited; call the async method, or give a Retriever"
        )
    given = cast("Searches", source)
    if max_tokens is not None:
        return cited(given.context(query, max_tokens=max_tokens, template=_BARE, search=options))
    return passages(given.search(query, **options))


async def search_async(
    source: Searches | SearchesAsync, query: str, *, max_tokens: int | None = None, **options: Any
) -> list[Passage]:
    """Do the same without blocking the event loop; a synchronous source works in a thread."""
    if not inspect.iscoroutinefunction(source.search):
        return await asyncio.to_thread(search, source, query, max_tokens=max_tokens, **options)
    given = cast("SearchesAsync", source)
    if max_tokens is not None:
        return cited(await given.context(query, max_tokens=max_tokens, template=_BARE, search=options))
    return passages(await given.search(query, **options))


def passages(result: SearchResult) -> list[Passage]:
    """Return the evidence of all hits, the best document first."""
    return [
        Passage(id=span.id, text=span.text, score=hit.score, metadata=span_metadata(hit, span))
        for hit in result
        for span in hit.evidence
    ]


def cited(context: Context) -> list[Passage]:
    """Return the sources of a context that was made with the bare template, in its order."""
    return [
        Passage(
            id=one.evidence[0].id,
            text=context.text[one.text_start : one.text_end],
            score=1 / one.rank,
            metadata=_citation_metadata(one),
        )
        for one in context.citations
    ]


def span_metadata(hit: DocumentHit, span: Evidence) -> dict[str, Any]:
    """Return where a span is from, flat.

    ``start`` and ``end`` are code points of the document's text. ``page``, ``line``,
    ``heading`` and the other keys of a location are there when they are known; ``page_end``
    and ``line_end`` are included in the span. The document's own metadata has its own keys;
    one that has a name of ours is found under ``metadata.NAME``.
    """
    document = hit.document
    known = {
        "document_id": document.id,
        "version": document.version,
        "title": document.title,
        "source": document.source,
        "evidence_id": span.id,
        "start": span.start,
        "end": span.end,
        **_place(span.location),
        "kind": span.kind,
        "rank": hit.rank,
        "score": hit.score,
        "evidence_score": span.score,
        "relevance": hit.relevance,
    }
    own = {f"metadata.{name}" if name in known else name: value for name, value in document.metadata.items()}
    return own | {name: value for name, value in known.items() if value is not None}


def _citation_metadata(citation: Citation) -> dict[str, Any]:
    document = citation.document
    known = {
        "document_id": document.id,
        "version": document.version,
        "title": document.title,
        "source": document.source,
        "evidence_id": citation.evidence[0].id,
        "start": citation.start,
        "end": citation.end,
        **_place(citation.location),
        "rank": citation.rank,
        "tokens": citation.tokens,
        "relevance": citation.relevance,
    }
    return {name: value for name, value in known.items() if value is not None}


def _place(where: Location) -> dict[str, Any]:
    return {
        "page": where.page_start,
        "page_end": where.page_end,
        "line": where.line_start,
        "line_end": where.line_end,
        "heading": " > ".join(where.heading_path) or None,
        "symbol": where.symbol,
        "speaker": where.speaker,
        "time_start": where.time_start,
        "time_end": where.time_end,
        "sheet": where.sheet,
        "cell_range": where.cell_range,
        "slide": where.slide,
    }


def rerank(
    reranker: Reranks, query: str, texts: Sequence[str], top: int | None
) -> tuple[RerankStatus, Iterator[RerankedItem]]:
    """Rank ``texts``; the status says whether the order is the model's."""
    from retriever.rerank.passages import candidates_from_texts

    result = reranker.rerank(query, candidates_from_texts(texts), top=top)
    return result.status, iter(result)
