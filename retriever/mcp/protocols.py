"""What the MCP server asks of a retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from encoders.types import Document
    from retriever.context.types import Context
    from retriever.types import DocumentInfo, IndexReport, Resolution, SearchResult


class ReadsDocuments(Protocol):
    """Documents and where their words are."""

    def get(self, doc_id: str) -> DocumentInfo: ...

    def resolve(self, evidence_id: str) -> Resolution: ...


class ServedRetriever(ReadsDocuments, Protocol):
    """`Retriever` or `Client`."""

    def search(self, query: str, *, limit: int = 10, evidence: int = 3) -> SearchResult: ...

    def context(self, query: str, *, max_tokens: int) -> Context: ...

    def text(self, doc_id: str, start: int = 0, end: int | None = None) -> str: ...

    def list(self) -> tuple[DocumentInfo, ...]: ...

    def add(self, documents: Iterable[Document]) -> IndexReport: ...

    def delete(self, doc_ids: Iterable[str]) -> tuple[str, ...]: ...
