"""A LangChain retriever and a document compressor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
    Callbacks,
)
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from retriever.adapters.spans import Passage, rerank, search, search_async


class LongdocRetriever(BaseRetriever):
    """Returns the evidence of a search, one LangChain document for each span.

    ``invoke``, ``batch``, ``ainvoke`` and the rest of the Runnable methods work as for any
    retriever; what `Retriever.search` takes may be given for one call, as in
    ``invoke("who pays?", limit=3)``.

    Attributes:
        retriever: a `Retriever` or `Client`, or, for the async methods, an `AsyncRetriever` or
            `AsyncClient`. It stays the caller's to close.
        limit: documents wanted.
        evidence: at most so many spans of each.
        max_tokens: return the sources of a context of this size instead: spans joined with their
            neighbours, completed to sentences, without what nearly repeats; see `Retriever.context`.
        where: a filter in the Mongo form, for every call.
        search_kwargs: more of what `Retriever.search` takes.
    """

    retriever: Any
    limit: int = 5
    evidence: int = 2
    max_tokens: int | None = None
    where: Mapping[str, Any] | None = None
    search_kwargs: dict[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        found = search(self.retriever, query, **self._options(options))
        return [_document(passage) for passage in found]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        found = await search_async(self.retriever, query, **self._options(options))
        return [_document(passage) for passage in found]

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        fixed = {"limit": self.limit, "evidence": self.evidence, "filter": self.where}
        fixed["max_tokens"] = self.max_tokens
        return fixed | self.search_kwargs | given


class LongdocCompressor(BaseDocumentCompressor):
    """Puts documents into the order of a reranker that sees the whole list, and keeps the best.

    Each document gets ``relevance_score`` (of a model that ranks lists it tells the rank alone) and
    ``rerank_status``: ``ok`` or ``repaired`` when the order is the model's, ``fallback`` or
    ``failed`` when it is, wholly or in part, the one that was given.

    Attributes:
        reranker: made by `retriever.rerank.loading.load_reranker`.
        top_n: how many to keep; all when None.
    """

    reranker: Any
    top_n: int | None = 5

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks = None
    ) -> Sequence[Document]:
        """Return the best documents in their new order."""
        if not documents:
            return []
        status, order = rerank(self.reranker, query, [one.page_content for one in documents], self.top_n)
        return [
            documents[item.index].model_copy(
                update={
                    "metadata": documents[item.index].metadata
                    | {"relevance_score": item.score, "rerank_status": status}
                }
            )
            for item in order
        ]


def _document(passage: Passage) -> Document:
    return Document(page_content=passage.text, id=passage.id, metadata=passage.metadata)
