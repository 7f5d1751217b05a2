"""The ids that agents pass around, and the part of a document that each stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from encoders.errors import InvalidInputError
from indexers.errors import DocumentNotFoundError

if TYPE_CHECKING:
    from retriever.mcp.protocols import ReadsDocuments
    from retriever.types import DocumentInfo, Resolution

PAGE_CHARS = 16_000
_PAGE = re.compile(r"(?P<doc_id>.+)#v(?P<version>\d{1,9}):(?P<start>\d{1,12})-(?P<end>\d{1,12})", re.DOTALL)
_EVIDENCE = "ev_"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a document: ``document.text[start:end]``; ``found`` is the evidence it was asked by."""

    document: DocumentInfo
    start: int
    end: int
    found: Resolution | None = None

    @property
    def id(self) -> str:
        """The id that gives this page again, as long as the document is not replaced."""
        return _page_id(self.document, self.start, self.end)

    def after(self, size: int) -> str | None:
        """Return the id of the next page, None at the end."""
        last = self.document.characters
        return None if self.end >= last else _page_id(self.document, self.end, min(self.end + size, last))

    def before(self, size: int) -> str | None:
        """Return the id of the page before, None at the beginning."""
        return None if self.start <= 0 else _page_id(self.document, max(0, self.start - size), self.start)


def find_page(source: ReadsDocuments, name: str, size: int) -> Page:
    """Find what ``name`` stands for: a document, a page of one, or a piece of evidence.

    A document or evidence gives at most ``size`` code points; the page of evidence begins a
    quarter of a page before it, and holds all of it even when it is longer than a page.

    Raises:
        DocumentNotFoundError: there is no such document.
        InvalidInputError: the words are gone, or the document was replaced since the page was named.
    """
    if name.startswith(_EVIDENCE) and (found := _evidence(source, name)) is not None:
        return _around(source, found, size)
    page = _PAGE.fullmatch(name)
    try:
        document = source.get(name)
    except DocumentNotFoundError:
        if page is None:
            raise
    else:
        return Page(document, 0, min(size, document.characters))
    return _named(source, page["doc_id"], *(int(page[part]) for part in ("version", "start", "end")))


def address(doc_id: str, source: str, collection: str) -> str:
    """Return where a reader finds a document: its source if that is an address, else one of our own."""
    if _URL.match(source):
        return source
    if source and Path(source).is_absolute():
        return Path(source).as_uri()
    return f"longdoc:///{quote(collection, safe='')}/{quote(doc_id)}"


def _page_id(document: DocumentInfo, start: int, end: int) -> str:
    return f"{document.id}#v{document.version}:{start}-{end}"


def _evidence(source: ReadsDocuments, name: str) -> Resolution | None:
    try:
        return source.resolve(name)
    except InvalidInputError:
        return None  # a document may have such a name


def _around(source: ReadsDocuments, found: Resolution, size: int) -> Page:
    if found.start is None or found.end is None:
        raise InvalidInputError(f"these words are no longer there: {found.reason}; search again")
    document = source.get(found.document_id)
    start = max(0, min(found.start - size // 4, document.characters - size))
    return Page(document, start, min(max(start + size, found.end), document.characters), found)


def _named(source: ReadsDocuments, doc_id: str, version: int, start: int, end: int) -> Page:
    document = source.get(doc_id)
    if document.version != version:
        raise InvalidInputError(
            f"{doc_id!r} is now version {document.version} and the page is of version {version}; "
            f"fetch {doc_id!r} or search again"
        )
    return Page(document, min(start, document.characters), min(max(start, end), document.characters))
