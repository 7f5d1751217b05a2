"""The seam between the SDK and what does the work, here or in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from encoders.types import Document, TextKind
    from indexers.diagnosis import Diagnosis
    from indexers.remote_settings import RemoteSettings
    from retriever.context.material import Material
    from retriever.context.types import CitationRef, Context, ContextOptions, Verification
    from retriever.options import FacetOptions, ListOptions
    from retriever.profile import SearchProfile
    from retriever.types import (
        Alias,
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
        Job,
        JobKind,
        Judgement,
        MigrationReport,
        ModelInfo,
        Progress,
        PurgeReceipt,
        Resolution,
        Retention,
        SearchOptions,
        SearchResult,
        SyncReport,
        TextScores,
        UnreadItem,
        Vectors,
    )


class Engine(Protocol):
    """One collection of one store. `retriever.Retriever` documents the methods."""

    def index(
        self, paths: Sequence[str], *, ocr: str | None, progress: Callable[[Progress], None] | None
    ) -> IndexReport: ...

    def sync(
        self, folder: str, *, ocr: str | None, progress: Callable[[Progress], None] | None
    ) -> SyncReport: ...

    def add(
        self, documents: Iterable[Document], *, progress: Callable[[Progress], None] | None
    ) -> IndexReport: ...

    def search(self, options: SearchOptions) -> SearchResult: ...

    def gather(self, options: ContextOptions) -> Material: ...

    def context(self, options: ContextOptions) -> Context: ...

    def verify(self, answer: str, citations: Sequence[CitationRef], *, citation: str) -> Verification: ...

    def explain(self, options: SearchOptions, doc_id: str) -> DocumentExplanation: ...

    def facets(
        self,
        fields: Sequence[FacetOptions],
        *,
        filter: Mapping[str, Any] | None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None,
    ) -> dict[str, tuple[FacetValue, ...]]: ...

    def profiles(self) -> dict[str, SearchProfile]: ...

    def save_profile(self, name: str, profile: SearchProfile) -> SearchProfile: ...

    def delete_profile(self, name: str) -> None: ...

    def feedback(
        self, request_id: str, doc_id: str, *, useful: bool, mandatory: Mapping[str, Any] | None
    ) -> Judgement: ...

    def judgements(self) -> list[Judgement]: ...

    def get(self, doc_id: str, *, mandatory: Mapping[str, Any] | None) -> DocumentInfo: ...

    def text(
        self, doc_id: str, start: int, end: int | None, *, mandatory: Mapping[str, Any] | None
    ) -> str: ...

    def resolve(self, evidence_id: str, *, mandatory: Mapping[str, Any] | None) -> Resolution: ...

    def resolve_span(
        self, doc_id: str, version: int, start: int, end: int, *, mandatory: Mapping[str, Any] | None
    ) -> Resolution: ...

    def documents(self, options: ListOptions) -> DocumentPage: ...

    def unread(self) -> list[UnreadItem]: ...

    def delete(
        self,
        doc_ids: Sequence[str],
        *,
        if_version: int | None,
        if_revision: int | None,
        mandatory: Mapping[str, Any] | None,
    ) -> list[str]: ...

    def delete_where(self, where: Mapping[str, Any], *, mandatory: Mapping[str, Any] | None) -> list[str]: ...

    def patch(
        self,
        doc_id: str,
        metadata: Mapping[str, Any],
        *,
        if_version: int | None,
        if_revision: int | None,
        mandatory: Mapping[str, Any] | None,
    ) -> DocumentInfo: ...

    def estimate(self, paths: Sequence[str]) -> Estimate: ...

    def retain(self, *, versions: int | None, days: float | None) -> Retention: ...

    def retention(self) -> Retention: ...

    def purge(self, doc_ids: Sequence[str]) -> PurgeReceipt: ...

    def collect_garbage(self) -> GarbageReport: ...

    def doctor(self, *, repair: bool, progress: Callable[[Progress], None] | None) -> Diagnosis: ...

    def migrate(
        self, encoder: str, *, switch: bool, progress: Callable[[Progress], None] | None
    ) -> MigrationReport: ...

    def drop_predecessors(self) -> list[str]: ...

    def back_up(self, target: str) -> BackupReport: ...

    def copy_to(
        self,
        target: str,
        *,
        collections: Sequence[str],
        remote: RemoteSettings | None,
        progress: Callable[[Progress], None] | None,
    ) -> CopyReport: ...

    def collections(self) -> list[str]: ...

    def aliases(self) -> list[Alias]: ...

    def set_alias(self, alias: str, collection: str) -> Alias: ...

    def remove_alias(self, alias: str) -> None: ...

    def model(self) -> ModelInfo: ...

    def embed(
        self,
        texts: Sequence[str],
        *,
        tokens: Sequence[Sequence[int]],
        kind: TextKind,
        dimensions: int | None,
        late_chunking: bool,
        max_tokens: int | None,
    ) -> Vectors: ...

    def score(self, query: str, texts: Sequence[str], *, max_tokens: int | None) -> TextScores: ...

    def describe(self, *, mandatory: Mapping[str, Any] | None) -> CollectionInfo: ...

    def create(self) -> CollectionInfo: ...

    def drop(self) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class QueueingEngine(Engine, Protocol):
    """An engine that also indexes in the background."""

    def submit(self, kind: JobKind, paths: Sequence[str], *, ocr: str | None) -> Job: ...

    def jobs(self) -> list[Job]: ...

    def job(self, job_id: str) -> Job: ...

    def cancel(self, job_id: str) -> Job: ...

    def retry(self, job_id: str) -> Job: ...
