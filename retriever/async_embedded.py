"""The SDK over a store on this machine, for programs with an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from retriever.embedded import BUNDLED, BaseRetriever, Retriever, polling_pauses
from retriever.options import DEFAULT_PROFILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path
    from types import TracebackType

    from encoders.protocols import Encoder, Segmenter
    from encoders.types import Document, TextKind
    from indexers.diagnosis import Diagnosis
    from indexers.remote_settings import RemoteSettings
    from retriever.context.types import (
        Citation,
        CitationRef,
        Context,
        Expand,
        Format,
        Order,
        Template,
        Tokenizer,
        Verification,
    )
    from retriever.options import (
        EvidenceOptions,
        FacetOptions,
        GroupBy,
        OffsetUnit,
        RerankMethod,
        RerankOptions,
    )
    from retriever.profile import SearchProfile
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

P = ParamSpec("P")
T = TypeVar("T")


class BaseAsyncRetriever:
    """The methods of every retriever that is awaited, over one that is not.

    Args:
        retriever: does the work, on threads.
        executor: those threads; by default the event loop's own.
    """

    def __init__(self, retriever: BaseRetriever, *, executor: Executor | None = None) -> None:
        self._retriever = retriever
        self._executor = executor

    async def index(
        self,
        paths: Iterable[str | Path],
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IndexReport:
        """Index files and folders; unchanged documents cost nothing."""
        return await self._run(self._retriever.index, paths, ocr=ocr, progress=_in_loop(progress))

    async def sync(
        self,
        folder: str | Path,
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> SyncReport:
        """Index a folder and delete the documents that came from it and whose files are gone."""
        return await self._run(self._retriever.sync, folder, ocr=ocr, progress=_in_loop(progress))

    async def add(
        self, documents: Iterable[Document], *, progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Index documents that are already text; an id that is there is replaced."""
        return await self._run(self._retriever.add, documents, progress=_in_loop(progress))

    async def search(
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
        """Find documents and the spans in them that answer ``query``; see `Retriever.search`."""
        return await self._run(
            self._retriever.search,
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

    async def context(
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
        """Make the part of a prompt that holds the sources; see `Retriever.context`."""
        return await self._run(
            self._retriever.context,
            query,
            max_tokens=max_tokens,
            order=order,
            format=format,
            expand=expand,
            tokenizer=tokenizer,
            max_tokens_per_document=max_tokens_per_document,
            evidence_ids=evidence_ids,
            search=search,
            citation=citation,
            template=template,
            score_gap=score_gap,
        )

    async def verify(
        self,
        answer: str,
        citations: Context | Sequence[Citation | CitationRef],
        *,
        citation: str = "[{n}]",
    ) -> Verification:
        """Map what an answer quotes back to exact spans; see `Retriever.verify`."""
        return await self._run(self._retriever.verify, answer, citations, citation=citation)

    async def explain(
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
        """Say where a document stands in the answer to a search, and if nowhere, why."""
        return await self._run(
            self._retriever.explain,
            query,
            doc_id,
            limit=limit,
            filter=filter,
            mandatory=mandatory,
            must_contain=must_contain,
            novelty=novelty,
            repetitions=repetitions,
            profile=profile,
        )

    async def facets(
        self,
        fields: Sequence[str | FacetOptions],
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
    ) -> dict[str, tuple[FacetValue, ...]]:
        """Count the documents that match per value of each field, the most frequent values first."""
        return await self._run(self._retriever.facets, fields, filter=filter, mandatory=mandatory)

    async def profiles(self) -> dict[str, SearchProfile]:
        """Return the search profiles of the collection by name; ``default`` is always there."""
        return await self._run(self._retriever.profiles)

    async def save_profile(self, name: str, profile: SearchProfile) -> SearchProfile:
        """Keep search settings with the collection under a name; ``default`` holds for all searches."""
        return await self._run(self._retriever.save_profile, name, profile)

    async def delete_profile(self, name: str) -> None:
        """Forget a search profile; ``default`` is then the shipped one again."""
        await self._run(self._retriever.delete_profile, name)

    async def rerank(
        self,
        query: str,
        candidates: Sequence[str] | Sequence[DocumentHit],
        *,
        reranker: Reranker,
        top: int | None = None,
    ) -> RerankResult:
        """Order texts or hits anew by a language model that sees the whole list."""
        return await self._run(self._retriever.rerank, query, candidates, reranker=reranker, top=top)

    async def feedback(
        self,
        request_id: str,
        doc_id: str,
        *,
        useful: bool = True,
        mandatory: Mapping[str, Any] | None = None,
    ) -> Judgement:
        """Say whether a document of an answer was useful; see `Retriever.feedback`."""
        return await self._run(
            self._retriever.feedback, request_id, doc_id, useful=useful, mandatory=mandatory
        )

    async def judgements(self) -> tuple[Judgement, ...]:
        """Return all feedback on the collection's answers, the oldest first."""
        return await self._run(self._retriever.judgements)

    async def get(self, doc_id: str, *, mandatory: Mapping[str, Any] | None = None) -> DocumentInfo:
        """Return a document without its text."""
        return await self._run(self._retriever.get, doc_id, mandatory=mandatory)

    async def text(
        self,
        doc_id: str,
        start: int = 0,
        end: int | None = None,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the code points ``[start, end)`` of a document; the whole text by default."""
        return await self._run(self._retriever.text, doc_id, start, end, mandatory=mandatory)

    async def resolve(self, evidence_id: str, *, mandatory: Mapping[str, Any] | None = None) -> Resolution:
        """Find where the words of an earlier answer are now."""
        return await self._run(self._retriever.resolve, evidence_id, mandatory=mandatory)

    async def resolve_span(
        self,
        doc_id: str,
        version: int,
        start: int,
        end: int,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> Resolution:
        """Find where a span of an earlier version of a document is now."""
        return await self._run(self._retriever.resolve_span, doc_id, version, start, end, mandatory=mandatory)

    async def list(self) -> tuple[DocumentInfo, ...]:
        """Return all documents by id."""
        return await self._run(self._retriever.list)

    async def documents(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
        coverage_lt: float | None = None,
    ) -> DocumentPage:
        """Return documents by id, page by page."""
        return await self._run(
            self._retriever.documents,
            limit=limit,
            cursor=cursor,
            filter=filter,
            mandatory=mandatory,
            coverage_lt=coverage_lt,
        )

    async def unread(self) -> tuple[UnreadItem, ...]:
        """Return the files that could not be read, each with the reason."""
        return await self._run(self._retriever.unread)

    async def delete(
        self,
        doc_ids: Iterable[str],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> tuple[str, ...]:
        """Delete documents and return the ids that were there."""
        return await self._run(
            self._retriever.delete,
            doc_ids,
            if_version=if_version,
            if_revision=if_revision,
            mandatory=mandatory,
        )

    async def delete_where(
        self,
        filter: Mapping[str, Any],  # noqa: A002  # the word of the field
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> tuple[str, ...]:
        """Delete the documents that match a filter and return their ids."""
        return await self._run(self._retriever.delete_where, filter, mandatory=mandatory)

    async def patch(
        self,
        doc_id: str,
        metadata: Mapping[str, Any],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> DocumentInfo:
        """Change the metadata of a document; nothing is embedded again."""
        return await self._run(
            self._retriever.patch,
            doc_id,
            metadata,
            if_version=if_version,
            if_revision=if_revision,
            mandatory=mandatory,
        )

    async def estimate(self, paths: Iterable[str | Path]) -> Estimate:
        """Say what indexing files and folders will take: tokens, time, disk."""
        return await self._run(self._retriever.estimate, paths)

    async def retain(self, *, versions: int | None = None, days: float | None = None) -> Retention:
        """Limit how long earlier versions are kept, which citations of them need; by default for ever."""
        return await self._run(self._retriever.retain, versions=versions, days=days)

    async def retention(self) -> Retention:
        """Return how long earlier versions are kept."""
        return await self._run(self._retriever.retention)

    async def purge(self, doc_ids: Iterable[str]) -> PurgeReceipt:
        """Remove documents with all their versions and their text, as if they had never been there."""
        return await self._run(self._retriever.purge, doc_ids)

    async def collect_garbage(self) -> GarbageReport:
        """Remove the pages of text that no document and no kept version of any collection needs."""
        return await self._run(self._retriever.collect_garbage)

    async def doctor(
        self, *, repair: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Diagnosis:
        """Check every document: text, tiles, vectors, and what no document owns."""
        return await self._run(self._retriever.doctor, repair=repair, progress=_in_loop(progress))

    async def submit(self, paths: Iterable[str | Path], *, sync: bool = False, ocr: str | None = None) -> Job:
        """Queue files and folders to be indexed by the store's process."""
        return await self._run(self._retriever.submit, paths, sync=sync, ocr=ocr)

    async def jobs(self) -> tuple[Job, ...]:
        """Return all jobs of the store, the oldest first."""
        return await self._run(self._retriever.jobs)

    async def job(self, job_id: str) -> Job:
        """Return a job with its progress."""
        return await self._run(self._retriever.job, job_id)

    async def wait(self, job_id: str, *, progress: Callable[[Progress], None] | None = None) -> Job:
        """Wait until a job is done, failed or cancelled; the wait itself can be cancelled."""
        pauses = polling_pauses()
        while (job := await self.job(job_id)).state in ("queued", "running"):
            if progress is not None and job.progress is not None:
                progress(job.progress)
            await asyncio.sleep(next(pauses))
        return job

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job; one that runs stops after its batch, what it committed stays."""
        return await self._run(self._retriever.cancel, job_id)

    async def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again."""
        return await self._run(self._retriever.retry, job_id)

    async def copy_to(
        self,
        target: str | Path,
        *,
        collections: Sequence[str] = (),
        qdrant: str | RemoteSettings | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> CopyReport:
        """Copy collections into another store; see `Retriever.copy_to`."""
        return await self._run(
            self._retriever.copy_to,
            target,
            collections=collections,
            qdrant=qdrant,
            progress=_in_loop(progress),
        )

    async def migrate(
        self,
        encoder: str,
        *,
        switch: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> MigrationReport:
        """Embed the collection anew with another encoder; see `Retriever.migrate`."""
        return await self._run(self._retriever.migrate, encoder, switch=switch, progress=_in_loop(progress))

    async def drop_predecessors(self) -> tuple[str, ...]:
        """Remove the collections that migrations have left behind, and return their names."""
        return await self._run(self._retriever.drop_predecessors)

    async def back_up(self, target: str | Path) -> BackupReport:
        """Write the whole store to one file, while it is in use."""
        return await self._run(self._retriever.back_up, target)

    async def aliases(self) -> tuple[Alias, ...]:
        """Return the aliases of the store, by name."""
        return await self._run(self._retriever.aliases)

    async def set_alias(self, alias: str, collection: str) -> Alias:
        """Let ``alias`` mean a collection of the store, from one instant on, whatever it meant before."""
        return await self._run(self._retriever.set_alias, alias, collection)

    async def remove_alias(self, alias: str) -> None:
        """Forget an alias; the collection stays."""
        await self._run(self._retriever.remove_alias, alias)

    async def collections(self) -> tuple[str, ...]:
        """Return the names of the store's collections."""
        return await self._run(self._retriever.collections)

    async def model(self) -> ModelInfo:
        """Say which encoder this is; see `Retriever.model`."""
        return await self._run(self._retriever.model)

    async def embed(
        self,
        texts: Sequence[str],
        *,
        kind: TextKind = "document",
        dimensions: int | None = None,
        late_chunking: bool = False,
    ) -> Vectors:
        """Embed texts of any length; see `Retriever.embed`."""
        return await self._run(
            self._retriever.embed, texts, kind=kind, dimensions=dimensions, late_chunking=late_chunking
        )

    async def score(self, query: str, texts: Sequence[str]) -> TextScores:
        """Score texts against a query; see `Retriever.score`."""
        return await self._run(self._retriever.score, query, texts)

    async def describe(self, *, mandatory: Mapping[str, Any] | None = None) -> CollectionInfo:
        """Tell what is in the collection; see `Retriever.describe`."""
        return await self._run(self._retriever.describe, mandatory=mandatory)

    async def create(self) -> CollectionInfo:
        """Make the collection for this encoder; see `Retriever.create`."""
        return await self._run(self._retriever.create)

    async def drop(self) -> None:
        """Delete the collection with all its documents; see `Retriever.drop`."""
        await self._run(self._retriever.drop)

    async def close(self) -> None:
        """Let go of the store; what was indexed is flushed."""
        await self._run(self._retriever.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, method: Callable[P, T], /, *given: P.args, **named: P.kwargs) -> T:
        context = contextvars.copy_context()  # as asyncio.to_thread does
        call = functools.partial(context.run, method, *given, **named)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


class AsyncRetriever(BaseAsyncRetriever):
    """`Retriever` to be awaited: the same methods, and the work is done off the event loop.

    Each call runs in a thread; ``progress`` is called in the event loop. Cancelling an
    awaited call stops the waiting and not the work, save for `wait`.

        async with await AsyncRetriever.open("store/") as r:
            result = await r.search("who pays for termination?")
    """

    def __init__(self, retriever: Retriever) -> None:
        super().__init__(retriever)
        self._embedded = retriever

    @classmethod
    async def open(
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
        """Open a store, creating it when the folder is new; see `Retriever.open`."""
        retriever = await asyncio.to_thread(
            Retriever.open,
            path,
            collection=collection,
            encoder=encoder,
            segmenter=segmenter,
            profile=profile,
            in_process=in_process,
            qdrant=qdrant,
        )
        return cls(retriever)

    @property
    def encoder(self) -> Encoder:
        """The encoder, where the work is done in this process; see `Retriever.encoder`."""
        return self._embedded.encoder

    @staticmethod
    async def restore(
        source: str | Path, folder: str | Path, *, qdrant: str | RemoteSettings | None = None
    ) -> BackupReport:
        """Make a store of a file written by `back_up`, in a new or empty folder."""
        return await asyncio.to_thread(Retriever.restore, source, folder, qdrant=qdrant)


def _in_loop(progress: Callable[[Progress], None] | None) -> Callable[[Progress], None] | None:
    """Have ``progress`` called in the event loop that is running now."""
    if progress is None:
        return None
    loop = asyncio.get_running_loop()

    def hand_over(told: Progress) -> None:
        loop.call_soon_threadsafe(progress, told)

    return hand_over
