"""An engine whose work is done by a service over HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from encoders.errors import InvalidInputError
from encoders.types import Span
from retriever.context.types import Context, Verification
from retriever.embedded import polling_pauses
from retriever.errors import NotOfferedError, ServiceError, TooLargeError
from retriever.profile import SearchProfile
from retriever.remote.batches import Batch, batches, joined
from retriever.remote.transport import Call, HttpTransport
from retriever.remote.uploads import LocalFile, find_local
from retriever.types import (
    Alias,
    CollectionInfo,
    DocumentExplanation,
    DocumentHit,
    DocumentInfo,
    DocumentPage,
    FacetValue,
    IndexReport,
    ItemOutcome,
    Job,
    Judgement,
    ModelInfo,
    Progress,
    Resolution,
    SearchMeta,
    SearchResult,
    SyncReport,
    TextScores,
    UnreadItem,
    Vectors,
    Warned,
)
from retriever.wire import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from encoders.types import Document, TextKind
    from indexers.diagnosis import Diagnosis
    from indexers.remote_settings import RemoteSettings
    from retriever.context.material import Material
    from retriever.context.types import CitationRef, ContextOptions
    from retriever.options import FacetOptions, ListOptions
    from retriever.types import (
        BackupReport,
        CopyReport,
        Estimate,
        GarbageReport,
        JobKind,
        MigrationReport,
        PurgeReceipt,
        Retention,
        SearchOptions,
    )

T = TypeVar("T")

_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page(Generic[T]):
    data: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    data: tuple[DocumentHit, ...]
    meta: SearchMeta
    next_cursor: str | None = None
    facets: Mapping[str, tuple[FacetValue, ...]] = field(default_factory=dict)
    answerable: float | None = None
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deleted:
    deleted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    text: str


class HttpEngine:
    """Asks a service for one of its collections (`retriever.protocols.QueueingEngine`).

    Args:
        transport: closed with the engine.
        collection: name of the collection.
    """

    def __init__(self, transport: HttpTransport, *, collection: str) -> None:
        self._transport = transport
        self._collection = collection
        self._at = f"/v1/collections/{quote(collection, safe='')}"

    def index(
        self,
        paths: Sequence[str],
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IndexReport:
        """Send files and folders of this machine and wait until they are indexed."""
        _no_ocr(ocr)
        started = time.monotonic()
        found = find_local(paths)
        reports = [IndexReport(skipped=found.skipped, failed=found.failed)]
        for files in found.uploads():
            job = self._wait(self._upload(files), _onwards(progress, reports, len(found.files)))
            reports.append(_report(job))
        return joined(reports, seconds=time.monotonic() - started)

    def sync(
        self,
        folder: str,
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> SyncReport:
        """Refuse: the service knows nothing of this machine's folders."""
        raise NotOfferedError(
            "a service syncs folders of its own machine: submit([folder], sync=True) asks it to, with the "
            "folder's path there; index sends files of this machine, and delete removes documents"
        )

    def add(
        self, documents: Iterable[Document], *, progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Index documents that are already text, some at a time as they are asked for."""
        started = time.monotonic()
        reports = [IndexReport()]
        for batch in batches(documents):
            reports.append(self._add(batch))
            if progress is not None:
                done = joined(reports, seconds=0)
                items = sum(len(getattr(done, name)) for name in _OUTCOMES)
                current = batch.ids[-1] if batch.ids else ""
                progress(Progress(items=items, total=None, tokens_read=done.tokens_read, current=current))
        return joined(reports, seconds=time.monotonic() - started)

    def search(self, options: SearchOptions) -> SearchResult:
        """Find documents and the spans in them that answer a query."""
        _no_mandatory(options.mandatory)
        found = self._post("/search", _Found, _given(options))
        rest = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "data"}
        return SearchResult(query=options.query, hits=found.data, **rest)

    def gather(self, options: ContextOptions) -> Material:
        """Refuse: a tokenizer or template that is an object of the caller's cannot be sent."""
        raise NotOfferedError(
            "a service makes contexts with tokenizers that it has and templates that are text: give the "
            "name of a tokenizer that it lists, and the template as a string"
        )

    def context(self, options: ContextOptions) -> Context:
        """Make the part of a prompt that holds the sources."""
        _no_mandatory(options.search.get("mandatory"))
        given = _given(options)
        given["query"] = given.pop("queries", ())
        return self._post("/context", Context, given)

    def verify(self, answer: str, citations: Sequence[CitationRef], *, citation: str) -> Verification:
        """Map what an answer quotes back to spans."""
        body = {"answer": answer, "citations": list(citations), "citation": citation}
        return self._post("/verify", Verification, body)

    def explain(self, options: SearchOptions, doc_id: str) -> DocumentExplanation:
        """Say where a document stands in the answer to a search."""
        _no_mandatory(options.mandatory)
        return self._post("/explain", DocumentExplanation, {**_given(options), "document_id": doc_id})

    def facets(
        self,
        fields: Sequence[FacetOptions],
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
    ) -> dict[str, tuple[FacetValue, ...]]:
        """Count the documents that match per value of each field."""
        _no_mandatory(mandatory)
        body = _present({"facets": list(fields), "filter": filter})
        return self._post("/facets", dict[str, tuple[FacetValue, ...]], body)

    def profiles(self) -> dict[str, SearchProfile]:
        """Return the search profiles of the collection by name."""
        return self._get("/profiles", dict[str, SearchProfile])

    def save_profile(self, name: str, profile: SearchProfile) -> SearchProfile:
        """Keep search settings with the collection under a name."""
        path = f"{self._at}/profiles/{quote(name, safe='')}"
        call = Call(method="PUT", path=path, answer=SearchProfile, body=profile, changes=True)
        return self._transport.send(call)

    def delete_profile(self, name: str) -> None:
        """Forget a search profile."""
        path = f"{self._at}/profiles/{quote(name, safe='')}"
        self._transport.send(Call(method="DELETE", path=path, answer=_Deleted, changes=True))

    def feedback(
        self, request_id: str, doc_id: str, *, useful: bool, mandatory: Mapping[str, Any] | None = None
    ) -> Judgement:
        """Keep what was said of a document under an answer."""
        _no_mandatory(mandatory)
        body = {"request_id": request_id, "document_id": doc_id, "useful": useful}
        return self._post("/feedback", Judgement, body, changes=True)

    def judgements(self) -> list[Judgement]:
        """Return all that was said of answers."""
        return self._pages(f"{self._at}/feedback", _Page[Judgement], limit=None)

    def get(self, doc_id: str, *, mandatory: Mapping[str, Any] | None = None) -> DocumentInfo:
        """Return a document without its text."""
        _no_mandatory(mandatory)
        return self._get("/document", DocumentInfo, id=doc_id)

    def text(
        self,
        doc_id: str,
        start: int = 0,
        end: int | None = None,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the code points ``[start, end)`` of a document."""
        _no_mandatory(mandatory)
        Span(start, start if end is None else end)  # raises what the embedded engine raises
        return self._get("/text", _Text, id=doc_id, start=start, end=end).text

    def resolve(self, evidence_id: str, *, mandatory: Mapping[str, Any] | None = None) -> Resolution:
        """Find where the words of an earlier answer are now."""
        _no_mandatory(mandatory)
        return self._get("/resolve", Resolution, evidence_id=evidence_id)

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
        _no_mandatory(mandatory)
        Span(start, end)
        return self._get("/resolve", Resolution, id=doc_id, version=version, start=start, end=end)

    def documents(self, options: ListOptions) -> DocumentPage:
        """Return documents by id; a page of the service may be shorter than asked."""
        _no_mandatory(options.mandatory)
        where = None if options.filter is None else encode(options.filter).decode()
        page = self._get(
            "/documents",
            _Page[DocumentInfo],
            limit=min(options.limit, _PAGE),
            cursor=options.cursor,
            filter=where,
            coverage_lt=options.coverage_lt,
        )
        return DocumentPage(documents=page.data, next_cursor=page.next_cursor)

    def unread(self) -> list[UnreadItem]:
        """Return the files that could not be read, by id."""
        return self._pages(f"{self._at}/unread", _Page[UnreadItem])

    def delete(
        self,
        doc_ids: Sequence[str],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Delete documents and return the ids that were there."""
        _no_mandatory(mandatory)
        body = {"ids": list(doc_ids), "if_version": if_version, "if_revision": if_revision}
        return list(self._post("/documents/delete", _Deleted, _present(body), changes=True).deleted)

    def delete_where(
        self, where: Mapping[str, Any], *, mandatory: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Delete the documents that match a filter."""
        _no_mandatory(mandatory)
        found = self._post("/documents/delete", _Deleted, {"filter": dict(where)}, changes=True)
        return list(found.deleted)

    def patch(
        self,
        doc_id: str,
        metadata: Mapping[str, Any],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> DocumentInfo:
        """Change the metadata of a document."""
        _no_mandatory(mandatory)
        call = Call(
            method="PATCH",
            path=f"{self._at}/document",
            answer=DocumentInfo,
            params={"id": doc_id},
            body={"metadata": dict(metadata)},
            headers=_if_match(if_version, if_revision),
            changes=True,
        )
        return self._transport.send(call)

    def estimate(self, paths: Sequence[str]) -> Estimate:
        """Refuse: it measures the machine that indexes, by files that are there."""
        raise _elsewhere("index --estimate")

    def retain(self, *, versions: int | None, days: float | None) -> Retention:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("retain")

    def retention(self) -> Retention:
        """Refuse: it is done where the store is."""
        raise _elsewhere("retention")

    def purge(self, doc_ids: Sequence[str]) -> PurgeReceipt:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("purge")

    def collect_garbage(self) -> GarbageReport:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("tidy")

    def doctor(
        self, *, repair: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Diagnosis:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("doctor")

    def copy_to(
        self,
        target: str,
        *,
        collections: Sequence[str],
        remote: RemoteSettings | None,
        progress: Callable[[Progress], None] | None,
    ) -> CopyReport:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("copy")

    def migrate(
        self, encoder: str, *, switch: bool, progress: Callable[[Progress], None] | None
    ) -> MigrationReport:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("migrate")

    def drop_predecessors(self) -> list[str]:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("migrate --drop-old")

    def back_up(self, target: str) -> BackupReport:
        """Refuse: the operator of the service does it."""
        raise _elsewhere("backup")

    def submit(self, kind: JobKind, paths: Sequence[str], *, ocr: str | None = None) -> Job:
        """Send files and folders to be indexed, or name a folder of the service's machine to sync."""
        _no_ocr(ocr)
        if kind == "sync":
            [folder] = paths
            return self._post("/sync", Job, {"folder": folder}, changes=True)
        found = find_local(paths)
        if found.failed:
            first = found.failed[0]
            raise InvalidInputError(
                f"{len(found.failed)} files cannot be sent, such as {first.id!r}: {first.reason}; "
                "nothing was sent"
            )
        return self._upload(found.files)

    def jobs(self) -> list[Job]:
        """Return all jobs that the key may see, the oldest first."""
        return self._pages("/v1/jobs", _Page[Job])[::-1]

    def job(self, job_id: str) -> Job:
        """Return a job with its progress."""
        return self._transport.send(Call(method="GET", path=_job(job_id), answer=Job))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job."""
        return self._transport.send(
            Call(method="POST", path=f"{_job(job_id)}/cancel", answer=Job, changes=True)
        )

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again."""
        return self._transport.send(
            Call(method="POST", path=f"{_job(job_id)}/retry", answer=Job, changes=True)
        )

    def collections(self) -> list[str]:
        """Return the names of the collections that the key may read."""
        return [info.name for info in self._pages("/v1/collections", _Page[CollectionInfo], limit=None)]

    def aliases(self) -> list[Alias]:
        """Return the aliases of the collections that the key may read."""
        return self._pages("/v1/aliases", _Page[Alias], limit=None)

    def set_alias(self, alias: str, collection: str) -> Alias:
        """Let a further name mean a collection."""
        body = {"collection": collection}
        return self._transport.send(
            Call(method="PUT", path=_alias(alias), answer=Alias, body=body, changes=True)
        )

    def remove_alias(self, alias: str) -> None:
        """Forget an alias."""
        self._transport.send(Call(method="DELETE", path=_alias(alias), answer=_Deleted, changes=True))

    def model(self) -> ModelInfo:
        """Describe the service's encoder."""
        return self._transport.send(Call(method="GET", path="/v1/model", answer=ModelInfo))

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
        """Embed texts with the service's encoder."""
        body = {
            "texts": list(texts),
            "tokens": [list(one) for one in tokens],
            "kind": kind,
            "dimensions": dimensions,
            "late_chunking": late_chunking,
        }
        return self._transport.send(
            Call(method="POST", path="/v1/embed", answer=Vectors, body=_present(body), long=True)
        )

    def score(self, query: str, texts: Sequence[str], *, max_tokens: int | None = None) -> TextScores:
        """Score texts against a query with the service's encoder."""
        body = {"query": query, "texts": list(texts)}
        return self._transport.send(
            Call(method="POST", path="/v1/score", answer=TextScores, body=body, long=True)
        )

    def describe(self, *, mandatory: Mapping[str, Any] | None = None) -> CollectionInfo:
        """Tell what is in the collection."""
        _no_mandatory(mandatory)
        return self._get("", CollectionInfo)

    def create(self) -> CollectionInfo:
        """Make the collection for the service's encoder."""
        return self._transport.send(
            Call(method="PUT", path=self._at, answer=CollectionInfo, changes=True, long=True)
        )

    def drop(self) -> None:
        """Delete the collection with all its documents."""
        self._transport.send(Call(method="DELETE", path=self._at, answer=_Deleted, changes=True, long=True))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _add(self, batch: Batch) -> IndexReport:
        if not batch.documents:
            return IndexReport(failed=batch.failed)
        try:
            body = {"documents": batch.documents}
            report = self._post("/documents", IndexReport, body, changes=True, long=True)
        except TooLargeError as error:
            if len(batch.ids) > 1:
                raise
            report = IndexReport(failed=(ItemOutcome(id=batch.ids[0], reason=str(error)),))
        return replace(report, failed=(*batch.failed, *report.failed))

    def _upload(self, files: Sequence[LocalFile]) -> Job:
        if not files:
            raise InvalidInputError("there is no file to index under the paths given")
        return self._transport.send(
            Call(method="POST", path=f"{self._at}/files", answer=Job, files=files, changes=True, long=True)
        )

    def _wait(self, job: Job, progress: Callable[[Progress], None] | None) -> Job:
        pauses = polling_pauses()
        while job.state in ("queued", "running"):
            if progress is not None and job.progress is not None:
                progress(job.progress)
            time.sleep(next(pauses))
            job = self.job(job.id)
        if progress is not None and job.progress is not None:
            progress(job.progress)
        return job

    def _get(self, path: str, answer: type[T], **params: str | float | None) -> T:
        return self._transport.send(Call(method="GET", path=self._at + path, answer=answer, params=params))

    def _post(self, path: str, answer: type[T], body: Any, *, changes: bool = False, long: bool = False) -> T:
        call = Call(method="POST", path=self._at + path, answer=answer, body=body, changes=changes, long=long)
        return self._transport.send(call)

    def _pages(self, path: str, answer: type[_Page[T]], *, limit: int | None = _PAGE) -> list[T]:
        found: list[T] = []
        cursor: str | None = None
        while True:
            params = {"limit": limit, "cursor": cursor}
            page = self._transport.send(Call(method="GET", path=path, answer=answer, params=params))
            found += page.data
            if (cursor := page.next_cursor) is None:
                return found


_OUTCOMES = ("added", "updated", "unchanged", "skipped", "failed")


def _given(options: SearchOptions | ContextOptions) -> dict[str, Any]:
    """Return what the caller set; the rest is the service's to fill in."""
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    usual = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(options)
    }
    return {name: value for name, value in given.items() if value != usual[name]}


def _no_ocr(ocr: str | None) -> None:
    """Refuse what a service decides by itself.

    Raises:
        NotOfferedError: languages were given.
    """
    if ocr is not None:
        raise NotOfferedError("whether a service reads pictures of text is set where it runs: LONGDOC_OCR")


def _no_mandatory(where: Mapping[str, Any] | None) -> None:
    """Refuse what would look like a right and be none.

    Raises:
        NotOfferedError: a filter was given.
    """
    if where is not None:
        raise NotOfferedError(
            "over HTTP the mandatory filter is that of the API key: make a key with a filter "
            "(longdoc keys), or join the two by $and in filter"
        )


def _present(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _if_match(version: int | None, revision: int | None) -> dict[str, str]:
    if version is None and revision is None:
        return {}
    if version is None:
        raise InvalidInputError("over HTTP if_revision goes with if_version")
    return {"If-Match": f'"{version}"' if revision is None else f'"{version}.{revision}"'}


def _alias(name: str) -> str:
    return f"/v1/aliases/{quote(name, safe='')}"


def _job(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _report(job: Job) -> IndexReport:
    if job.report is None:
        raise ServiceError(f"the job {job.id} is {job.state}: {job.error or 'it has no report'}", job=job.id)
    return job.report


def _onwards(
    progress: Callable[[Progress], None] | None, before: Sequence[IndexReport], total: int
) -> Callable[[Progress], None] | None:
    """Count on from the uploads before this one."""
    if progress is None:
        return None
    done = joined(before[1:], seconds=0)  # the first one is of what was not sent
    items = sum(len(getattr(done, name)) for name in _OUTCOMES)

    def tell(told: Progress) -> None:
        progress(
            replace(
                told, items=items + told.items, total=total, tokens_read=done.tokens_read + told.tokens_read
            )
        )

    return tell


def _elsewhere(what: str) -> NotOfferedError:
    return NotOfferedError(
        f"a service does not do this over HTTP; run `longdoc {what}` on the machine of the store", what=what
    )
