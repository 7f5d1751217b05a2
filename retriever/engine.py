"""The work itself, in this process: one collection of an open store."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError
from encoders.opening import SharedEncoder, open_encoder
from encoders.segmentation import DocumentSegmenter
from encoders.types import Document, Span
from indexers import sources
from indexers.ahead import Ahead
from indexers.backup import back_up
from indexers.copying import copy_store
from indexers.doctor import examine
from indexers.documents import printable
from indexers.editing import Expected
from indexers.estimating import check_room, estimate, may_not_fit
from indexers.ingest import Ingest, Unreadable
from indexers.locations import is_local, lies_in, normal
from indexers.migrating import migrate
from indexers.parsing import FileParser, FoundFile, ParseOptions, Skipped, find_files, survey
from indexers.repair import repair as mend
from indexers.retention import collect_garbage, purge, read_retention, retain, rewrite_indexes
from indexers.store import Store
from retriever.citations import resolve_evidence, resolve_span
from retriever.context.building import gather
from retriever.context.counting import open_counter
from retriever.context.packing import pack
from retriever.context.verifying import verify
from retriever.describing import describe
from retriever.editing import allowed_entry, allowed_ids, check_patch, list_page
from retriever.explaining import explain_document
from retriever.feedback import AnswerMemory, keep, kept
from retriever.highlighting import highlight
from retriever.inference import check_tokens, decode_tokens, embed_texts, model_info, score_texts
from retriever.options import DEFAULT_PROFILE, OCR_VARIABLE
from retriever.presenting import document_info
from retriever.profile import Profiles
from retriever.searching import Memory, Searcher
from retriever.selecting import allows, count_facets
from retriever.types import Alias, Resolution, Retention, SyncReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence, Set

    from encoders.protocols import Encoder, Segmenter
    from encoders.types import TextKind
    from indexers.collection import Collection
    from indexers.diagnosis import Diagnosis
    from indexers.remote_settings import RemoteSettings
    from retriever.context.material import Material
    from retriever.context.types import CitationRef, Context, ContextOptions, Verification
    from retriever.highlighting import Unhighlighted
    from retriever.options import FacetOptions, ListOptions
    from retriever.profile import SearchProfile
    from retriever.types import (
        BackupReport,
        CollectionInfo,
        CopyReport,
        DocumentExplanation,
        DocumentInfo,
        DocumentPage,
        Estimate,
        FacetValue,
        GarbageReport,
        IndexReport,
        Judgement,
        MigrationReport,
        ModelInfo,
        Progress,
        PurgeReceipt,
        SearchOptions,
        SearchResult,
        TextScores,
        UnreadItem,
        Vectors,
    )


class LocalEngine:
    """Indexes and searches one collection (`retriever.protocols.Engine`).

    Args:
        store: stays open until `close`.
        collection: made by the first `index` or `add`.
        encoder: an encoder, the name or folder of a model, loaded when it is needed, or one that
            other engines use too.
        segmenter: how documents are cut; by default 160 tokens with 32 of context.
        profile: how searches are scored that name no other; by default the collection's own.
    """

    def __init__(
        self,
        store: Store,
        *,
        collection: str,
        encoder: Encoder | SharedEncoder | str,
        segmenter: Segmenter | None = None,
        profile: SearchProfile | None = None,
    ) -> None:
        self._store = store
        self._name = collection
        self._model = encoder
        self._given_segmenter = segmenter
        self._profile = profile
        self._memory = Memory()
        self._answers = AnswerMemory()
        self._profiles = Profiles()
        self._loading = threading.Lock()
        self._migrated: dict[str, SharedEncoder] = {}

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded at the first use."""
        with self._loading:
            if isinstance(self._model, SharedEncoder):
                self._model = self._model()
            elif isinstance(self._model, str):
                self._model = open_encoder(self._model)
            return self._model

    def encoder_of(self, collection: Collection) -> Encoder:
        """Return the encoder whose vectors a collection has: a migration may have changed it."""
        given = self._model
        name = given if isinstance(given, str) else given.name if isinstance(given, SharedEncoder) else ""
        if not collection.model or collection.model == name:
            return self.encoder
        if not name and collection.is_made_by(self.encoder.fingerprint):
            return self.encoder
        with self._loading:
            shared = self._migrated.setdefault(collection.model, SharedEncoder(collection.model))
        return shared()

    @property
    def collection(self) -> Collection:
        """The collection.

        Raises:
            CollectionNotFoundError: nothing was indexed into it yet.
        """
        return self._store.collection(self._name)

    def index(
        self,
        paths: Sequence[str],
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IndexReport:
        """Index files, folders, archives, git revisions and URLs."""
        found = [item for path in paths for item in sources.find(path)]
        self._refuse_what_will_not_fit(found)
        options = parse_options(ocr)
        # How many files an archive holds is not known before it is read.
        total = None if any(isinstance(item, sources.Archive) for item in found) else len(found)
        with FileParser(options) as parser:
            documents = (one for item in found for one in sources.read(parser, item, options.limits))
            with closing(iter(Ahead(map(self._placed, documents), size=_size))) as items:
                return self._ingest(items, progress, total=total)

    def sync(
        self,
        folder: str,
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> SyncReport:
        """Make the documents that came from ``folder`` equal to its files."""
        root = normal(folder)
        report = self.index([str(root)], ocr=ocr, progress=progress)
        there = {file.id for file in find_files(root)}
        is_of_folder = lies_in(root)
        self._forget_unread(is_of_folder, {printable(doc_id) for doc_id in there})
        gone = [
            doc_id
            for doc_id, entry in list(self.collection.entries.items())
            if doc_id not in there and is_of_folder(entry.source, doc_id)
        ]
        return SyncReport(index=report, deleted=tuple(self.delete(gone)))

    def add(
        self,
        documents: Iterable[Document | Unreadable],
        *,
        progress: Callable[[Progress], None] | None = None,
    ) -> IndexReport:
        """Index documents that are already text; what a caller could not send is listed as failed."""
        return self._ingest(documents, progress, total=None)

    def search(self, options: SearchOptions) -> SearchResult:
        """Find documents and the spans in them that answer a query."""
        return highlight(self.find(options), options)

    def find(self, options: SearchOptions) -> Unhighlighted:
        """Do of `search` what only the store's owner can do."""
        found = self._searcher(options.profile).search(options)
        return replace(found, result=self._answers.remember(options, found.result))

    def explain(self, options: SearchOptions, doc_id: str) -> DocumentExplanation:
        """Say where a document stands in the answer to a search, and if nowhere, why."""
        return explain_document(self._searcher(options.profile), options, doc_id)

    def facets(
        self,
        fields: Sequence[FacetOptions],
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
    ) -> dict[str, tuple[FacetValue, ...]]:
        """Count the documents that match per value of each field."""
        collection = self.collection
        return count_facets(collection, fields, collection.parse_filter(filter, mandatory=mandatory))

    def gather(self, options: ContextOptions) -> Material:
        """Find what a context can be made of."""
        return gather(self.collection, self._name, options, lambda one: self.find(one).result)

    def context(self, options: ContextOptions) -> Context:
        """Make the part of a prompt that holds the sources."""
        counter = open_counter(options.tokenizer, encoder=lambda: self.encoder.tokenizer)
        return pack(self.gather(options), options, counter)

    def verify(self, answer: str, citations: Sequence[CitationRef], *, citation: str) -> Verification:
        """Map what an answer quotes back to spans."""
        return verify(answer, citations, self._version_text, citation=citation)

    def profiles(self) -> dict[str, SearchProfile]:
        """Return the search profiles of the collection by name."""
        return self._profiles.load_all(self.collection.place)

    def save_profile(self, name: str, profile: SearchProfile) -> SearchProfile:
        """Keep search settings with the collection."""
        return self._profiles.save(self.collection.place, name, profile)

    def delete_profile(self, name: str) -> None:
        """Forget search settings."""
        self._profiles.delete(self.collection.place, name)

    def feedback(
        self, request_id: str, doc_id: str, *, useful: bool, mandatory: Mapping[str, Any] | None = None
    ) -> Judgement:
        """Keep what was said of a document under an answer."""
        version = self.get(doc_id, mandatory=mandatory).version
        judgement = self._answers.judge(request_id, doc_id, useful=useful, version=version)
        keep(self.collection.place, judgement)
        return judgement

    def judgements(self) -> list[Judgement]:
        """Return all that was said of answers."""
        return kept(self.collection.place)

    def get(self, doc_id: str, *, mandatory: Mapping[str, Any] | None = None) -> DocumentInfo:
        """Return a document without its text."""
        return document_info(allowed_entry(self.collection, doc_id, mandatory))

    def text(
        self,
        doc_id: str,
        start: int = 0,
        end: int | None = None,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the code points ``[start, end)`` of a document."""
        entry = allowed_entry(self.collection, doc_id, mandatory)
        span = Span(start, entry.characters if end is None else end)
        if span.end > entry.characters:
            raise InvalidInputError(
                f"the text ends at {entry.characters}, the span at {span.end}", characters=entry.characters
            )
        return self.collection.text(entry, span.start, span.end)

    def resolve(self, evidence_id: str, *, mandatory: Mapping[str, Any] | None = None) -> Resolution:
        """Find where the words of an earlier answer are now."""
        return self._allowed(resolve_evidence(self.collection, evidence_id), mandatory)

    def resolve_span(
        self,
        doc_id: str,
        version: int,
        start: int,
        end: int,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> Resolution:
        """Find where a span of an earlier version is now."""
        return self._allowed(resolve_span(self.collection, doc_id, version, Span(start, end)), mandatory)

    def documents(self, options: ListOptions) -> DocumentPage:
        """Return documents by id, page by page."""
        return list_page(self.collection, options)

    def unread(self) -> list[UnreadItem]:
        """Return the files that could not be read, by id."""
        return self.collection.unread.all()

    def delete(
        self,
        doc_ids: Sequence[str],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Delete documents and return the ids that were there."""
        collection = self.collection
        with collection.still():
            allowed = allowed_ids(collection, doc_ids, mandatory)
            deleted = collection.writer.delete(allowed, Expected(version=if_version, revision=if_revision))
            if mandatory is None:
                collection.unread.update((), read=set(doc_ids))
        collection.flush()
        return deleted

    def delete_where(
        self, where: Mapping[str, Any], *, mandatory: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Delete the documents that match a filter and return their ids."""
        parsed = self.collection.parse_filter(where, mandatory=mandatory)
        if not where or parsed is None:
            raise InvalidInputError("the filter is empty and would delete every document; name a condition")
        collection = self.collection
        with collection.still():
            deleted = collection.writer.delete(collection.matching(parsed))
        collection.flush()
        return deleted

    def patch(
        self,
        doc_id: str,
        metadata: Mapping[str, Any],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> DocumentInfo:
        """Change metadata by a JSON merge patch."""
        expected = Expected(version=if_version, revision=if_revision)
        collection = self.collection
        with collection.still():
            check_patch(collection, doc_id, metadata, mandatory)
            entry = collection.writer.patch(doc_id, metadata, expected)
        collection.flush()
        return document_info(entry)

    def estimate(self, paths: Sequence[str]) -> Estimate:
        """Say what indexing files and folders will take."""
        if elsewhere := [path for path in paths if not is_local(path)]:
            raise InvalidInputError(f"only files and folders can be estimated, not {elsewhere[0]}")
        return self._estimate([item for path in paths for item in survey(Path(path))])

    def retain(self, *, versions: int | None, days: float | None) -> Retention:
        """Keep earlier versions so long from now on."""
        collection = self.collection
        retain(collection, Retention(versions=versions, days=days))
        collection.flush()
        return read_retention(collection)

    def retention(self) -> Retention:
        """Return how long earlier versions are kept."""
        return read_retention(self.collection)

    def purge(self, doc_ids: Sequence[str]) -> PurgeReceipt:
        """Remove documents for good."""
        return purge(self._store, self.collection, doc_ids)

    def collect_garbage(self) -> GarbageReport:
        """Remove pages of text that nothing points at, and write the indexes anew."""
        return replace(collect_garbage(self._store), index_bytes=rewrite_indexes(self._store))

    def _estimate(self, found: Sequence[FoundFile | Skipped]) -> Estimate:
        known = self.collection.entries if self._name in self._store.collections() else {}
        encoder = self.encoder
        return estimate(found, encoder, self._segmenter(encoder), known=known, store=self._store.folder)

    def _refuse_what_will_not_fit(self, found: Sequence[sources.Found]) -> None:
        files = [item for item in found if isinstance(item, FoundFile | Skipped)]
        if may_not_fit(files, self._store.folder):
            check_room(self._estimate(files), self._store.folder)

    def _forget_unread(self, is_of_folder: Callable[[str, str], bool], there: Set[str]) -> None:
        """Forget what could not be read in a folder and is gone from it."""
        collection = self.collection
        with collection.as_writer():
            mine = (one.id for one in collection.unread.all() if is_of_folder(one.source, one.id))
            collection.unread.update((), read=[doc_id for doc_id in mine if doc_id not in there])

    def doctor(
        self, *, repair: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Diagnosis:
        """Check what the collection promises, and mend it when asked."""
        collection = self.collection
        diagnosis = examine(collection)
        if repair and not diagnosis.healthy:
            encoder = self.encoder_of(collection)
            collection.check_encoder(encoder.fingerprint)
            mend(collection, diagnosis, encoder, self._segmenter(encoder), progress=progress)
        return diagnosis

    def copy_to(
        self,
        target: str,
        *,
        collections: Sequence[str] = (),
        remote: RemoteSettings | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> CopyReport:
        """Copy collections of the store into another one."""
        if Path(target).resolve() == self._store.folder.resolve():
            raise InvalidInputError(
                f"{target} is the store that is copied; name another folder", folder=target
            )
        other = Store(Path(target), remote=remote)
        try:
            return copy_store(self._store, other, collections=collections, progress=progress)
        finally:
            other.close()

    def migrate(
        self,
        encoder: Encoder | str,
        *,
        switch: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> MigrationReport:
        """Embed the collection anew with another encoder."""
        name = encoder if isinstance(encoder, str) else ""
        made = open_encoder(encoder) if isinstance(encoder, str) else encoder
        report = migrate(
            self._store,
            self._name,
            made,
            self._segmenter(made),
            model=name,
            switch=switch,
            progress=progress,
        )
        if switch and not name:
            with self._loading:
                self._model = made
        return report

    def drop_predecessors(self) -> list[str]:
        """Remove collections that a migration has left behind."""
        return self._store.drop_predecessors(self._name)

    def back_up(self, target: str) -> BackupReport:
        """Write the store to one file."""
        return back_up(self._store, Path(target))

    def collections(self) -> list[str]:
        """Return the names of the store's collections."""
        return self._store.collections()

    def aliases(self) -> list[Alias]:
        """Return the aliases of the store, by name."""
        return [Alias(name=name, collection=of) for name, of in sorted(self._store.aliases().items())]

    def set_alias(self, alias: str, collection: str) -> Alias:
        """Let a further name mean a collection."""
        return Alias(name=alias, collection=self._store.set_alias(alias, collection))

    def remove_alias(self, alias: str) -> None:
        """Forget an alias."""
        self._store.remove_alias(alias)

    def model(self) -> ModelInfo:
        """Say which encoder this is, loading it."""
        return model_info(self.encoder)

    def embed(
        self,
        texts: Sequence[str],
        *,
        tokens: Sequence[Sequence[int]] = (),
        kind: TextKind = "document",
        dimensions: int | None = None,
        late_chunking: bool = False,
        max_tokens: int | None = None,
    ) -> Vectors:
        """Embed texts, or what token ids stand for."""
        encoder = self.encoder
        given = decode_tokens(encoder, tokens) if tokens else texts
        check_tokens(encoder, given, limit=max_tokens)
        return embed_texts(encoder, given, kind=kind, dimensions=dimensions, late_chunking=late_chunking)

    def score(self, query: str, texts: Sequence[str], *, max_tokens: int | None = None) -> TextScores:
        """Score texts against a query."""
        encoder = self.encoder
        check_tokens(encoder, [query, *texts], limit=max_tokens)
        return score_texts(encoder, query, texts)

    def describe(self, *, mandatory: Mapping[str, Any] | None = None) -> CollectionInfo:
        """Tell what is in the collection."""
        return describe(self._name, self.collection, mandatory=mandatory)

    def create(self) -> CollectionInfo:
        """Make the collection for this encoder unless it is there."""
        encoder = self.encoder
        made = self._store.create_collection(self._name, fingerprint=encoder.fingerprint, dim=encoder.dim)
        return describe(self._name, made)

    def drop(self) -> None:
        """Delete the collection with all its documents."""
        self._store.delete_collection(self._name)

    def close(self) -> None:
        """Flush, and let other processes open the store."""
        self._store.close()

    def _version_text(self, doc_id: str, version: int) -> str | None:
        kept = self.collection.version(doc_id, version)
        return None if kept is None else self.collection.texts.text(kept.text)

    def searcher(self, profile: SearchProfile) -> Searcher:
        """Return what searches the collection by these settings."""
        return Searcher(self.collection, self.encoder, profile, memory=self._memory)

    def _searcher(self, profile: str) -> Searcher:
        collection = self.collection
        encoder = self.encoder_of(collection)
        collection.check_encoder(encoder.fingerprint)
        given = self._profile if profile == DEFAULT_PROFILE else None
        settings = given or self._profiles.load(collection.place, profile)
        return Searcher(collection, encoder, settings, name=profile, memory=self._memory)

    def _allowed(self, found: Resolution, mandatory: Mapping[str, Any] | None) -> Resolution:
        """Hide a resolution of a document that is forbidden, or whose rights are no longer known."""
        if mandatory is None:
            return found
        where = self.collection.parse_filter(None, mandatory=mandatory)
        live = self.collection.entries.get(found.document_id)
        if live is not None and allows(where, live):
            return found
        return Resolution(status="gone", reason="the version it was taken from is no longer kept")

    def _ingest(
        self,
        items: Iterable[Document | Unreadable],
        progress: Callable[[Progress], None] | None,
        *,
        total: int | None,
    ) -> IndexReport:
        while True:
            if self._name in self._store.collections():
                collection = self.collection
                encoder = self.encoder_of(collection)
                collection.check_encoder(encoder.fingerprint)
            else:
                encoder = self.encoder
                collection = self._store.create_collection(
                    self._name, fingerprint=encoder.fingerprint, dim=encoder.dim
                )
            with collection.as_writer():
                if not collection.retired:  # it may have been migrated while this waited
                    ingest = Ingest(collection, encoder, self._segmenter(encoder), progress=progress)
                    return ingest.run(items, total=total)

    def _placed(self, item: Document | Unreadable) -> Document | Unreadable:
        """Forget where an upload lay: inside the store, and not for long."""
        passing = Path(item.source).is_relative_to(normal(self._store.folder))
        return replace(item, source="") if passing else item

    def _segmenter(self, encoder: Encoder) -> Segmenter:
        return self._given_segmenter or DocumentSegmenter(encoder.tokenizer)


def parse_options(ocr: str | None) -> ParseOptions:
    """Return how files are read: with OCR in these languages, or in those of the environment."""
    languages = os.environ.get(OCR_VARIABLE, "") if ocr is None else ocr
    return ParseOptions(ocr=True, ocr_languages=languages) if languages else ParseOptions()


def _size(item: Document | Unreadable) -> int:
    return len(item.text) if isinstance(item, Document) else 0
