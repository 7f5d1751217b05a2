"""The tools themselves, over any retriever, knowing nothing of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from encoders.types import Document
from retriever.mcp.pages import PAGE_CHARS, address, find_page
from retriever.mcp.shapes import (
    AddAnswer,
    Cited,
    ContextAnswer,
    DeleteAnswer,
    FetchAnswer,
    Found,
    ListAnswer,
    Listed,
    SearchAnswer,
)

if TYPE_CHECKING:
    from encoders.types import Location
    from retriever.context.types import Citation
    from retriever.mcp.protocols import ServedRetriever
    from retriever.types import DocumentHit, DocumentInfo

_RESULTS = 10
_MOST_LISTED = 1_000


class Tools:
    """The tools over one collection.

    Args:
        retriever: stays the caller's to close.
        collection: its name, for addresses.
        page_chars: the most code points that one ``fetch`` gives.
    """

    def __init__(
        self, retriever: ServedRetriever, *, collection: str = "default", page_chars: int = PAGE_CHARS
    ) -> None:
        self._retriever = retriever
        self._collection = collection
        self._page_chars = page_chars

    def search(self, query: str) -> SearchAnswer:
        """Find the documents that answer a question, and the place in each that answers it.

        Ask in full sentences or in key words. Each result is a place in a document; pass its id
        to fetch to read it with what stands around it.
        """
        result = self._retriever.search(query, limit=_RESULTS, evidence=1)
        answer = SearchAnswer(results=[self._found(hit) for hit in result])
        if result.warnings:
            answer["warnings"] = [warning.detail for warning in result.warnings]
        return answer

    def fetch(self, id: str) -> FetchAnswer:  # noqa: A002  # the name that connectors use
        """Read a document, or the part of a long one around a search result.

        Takes the id of a search result, of a document, or of a page as given in metadata.next and
        metadata.previous, by which a long document is read on.
        """
        page = find_page(self._retriever, id, self._page_chars)
        document, found = page.document, page.found
        metadata = {
            "document_id": document.id,
            "version": document.version,
            "start": page.start,
            "end": page.end,
            "characters": document.characters,
            "next": page.after(self._page_chars),
            "previous": page.before(self._page_chars),
            "metadata": dict(document.metadata),
        }
        if found is not None:
            metadata |= {"evidence_start": found.start, "evidence_end": found.end, "status": found.status}
        return FetchAnswer(
            id=id,
            title=document.title or document.id,
            text=self._retriever.text(document.id, page.start, page.end),
            url=self._url(document),
            metadata=metadata,
        )

    def context(self, query: str, max_tokens: int = 4_000) -> ContextAnswer:
        """Get what is needed to answer a question: passages of several documents, each with its number.

        Cite a passage by its number, such as [1]. One call answers most questions; to read on, fetch
        the document_id of a citation.

        Args:
            query: the question.
            max_tokens: how long the text may be.
        """
        made = self._retriever.context(query, max_tokens=max_tokens)
        return ContextAnswer(
            text=made.text,
            tokens=made.tokens.used,
            citations=[self._cited(one) for one in made.citations],
            left_out=len(made.dropped),
        )

    def list_documents(self, limit: int = 100, after: str = "", prefix: str = "") -> ListAnswer:
        """List the documents by id.

        Args:
            limit: how many, 1 to 1,000.
            after: the ``next`` of the list before.
            prefix: only ids that begin like this.
        """
        if not 1 <= limit <= _MOST_LISTED:
            raise InvalidInputError(f"limit is {limit}; it can be 1 to {_MOST_LISTED:,}")
        documents = [one for one in self._retriever.list() if one.id.startswith(prefix)]
        rest = [one for one in documents if one.id > after]
        shown = rest[:limit]
        return ListAnswer(
            documents=[self._listed(one) for one in shown],
            total=len(documents),
            next=shown[-1].id if len(rest) > limit else None,
        )

    def add_document(self, id: str, text: str, title: str = "", source: str = "") -> AddAnswer:  # noqa: A002
        """Store a document so that it is found; one of the same id is replaced.

        Args:
            id: its name, such as notes/2026-11-21.md.
            text: all of it.
            title: what a reader would call it.
            source: the address it is from.
        """
        report = self._retriever.add([Document(id=id, text=text, title=title, source=source)])
        for outcome in ("failed", "skipped"):
            for item in getattr(report, outcome):
                return AddAnswer(id=id, outcome=outcome, reason=item.reason)
        done = next(name for name in ("added", "updated", "unchanged") if id in getattr(report, name))
        return AddAnswer(id=id, outcome=done, reason="")

    def delete_documents(self, ids: list[str]) -> DeleteAnswer:
        """Delete documents for good."""
        deleted = self._retriever.delete(ids)
        return DeleteAnswer(deleted=list(deleted), missing=[one for one in ids if one not in deleted])

    def _found(self, hit: DocumentHit) -> Found:
        title = hit.document.title or hit.document.id
        if not hit.evidence:
            return Found(id=hit.document.id, title=title, url=self._url(hit.document))
        best = hit.evidence[0]
        place = ", ".join([title, *_place(best.location)])
        return Found(id=best.id, title=place, url=self._url(hit.document))

    def _cited(self, citation: Citation) -> Cited:
        document = citation.document
        return Cited(
            label=citation.label,
            document_id=document.id,
            title=", ".join([document.title or document.id, *_place(citation.location)]),
            url=address(document.id, document.source, self._collection),
            start=citation.start,
            end=citation.end,
        )

    def _listed(self, document: DocumentInfo) -> Listed:
        return Listed(
            id=document.id,
            title=document.title,
            url=self._url(document),
            version=document.version,
            characters=document.characters,
            updated_at=document.updated_at,
            share_searchable=document.coverage.share,
        )

    def _url(self, document: DocumentInfo) -> str:
        return address(document.id, document.source, self._collection)


def _place(where: Location) -> list[str]:
    page = [f"p. {where.page_start}"] if where.page_start is not None else []
    heading = [" > ".join(where.heading_path)] if where.heading_path else []
    return page + ([where.symbol] if where.symbol else heading)
