"""The SDK over a store in this process."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from encoders.loading import BUNDLED, load_encoder
from encoders.segmentation import DocumentSegmenter
from encoders.types import Document, Span
from indexers.ingest import Ingest, Unreadable
from indexers.parsing import FoundFile, Skipped, find_files, parse_file
from indexers.store import Store
from retriever.evidence import EvidenceLimits
from retriever.profile import SearchProfile
from retriever.searching import Searcher, SearchRequest, document_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from encoders.protocols import Encoder, Segmenter
    from indexers.collection import Collection
    from retriever.types import DocumentInfo, IndexReport, Progress, SearchResult


class Retriever:
    """Index long documents and search them, in this process.

    Open one with `Retriever.open` and close it, or use it as a context manager::

        with Retriever.open("store/", collection="contracts") as r:
            r.index(["contracts/"])
            for hit in r.search("who pays for termination?", limit=5):
                print(hit.document.id, hit.evidence[0].text)
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder | str = BUNDLED,
        *,
        collection: str = "default",
        segmenter: Segmenter | None = None,
        profile: SearchProfile | None = None,
    ) -> None:
        self._store = store
        self._name = collection
        self._model = encoder
        self._given_segmenter = segmenter
        self._profile = profile or SearchProfile()
        self._loading = threading.Lock()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        collection: str = "default",
        encoder: Encoder | str = BUNDLED,
        segmenter: Segmenter | None = None,
        profile: SearchProfile | None = None,
    ) -> Self:
        """Open a store, creating it when the folder is new.

        Args:
            path: the store's folder.
            collection: made by the first `index` or `add`.
            encoder: an encoder, or the name or folder of a model, which is loaded when it is needed.
            segmenter: how documents are cut; by default 160 tokens with 32 of context.
            profile: how searches are scored.

        Raises:
            StoreLockedError: another process has the store open.
        """
        return cls(Store(Path(path)), encoder, collection=collection, segmenter=segmenter, profile=profile)

    @property
    def encoder(self) -> Encoder:
        """The encoder; a model given by name is loaded at the first use."""
        with self._loading:
            if isinstance(self._model, str):
                self._model = load_encoder(self._model)
            return self._model

    def index(
        self, paths: Iterable[str | Path], *, progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Index files and folders; unchanged documents cost nothing.

        A document's id is its path relative to the folder given, or the name of a file given.

        Args:
            paths: files and folders, never one bare string.
            progress: called while it runs.

        Raises:
            FileNotFoundError: a path does not exist; nothing was indexed.
            TypeError: ``paths`` is one string.
        """
        if isinstance(paths, str | Path):
            raise TypeError("index takes a list of paths; put the one path into a list")
        files = [file for path in paths for file in find_files(Path(path))]
        return self._ingest(map(_read, files), progress, total=len(files))

    def add(
        self, documents: Iterable[Document], *, progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Index documents that are already text; an id that is there is replaced."""
        if isinstance(documents, Document):
            raise TypeError("add takes a list of documents; put the one document into a list")
        return self._ingest(documents, progress, total=None)

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        evidence: int = 3,
        evidence_chars: int = 3_000,
        explain: bool = False,
    ) -> SearchResult:
        """Find documents and the spans in them that answer ``query``.

        Args:
            query: a question, words, or a longer text.
            limit: documents wanted, 1 to 1,000.
            filter: only documents that match, in the Mongo form, such as
                ``{"metadata.year": {"$gte": 2021}}``; see `list` for what there is.
            evidence: at most so many spans a document.
            evidence_chars: at most so many code points of evidence a document.
            explain: say how each score came about.

        Raises:
            InvalidInputError: an empty query, a limit out of range.
            InvalidFilterError: the filter cannot be understood or names an unknown field.
            CollectionNotFoundError: nothing was indexed into this collection yet.
            FingerprintMismatchError: the collection was made with another encoder.
        """
        limits = EvidenceLimits(spans=evidence, chars=evidence_chars)
        collection = self._collection
        request = SearchRequest(
            query=query,
            limit=limit,
            where=collection.parse_filter(filter),
            evidence=limits,
            explain=explain,
        )
        encoder = self.encoder
        collection.check_encoder(encoder.fingerprint)
        return Searcher(collection, encoder, self._profile).search(request)

    def get(self, doc_id: str) -> DocumentInfo:
        """Return a document without its text.

        Raises:
            DocumentNotFoundError: there is none of that id.
        """
        return document_info(self._collection.entry(doc_id))

    def text(self, doc_id: str, start: int = 0, end: int | None = None) -> str:
        """Return the code points ``[start, end)`` of a document; the whole text by default.

        Raises:
            DocumentNotFoundError: there is none of that id.
            ValueError: ``start`` is after ``end`` or negative.
        """
        entry = self._collection.entry(doc_id)
        span = Span(start, entry.characters if end is None else end)
        return self._collection.text(entry, span.start, span.end)

    def list(self) -> list[DocumentInfo]:
        """Return all documents by id."""
        entries = self._collection.entries
        return [document_info(entries[doc_id]) for doc_id in sorted(entries)]

    def delete(self, doc_ids: Iterable[str]) -> tuple[str, ...]:
        """Delete documents and return the ids that were there."""
        if isinstance(doc_ids, str):
            raise TypeError("delete takes a list of ids; put the one id into a list")
        deleted = self._collection.delete(doc_ids)
        self._collection.flush()
        return tuple(deleted)

    def collections(self) -> tuple[str, ...]:
        """Return the names of the store's collections."""
        return tuple(self._store.collections())

    def close(self) -> None:
        """Flush, and let other processes open the store."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _collection(self) -> Collection:
        return self._store.collection(self._name)

    def _ingest(
        self,
        items: Iterable[Document | Unreadable],
        progress: Callable[[Progress], None] | None,
        *,
        total: int | None,
    ) -> IndexReport:
        encoder = self.encoder
        collection = self._store.create_collection(
            self._name, fingerprint=encoder.fingerprint, dim=encoder.dim
        )
        segmenter = self._given_segmenter or DocumentSegmenter(encoder.tokenizer)
        return Ingest(collection, encoder, segmenter, progress=progress).run(items, total=total)


def _read(file: FoundFile) -> Document | Unreadable:
    try:
        parsed = parse_file(file)
    except OSError as error:
        return Unreadable(file.id, f"cannot be read: {error.strerror or error}")
    if isinstance(parsed, Skipped):
        return Unreadable(parsed.id, parsed.reason, failed=False)
    return parsed
