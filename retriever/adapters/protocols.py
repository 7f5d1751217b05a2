"""What the adapters ask of a retriever and of a reranker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.context.types import Context
    from retriever.rerank.types import Candidate, RerankResult
    from retriever.types import SearchResult


class Searches(Protocol):
    """`Retriever` or `Client`."""

    def search(self, query: str, **options: Any) -> SearchResult: ...

    def context(self, query: str, **options: Any) -> Context: ...


class SearchesAsync(Protocol):
    """`AsyncRetriever` or `AsyncClient`."""

    async def search(self, query: str, **options: Any) -> SearchResult: ...

    async def context(self, query: str, **options: Any) -> Context: ...


class Reranks(Protocol):
    """Any reranker; see `retriever.rerank.loading.load_reranker`."""

    def rerank(
        self, query: str, candidates: Sequence[Candidate], *, top: int | None = None
    ) -> RerankResult: ...
