"""The SDK over a store on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.errors import ClosedError
from indexers.layout import choose_remote
from indexers.locations import absolute, normal
from retriever.context.types import CitationRef, Context, ContextOptions, Template
from retriever.options import DEFAULT_PROFILE, FacetOptions, ListOptions, search_options
from retriever.protocols import QueueingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from encoders.protocols import Encoder, Segmenter
    from encoders.types import TextKind
    from indexers.diagnosis import Diagnosis
    from indexers.remote_settings import RemoteSettings
    from retriever.context.types import Citation, Expand, Format, Order, Tokenizer, Verification
    from retriever.options import EvidenceOptions, GroupBy, OffsetUnit, RerankMethod, RerankOptions
    from retriever.profile import SearchProfile
    from retriever.protocols import Engine
    from retriever.rerank.protocols import Reranker
    from retriever.rerank.types import RerankResult
    from retriever.types import (
        Alias,
        BackupReport,
        CollectionInfo,
        CopyReport,
        DocumentExplanation,
        DocumentHit,
        DocumentInfo,
        DocumentPage,
        Estimate,
        FacetValue,
        GarbageReport,
        IndexReport,
        Job,
        Judgement,
        MigrationReport,
        ModelInfo,
        Progress,
        PurgeReceipt,
        Resolution,
        Retention,
        SearchResult,
        SyncReport,
        TextScores,
        UnreadItem,
        Vectors,
    )

BUNDLED = "bundled"
_PAGE = 10_000
_FIRST_POLL_S, _LAST_POLL_S = 0.05, 1.0


def polling_pauses() -> Iterator[float]:
    """Yield the seconds between two looks at a job: short at first, so that a short job ends soon."""
    pause = _FIRST_POLL_S
    while True:
        yield pause
        pause = min(1.3 * pause, _LAST_POLL_S)


class BaseRetriever:
    """The methods of every retriever over one collection, wherever `engine` does the work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closed = False

    @property
    def engine(self) -> Engine:
        """What does the work.

        Raises:
            ClosedError: the retriever was closed.
        """
        if self._closed:
            raise ClosedError("this retriever is closed; open it again")
        return self._engine

    def index(
        self,
        paths: Iterable[str | Path],
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IndexReport:
        """Index files and folders; unchanged documents cost nothing.

        A document's id is its path relative to the folder given, or the name of a file given.

        Args:
            paths: files, folders, archives (``a.zip``), git repositories at a revision
                (``git+folder@v1.2``), and URLs that fsspec knows; never one bare string.
            ocr: read pictures of text with the system's tesseract, in these languages, such
                as ``eng+deu``; "" does not; by default as ``LONGDOC_OCR`` says.
            progress: called while it runs.

        Raises:
            FileNotFoundError: a path does not exist; nothing was indexed.
            DiskSpaceError: the disk has no room for it, or ran out of it on the way.
            TypeError: ``paths`` is one string.
        """
        if isinstance(paths, str | Path):
            raise TypeError("index takes a list of paths; put the one path into a list")
        return self.engine.index([absolute(path) for path in paths], ocr=ocr, progress=progress)

    def sync(
        self,
        folder: str | Path,
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> SyncReport:
        """Index a folder and delete the documents that came from it and whose files are gone.

        Args:
            folder: the folder; documents from elsewhere are left alone.
            ocr: see `index`.
            progress: called while it runs.

        Raises:
            InvalidInputError: it is no folder; nothing was changed.
        """
        root = normal(folder)
        if not root.is_dir():
            raise InvalidInputError(f"{root} is no folder; nothing was changed", folder=str(root))
        return self.engine.sync(str(root), ocr=ocr, progress=progress)

    def add(
        self, documents: Iterable[Document], *, progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Index documents that are already text; an id that is there is replaced.

        Args:
            documents: asked for one by one.
            progress: called while it runs.

        Raises:
            TypeError: something among them is no `Document`, or its text no string. Of a list
                nothing was indexed then, of an iterator what came before it was.
        """
        return self.engine.add(_documents(documents), progress=progress)

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        cursor: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
        must_contain: Sequence[str] = (),
        evidence: int | EvidenceOptions = 3,
        group_by: str | GroupBy | None = None,
        facets: Sequence[str | FacetOptions] = (),
        rerank: RerankMethod | RerankOptions = "none",
        novelty: float = 0.0,
        repetitions: bool = True,
        min_relevance: float | None = None,
        profile: str = DEFAULT_PROFILE,
        fields: Sequence[str] | None = None,
        offset_unit: OffsetUnit = "codepoint",
        explain: bool = False,
    ) -> SearchResult:
        """Find documents and the spans in them that answer ``query``.

        Args:
            query: a question, words, or a longer text.
            limit: documents wanted, 1 to 1,000.
            cursor: the ``next_cursor`` of the page before; all else as in that call.
            filter: only documents that match, in the Mongo form, such as
                ``{"metadata.year": {"$gte": 2021}}``; see `list` for what there is.
            mandatory: a second filter that holds in any case, for callers who pass on
                somebody else's ``filter``; it may name fields that no document has.
            must_contain: every hit's text holds all of these: ``'"net income"'`` in double
                quotes is a phrase, without them the characters as they stand.
            evidence: at most so many spans a document, or `EvidenceOptions`.
            group_by: at most one document for each value of this field, or `GroupBy`.
            facets: fields whose values are counted over all documents that match.
            rerank: ``late_interaction`` scores the first documents again by token vectors.
            novelty: 0 to 1, how much likeness to better documents counts against one (MMR).
            repetitions: False leaves out documents that nearly repeat a better one, which names them.
            min_relevance: only documents at least so probably relevant; needs a profile
                with a calibration.
            profile: the settings to score by; see `profiles`.
            fields: of metadata only these, such as ``["metadata.year"]``; all when None.
            offset_unit: ``codepoint``, ``utf16`` as JavaScript counts, or ``byte`` of UTF-8.
            explain: say how each score came about.

        Raises:
            InvalidInputError: an empty query, a limit out of range.
            InvalidFilterError: the filter cannot be understood or names an unknown field.
            CollectionNotFoundError: nothing was indexed into this collection yet.
            FingerprintMismatchError: the collection was made with another encoder.
            CursorExpiredError: the page cannot be continued; search from the first page.
            ProfileNotFoundError: no profile of that name is kept.
        """
        return self.engine.search(
            search_options(
                query,
                limit=limit,
                cursor=cursor,
                filter=filter,
                mandatory=mandatory,
                must_contain=must_contain,
                evidence=evidence,
                group_by=group_by,
                facets=facets,
                rerank=rerank,
                novelty=novelty,
                repetitions=repetitions,
                min_relevance=min_relevance,
                profile=profile,
                fields=fields,
                offset_unit=offset_unit,
                explain=explain,
            )
        )

    def context(
        self,
        query: str | Sequence[str] = (),
        *,
        max_tokens: int,
        order: Order = "score",
        format: Format = "text",  # noqa: A002  # the word of the field
        expand: Expand = "sentence",
        tokenizer: str | Tokenizer | None = None,
        max_tokens_per_document: int | None = None,
        evidence_ids: Sequence[str] | None = None,
        search: Mapping[str, Any] | None = None,
        citation: str = "[{n}]",
        template: str | Template | Callable[[Mapping[str, str]], str] | None = None,
        score_gap: float | None = None,
    ) -> Context:
        """Make the part of a prompt that holds the sources, with citations that can be checked.

        Found spans are joined with their neighbours, completed to sentences and, when asked,
        grown to more while the budget lasts. What nearly repeats other evidence is left out.
        ``dropped`` of the answer lists everything that was found and left out, and why.

        Args:
            query: a question, or several that share the context: they take turns.
            max_tokens: never exceeded, labels, separators and templates included; when nothing
                fits, the text is empty.
            order: ``score``; ``edges``, the best first, the second best last and the worst in the
                middle; or ``document``, in the order of each document's text.
            format: ``text``, ``xml``, ``json``, ``messages`` of a chat, ``blocks`` as Anthropic's
                search results, ``documents`` as Cohere's.
            expand: how far spans grow: ``none``, ``sentence``, ``segment`` (the neighbours too),
                ``section`` (a heading's, a function), ``parent`` (the next one around).
            tokenizer: that of the model which reads the prompt: the name of a tiktoken encoding or
                of an OpenAI model, a folder with a ``tokenizer.json``, OWNER/MODEL on the hub,
                ``encoder``, a tokenizer object, or a function from text to tokens or their number.
                By default tokens are estimated, on the high side.
            max_tokens_per_document: at most so many tokens of one document.
            evidence_ids: of an earlier search, the best first: pack these and do not search. Put
                your own reranker in between.
            search: what `search` takes besides the query, such as ``limit`` and ``filter``.
            citation: how a source is cited; ``{n}`` is its number.
            template: how a source is written, for ``text`` and ``messages``: a string with the
                fields of `retriever.context.types.Template`, such a template, or a function of
                these fields.
            score_gap: leave out what comes after the first fall of the score by more than this
                between two neighbours in rank; off by default.

        Raises:
            InvalidInputError: a value that cannot be used; the message says which.
            ModelError: there is no such tokenizer.
        """
        by_name = tokenizer is None or isinstance(tokenizer, str)
        written = Template(source=template) if isinstance(template, str) else template
        options = ContextOptions(
            queries=(query,) if isinstance(query, str) else tuple(query),
            max_tokens=max_tokens,
            order=order,
            format=format,
            expand=expand,
            tokenizer=tokenizer if isinstance(tokenizer, str) else None,
            max_tokens_per_document=max_tokens_per_document,
            evidence_ids=None if evidence_ids is None else tuple(evidence_ids),
            search=dict(search or {}),
            citation=citation,
            template=written if isinstance(written, Template) else None,
            score_gap=score_gap,
        )
        own_template = None if written is None or isinstance(written, Template) else written
        if by_name and own_template is None:
            return self.engine.context(options)
        from retriever.context.counting import counter_of, open_counter
        from retriever.context.packing import pack

        counter = open_counter(options.tokenizer) if by_name else counter_of(tokenizer)
        return pack(self.engine.gather(options), options, counter, own_template)

    def verify(
        self,
        answer: str,
        citations: Context | Sequence[Citation | CitationRef],
        *,
        citation: str = "[{n}]",
    ) -> Verification:
        """Map what an answer quotes back to exact spans, and check what it cites.

        Args:
            answer: of a language model.
            citations: the context that it was given, or the citations of that.
            citation: how the context cited its sources.

        Returns:
            Every quotation with ``exact``, ``normalised`` or ``not_found`` and its span, and
            every citation that names no source.
        """
        given = citations.citations if isinstance(citations, Context) else citations
        refs = [one if isinstance(one, CitationRef) else CitationRef.of(one) for one in given]
        return self.engine.verify(answer, refs, citation=citation)

    def explain(
        self,
        query: str,
        doc_id: str,
        *,
        limit: int = 10,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
        must_contain: Sequence[str] = (),
        novelty: float = 0.0,
        repetitions: bool = True,
        profile: str = DEFAULT_PROFILE,
    ) -> DocumentExplanation:
        """Say where a document stands in the answer to a search, and if nowhere, why.

        Args:
            query: as in `search`, and so the rest.
            doc_id: the document, whether or not the collection has it.
            limit: how many documents the answer would have.
            filter: see `search`.
            mandatory: see `search`.
            must_contain: see `search`.
            novelty: see `search`.
            repetitions: see `search`.
            profile: see `search`.
        """
        options = search_options(
            query,
            limit=limit,
            filter=filter,
            mandatory=mandatory,
            must_contain=must_contain,
            novelty=novelty,
            repetitions=repetitions,
            profile=profile,
        )
        return self.engine.explain(options, doc_id)

    def facets(
        self,
        fields: Sequence[str | FacetOptions],
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
    ) -> dict[str, tuple[FacetValue, ...]]:
        """Count the documents that match per value of each field, the most frequent values first.

        Raises:
            UnknownFieldError: a field that no document has.
        """
        if isinstance(fields, str):
            raise TypeError("facets takes a list of fields; put the one field into a list")
        asked = [FacetOptions(field=one) if isinstance(one, str) else one for one in fields]
        return self.engine.facets(asked, filter=filter, mandatory=mandatory)

    def profiles(self) -> dict[str, SearchProfile]:
        """Return the search profiles of the collection by name; ``default`` is always there."""
        return self.engine.profiles()

    def save_profile(self, name: str, profile: SearchProfile) -> SearchProfile:
        """Keep search settings with the collection under a name; ``default`` holds for all searches."""
        return self.engine.save_profile(name, profile)

    def delete_profile(self, name: str) -> None:
        """Forget a search profile; ``default`` is then the shipped one again."""
        self.engine.delete_profile(name)

    def rerank(
        self,
        query: str,
        candidates: Sequence[str] | Sequence[DocumentHit],
        *,
        reranker: Reranker,
        top: int | None = None,
    ) -> RerankResult:
        """Order texts or hits anew by a language model that sees the whole list, or by another reranker.

        Args:
            query: what was asked.
            candidates: texts, or hits of `search`, of which the best evidence is read.
            reranker: made by `retriever.rerank.loading.load_reranker`.
            top: how many of the first places are wanted; all when None.
        """
        from retriever.rerank.passages import as_candidates

        return reranker.rerank(query, as_candidates(candidates), top=top)

    def feedback(
        self,
        request_id: str,
        doc_id: str,
        *,
        useful: bool = True,
        mandatory: Mapping[str, Any] | None = None,
    ) -> Judgement:
        """Say whether a document of an answer was useful; it is kept for `tune` and evaluation.

        Args:
            request_id: ``result.meta.request_id`` of the search.
            doc_id: a document, listed in the answer or not.
            useful: it answers the query. Judging again replaces.
            mandatory: a filter; a document that does not match is as good as not there.

        Raises:
            AnswerNotKnownError: the answer is forgotten; a process remembers its last 10,000.
            DocumentNotFoundError: there is none of that id.
        """
        return self.engine.feedback(request_id, doc_id, useful=useful, mandatory=mandatory)

    def judgements(self) -> tuple[Judgement, ...]:
        """Return all feedback on the collection's answers, the oldest first."""
        return tuple(self.engine.judgements())

    def get(self, doc_id: str, *, mandatory: Mapping[str, Any] | None = None) -> DocumentInfo:
        """Return a document without its text.

        Args:
            doc_id: of the document.
            mandatory: a filter; a document that does not match is as good as not there.

        Raises:
            DocumentNotFoundError: there is none of that id.
        """
        return self.engine.get(doc_id, mandatory=mandatory)

    def text(
        self,
        doc_id: str,
        start: int = 0,
        end: int | None = None,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the code points ``[start, end)`` of a document; the whole text by default.

        Args:
            doc_id: of the document.
            start: first code point.
            end: one past the last.
            mandatory: a filter; a document that does not match is as good as not there.

        Raises:
            DocumentNotFoundError: there is none of that id.
            InvalidInputError: ``end`` is after the end of the text.
            ValueError: ``start`` is after ``end`` or negative.
        """
        return self.engine.text(doc_id, start, end, mandatory=mandatory)

    def resolve(self, evidence_id: str, *, mandatory: Mapping[str, Any] | None = None) -> Resolution:
        """Find where the words of an earlier answer are now.

        Args:
            evidence_id: the id of an `Evidence`.
            mandatory: a filter; a document that does not match is as good as not there.

        Returns:
            ``current``, ``moved`` with the new span, or ``gone`` with the reason.

        Raises:
            InvalidInputError: it is no evidence id.
        """
        return self.engine.resolve(evidence_id, mandatory=mandatory)

    def resolve_span(
        self,
        doc_id: str,
        version: int,
        start: int,
        end: int,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> Resolution:
        """Find where a span of an earlier version of a document is now."""
        return self.engine.resolve_span(doc_id, version, start, end, mandatory=mandatory)

    def list(self) -> tuple[DocumentInfo, ...]:
        """Return all documents by id."""
        found: list[DocumentInfo] = []
        cursor = None
        while True:
            page = self.documents(limit=_PAGE, cursor=cursor)
            found += page.documents
            if (cursor := page.next_cursor) is None:
                return tuple(found)

    def documents(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
        coverage_lt: float | None = None,
    ) -> DocumentPage:
        """Return documents by id, page by page.

        Args:
            limit: documents on a page, 1 to 10,000.
            cursor: the ``next_cursor`` of the page before.
            filter: only documents that match; see `search`.
            mandatory: see `search`.
            coverage_lt: only documents of whose tokens a smaller share is embedded; 1 finds
                all that are not fully searchable.
        """
        return self.engine.documents(
            ListOptions(
                limit=limit, cursor=cursor, filter=filter, mandatory=mandatory, coverage_lt=coverage_lt
            )
        )

    def unread(self) -> tuple[UnreadItem, ...]:
        """Return the files that could not be read, each with the reason: nothing of them is searchable.

        A file leaves the list when it is read, synced away, deleted or purged.
        """
        return tuple(self.engine.unread())

    def delete(
        self,
        doc_ids: Iterable[str],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> tuple[str, ...]:
        """Delete documents and return the ids that were there.

        Args:
            doc_ids: a list of ids, never one bare string.
            if_version: only when each of them is at this version.
            if_revision: only when each of them is at this revision of it.
            mandatory: a filter; documents that do not match stay.

        Raises:
            VersionMismatchError: one is not; nothing was deleted.
        """
        if isinstance(doc_ids, str):
            raise TypeError("delete takes a list of ids; put the one id into a list")
        return tuple(
            self.engine.delete(
                tuple(doc_ids), if_version=if_version, if_revision=if_revision, mandatory=mandatory
            )
        )

    def delete_where(
        self,
        filter: Mapping[str, Any],  # noqa: A002  # the word of the field
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> tuple[str, ...]:
        """Delete the documents that match a filter and return their ids.

        Args:
            filter: as for `search`; not empty.
            mandatory: see `search`.

        Raises:
            InvalidFilterError: the filter cannot be understood or names an unknown field.
            InvalidInputError: it is empty; nothing was deleted.
        """
        return tuple(self.engine.delete_where(filter, mandatory=mandatory))

    def patch(
        self,
        doc_id: str,
        metadata: Mapping[str, Any],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> DocumentInfo:
        """Change the metadata of a document; nothing is embedded again.

        Args:
            doc_id: the document.
            metadata: a JSON merge patch (RFC 7396): objects merge, None removes a key,
                everything else replaces.
            if_version: only when the document is at this version.
            if_revision: only when it is at this revision of it.
            mandatory: a filter that the document must match before and after.

        Returns:
            The document, one revision later if anything changed.

        Raises:
            DocumentNotFoundError: there is none of that id.
            VersionMismatchError: it changed meanwhile; nothing was changed.
            InvalidDocumentError: the outcome cannot be stored.
        """
        return self.engine.patch(
            doc_id, metadata, if_version=if_version, if_revision=if_revision, mandatory=mandatory
        )

    def estimate(self, paths: Iterable[str | Path]) -> Estimate:
        """Say what indexing files and folders will take: tokens, time, disk.

        Some files of each kind are read and a few of their segments embedded; nothing is
        stored.

        Raises:
            FileNotFoundError: a path does not exist.
        """
        if isinstance(paths, str | Path):
            raise TypeError("estimate takes a list of paths; put the one path into a list")
        return self.engine.estimate([absolute(path) for path in paths])

    def retain(self, *, versions: int | None = None, days: float | None = None) -> Retention:
        """Limit how long earlier versions are kept, which citations of them need; by default for ever.

        What is beyond a limit is forgotten at once and at the end of every later run; a citation
        of it is ``gone`` from then on.

        Args:
            versions: so many of each document beside the live one.
            days: since they were replaced or deleted.
        """
        return self.engine.retain(versions=versions, days=days)

    def retention(self) -> Retention:
        """Return how long earlier versions are kept."""
        return self.engine.retention()

    def purge(self, doc_ids: Iterable[str]) -> PurgeReceipt:
        """Remove documents with all their versions and their text, as if they had never been there.

        Unlike `delete`, nothing is kept that a citation could find. Backups are not touched.

        Returns:
            What was removed.
        """
        if isinstance(doc_ids, str):
            raise TypeError("purge takes a list of ids; put the one id into a list")
        return self.engine.purge(tuple(doc_ids))

    def collect_garbage(self) -> GarbageReport:
        """Remove the pages of text that no document and no kept version of any collection needs.

        The engine's files are written anew, without the bytes of what was deleted.
        """
        return self.engine.collect_garbage()

    def doctor(
        self, *, repair: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Diagnosis:
        """Check every document: text, tiles, vectors, and what no document owns.

        Args:
            repair: mend what stored text can mend: sweep what is dead, embed broken
                documents again, up to rebuilding a lost index.
            progress: called while documents are embedded again.

        Returns:
            What was found before any repair.
        """
        return self.engine.doctor(repair=repair, progress=progress)

    def submit(self, paths: Iterable[str | Path], *, sync: bool = False, ocr: str | None = None) -> Job:
        """Queue files and folders to be indexed by the store's process, whether or not this one goes on.

        Args:
            paths: as for `index`; for ``sync`` one folder.
            sync: make the collection equal to the folder; see `sync`.
            ocr: see `index`.

        Returns:
            The job. It survives the processes; `job` says how far it is.

        Raises:
            InvalidInputError: the work is done in this process, which has no queue.
        """
        if isinstance(paths, str | Path):
            raise TypeError("submit takes a list of paths; put the one path into a list")
        given = [absolute(path) for path in paths]
        return self._queue().submit("sync" if sync else "index", given, ocr=ocr)

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs of the store, the oldest first."""
        return tuple(self._queue().jobs())

    def job(self, job_id: str) -> Job:
        """Return a job with its progress."""
        return self._queue().job(job_id)

    def wait(self, job_id: str, *, progress: Callable[[Progress], None] | None = None) -> Job:
        """Wait until a job is done, failed or cancelled."""
        pauses = polling_pauses()
        while (job := self.job(job_id)).state in ("queued", "running"):
            if progress is not None and job.progress is not None:
                progress(job.progress)
            time.sleep(next(pauses))
        return job

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; one that runs stops after its batch, what it committed stays."""
        return self._queue().cancel(job_id)

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again."""
        return self._queue().retry(job_id)

    def copy_to(
        self,
        target: str | Path,
        *,
        collections: Sequence[str] = (),
        qdrant: str | RemoteSettings | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> CopyReport:
        """Copy collections into another store, embedded or on a server; nothing is embedded again.

        Points, text, earlier versions and profiles become equal to those of this store; a
        copy that was interrupted goes on when it is made again. Writers of a collection
        wait while it is copied, searches do not.

        Args:
            target: folder of the other store, made when it is new; nobody may have it open.
            collections: which; all by default.
            qdrant: keep its vectors in this server.
            progress: called after every few documents.

        Raises:
            CollectionNotFoundError: there is none of that name; nothing was copied.
            FingerprintMismatchError: the target has one of that name from another encoder.
            InvalidInputError: the target is this store.
        """
        where = Path(target).absolute()
        return self.engine.copy_to(
            str(where), collections=collections, remote=choose_remote(where, qdrant), progress=progress
        )

    def migrate(
        self,
        encoder: str,
        *,
        switch: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> MigrationReport:
        """Embed the collection anew with another encoder, from stored text, while it goes on answering.

        What was interrupted goes on when it is called again. At the end the name of the
        collection means the new one, for every process; writers wait for that moment and
        no search fails. The old one stays until `drop_predecessors`.

        Args:
            encoder: name or folder of a model; the collection remembers it.
            switch: False leaves the name as it is, so that the new collection can be judged first.
            progress: called while it runs.

        Raises:
            CollectionNotFoundError: nothing was indexed into this collection yet.
            InvalidInputError: it has the vectors of this encoder already.
        """
        return self.engine.migrate(encoder, switch=switch, progress=progress)

    def drop_predecessors(self) -> tuple[str, ...]:
        """Remove the collections that migrations have left behind, and return their names."""
        return tuple(self.engine.drop_predecessors())

    def back_up(self, target: str | Path) -> BackupReport:
        """Write the whole store to one file, while it is in use.

        Raises:
            InvalidInputError: the file lies inside the store.
        """
        return self.engine.back_up(str(Path(target).absolute()))

    def _queue(self) -> QueueingEngine:
        if not isinstance(self.engine, QueueingEngine):
            raise InvalidInputError("jobs are done by the store's process; open without in_process")
        return self.engine

    def collections(self) -> tuple[str, ...]:
        """Return the names of the store's collections."""
        return tuple(self.engine.collections())

    def aliases(self) -> tuple[Alias, ...]:
        """Return the aliases of the store, by name.

        An alias is a further name of a collection: whatever is asked of the alias is asked of the
        collection that it means at that moment.
        """
        return tuple(self.engine.aliases())

    def set_alias(self, alias: str, collection: str) -> Alias:
        """Let ``alias`` mean a collection of the store, from one instant on, whatever it meant before.

        Calls under way end with the collection they began with, every later one goes to this one.

        Args:
            alias: 1 to 64 letters, digits, ``.``, ``_`` and ``-``.
            collection: what it means from now on, by name or by another alias of it.

        Raises:
            CollectionNotFoundError: there is no such collection.
            AliasConflictError: a collection is called ``alias``.
            InvalidInputError: ``alias`` cannot be used as a name.
        """
        return self.engine.set_alias(alias, collection)

    def remove_alias(self, alias: str) -> None:
        """Forget an alias; the collection stays.

        Raises:
            AliasNotFoundError: there is none of that name.
        """
        self.engine.remove_alias(alias)

    def model(self) -> ModelInfo:
        """Say which encoder this is, loading it when it is not warm."""
        return self.engine.model()

    def embed(
        self,
        texts: Sequence[str],
        *,
        kind: TextKind = "document",
        dimensions: int | None = None,
        late_chunking: bool = False,
    ) -> Vectors:
        """Embed texts of any length with the store's encoder; nothing is stored.

        Args:
            texts: a list of texts, never one bare string.
            kind: ``query`` or ``document``.
            dimensions: cut the vectors to so many.
            late_chunking: read the texts as parts of one document, each in the context of the others.

        Raises:
            InvalidInputError: more dimensions than the model has.
        """
        if isinstance(texts, str):
            raise TypeError("embed takes a list of texts; put the one text into a list")
        return self.engine.embed(
            texts,
            tokens=(),
            kind=kind,
            dimensions=dimensions,
            late_chunking=late_chunking,
            max_tokens=None,
        )

    def score(self, query: str, texts: Sequence[str]) -> TextScores:
        """Score texts against a query with the store's encoder; the higher the better.

        Args:
            query: what is asked.
            texts: a list of texts, never one bare string.
        """
        if isinstance(texts, str):
            raise TypeError("score takes a list of texts; put the one text into a list")
        return self.engine.score(query, texts, max_tokens=None)

    def describe(self, *, mandatory: Mapping[str, Any] | None = None) -> CollectionInfo:
        """Tell what is in the collection.

        Args:
            mandatory: a filter; documents that do not match are not counted, nor are their fields named.

        Raises:
            CollectionNotFoundError: there is none of that name yet.
        """
        return self.engine.describe(mandatory=mandatory)

    def create(self) -> CollectionInfo:
        """Make the collection for this encoder; one that is there stays as it is.

        Raises:
            FingerprintMismatchError: it is there and was made with another encoder.
        """
        return self.engine.create()

    def drop(self) -> None:
        """Delete the collection with all its documents.

        Raises:
            CollectionNotFoundError: there is none of that name.
            AliasConflictError: an alias means it.
        """
        self.engine.drop()

    def close(self) -> None:
        """Let go of the store; what was indexed is flushed.

        Every later call raises `indexers.errors.ClosedError`, save this one, which does nothing.
        """
        if not self._closed:
            self._closed = True
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Retriever(BaseRetriever):
    """Index long documents and search them.

    Open one with `Retriever.open` and close it, or use it as a context manager::

        with Retriever.open("store/", collection="contracts") as r:
            r.index(["contracts/"])
            for hit in r.search("who pays for termination?", limit=5):
                print(hit.document.id, hit.evidence[0].text)

    Safe to use from several threads.
    """

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        collection: str = "default",
        encoder: Encoder | str = BUNDLED,
        segmenter: Segmenter | None = None,
        profile: SearchProfile | None = None,
        in_process: bool = False,
        qdrant: str | RemoteSettings | None = None,
    ) -> Self:
        """Open a store, creating it when the folder is new.

        A store belongs to one process, which keeps the index and the encoder warm,
        starts by itself when somebody opens the store, and ends some minutes after the
        last one has closed it. Notebooks, workers and the command line share it.

        Args:
            path: the store's folder.
            collection: made by the first `index` or `add`.
            encoder: the name or folder of a model, or an encoder of your own.
            segmenter: how documents are cut; by default 160 tokens with 32 of context.
            profile: how searches are scored.
            in_process: do the work in this process and keep others out. An encoder,
                segmenter or profile object of your own does so in any case.
            qdrant: keep vectors in a Qdrant server, at a URL or by settings of your own;
                the store remembers it. ``LONGDOC_QDRANT_URL`` is the default for new stores.

        Raises:
            InvalidInputError: a server was given for a store that keeps its vectors itself.
            IndexUnavailableError: the server does not answer.
            StoreLockedError: a process that does not share has the store open.
            StoreFormatError: the folder holds something else.
            OwnerStartError: the store's process could not be started.
        """
        remote = choose_remote(Path(path), qdrant)
        own = segmenter is not None or profile is not None or not isinstance(encoder, str)
        if not (in_process or own):
            from retriever.owner.client import OwnedEngine

            return cls(OwnedEngine(Path(path), collection=collection, encoder=str(encoder), remote=remote))
        from indexers.store import Store
        from retriever.engine import LocalEngine
        from retriever.following import following

        store = Store(Path(path), remote=remote)

        def engine_of(name: str) -> LocalEngine:
            return LocalEngine(store, collection=name, encoder=encoder, segmenter=segmenter, profile=profile)

        return cls(following(store, collection, engine_of))

    @property
    def encoder(self) -> Encoder:
        """The encoder, where the work is done in this process.

        Raises:
            InvalidInputError: the store's process does the work and has the encoder.
        """
        encoder: Encoder | None = getattr(self.engine, "encoder", None)
        if encoder is None:
            raise InvalidInputError("the encoder is in the store's process; open with in_process=True")
        return encoder

    @staticmethod
    def restore(
        source: str | Path, folder: str | Path, *, qdrant: str | RemoteSettings | None = None
    ) -> BackupReport:
        """Make a store of a file written by `back_up`, in a new or empty folder.

        Args:
            source: the file.
            folder: of the new store.
            qdrant: the server that gets the vectors of a store on a server; the old one by default.

        Raises:
            InvalidInputError: the folder is not empty, or the server has such a store already.
        """
        from indexers.backup import restore

        given = choose_remote(Path(folder), qdrant) if qdrant is not None else None
        return restore(Path(source), Path(folder), remote=given)


def _documents(given: Iterable[Document]) -> Iterable[Document]:
    if isinstance(given, Document):
        raise TypeError("add takes a list of documents; put the one document into a list")
    if isinstance(given, str | bytes | Mapping):
        raise TypeError(f"add takes a list of Document(id=..., text=...), got one {type(given).__name__}")
    if isinstance(given, Sequence):
        return [_document(one) for one in given]
    return map(_document, given)


def _document(given: Document) -> Document:
    """Return what is given if it is a document whose strings are strings; Python does not check them."""
    if not isinstance(given, Document):
        raise TypeError(f"add takes Document(id=..., text=...), got a {type(given).__name__}: {given!s:.60}")
    for name in ("id", "text", "title", "source"):
        if not isinstance(value := getattr(given, name), str):
            advice = "decode it, or let index read the file" if isinstance(value, bytes) else "pass a str"
            raise TypeError(
                f"the {name} of document {given.id!r} is of type {type(value).__name__}, not str; {advice}"
            )
    return given
