"""An engine whose work is done by the store's process."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from indexers.diagnosis import Diagnosis
from indexers.errors import ClosedError, DiskSpaceError, StorageError
from indexers.layout import SPARE_BYTES, claim
from retriever import __version__
from retriever.context.types import Context, Verification
from retriever.errors import OwnerLostError
from retriever.options import OCR_VARIABLE
from retriever.owner.messages import Call, Reply
from retriever.owner.sending import Sending
from retriever.owner.starting import connect
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
    Judgement,
    MigrationReport,
    ModelInfo,
    PurgeReceipt,
    Resolution,
    Retention,
    SearchResult,
    SyncReport,
    TextScores,
    UnreadItem,
    Vectors,
)
from retriever.wire import decode, encode, error_from_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from encoders.types import Document, TextKind
    from indexers.remote_settings import RemoteSettings
    from retriever.context.material import Material
    from retriever.context.types import CitationRef, ContextOptions
    from retriever.options import FacetOptions, ListOptions
    from retriever.types import JobKind, Progress, SearchOptions

T = TypeVar("T")

_TRIES = 3


class OwnedEngine:
    """Asks the process that owns a store, starting it when there is none (`retriever.protocols.Engine`).

    Reading calls and indexing of files are tried again when the process dies under
    them: they can be repeated without harm.

    Args:
        store: the store's folder.
        collection: name of the collection.
        encoder: name or folder of a model that the process can load.
        remote: keep vectors in a Qdrant server.
    """

    def __init__(
        self, store: Path, *, collection: str, encoder: str, remote: RemoteSettings | None = None
    ) -> None:
        self._store = store.absolute()
        self._collection = collection
        self._encoder = encoder
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._highlighting = threading.Lock()
        self._closed = False
        claim(self._store, remote)
        self._give_back(connect(self._store))

    def index(
        self,
        paths: Sequence[str],
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> IndexReport:
        """Index files, folders, archives, git revisions and URLs."""
        return self._call("index", IndexReport, progress=progress, paths=list(paths), ocr=_languages(ocr))

    def sync(
        self,
        folder: str,
        *,
        ocr: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> SyncReport:
        """Make the documents that came from ``folder`` equal to its files."""
        return self._call("sync", SyncReport, progress=progress, folder=folder, ocr=_languages(ocr))

    def add(
        self, documents: Iterable[Document], *, progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Index documents that are already text; they are sent one by one as they are asked for."""
        connection = self._take()
        sending = Sending(connection, documents)
        try:
            connection.send_bytes(encode(self._message("add", {})))
            sending.start()
            report = self._receive(connection, IndexReport, progress)
        except BaseException as error:
            sending.give_up()
            if isinstance(error, EOFError | ConnectionError):
                raise self._lost() from error
            if sending.broke is not None:
                raise sending.broke from error
            raise
        sending.finish()
        self._give_back(connection)
        return report

    def search(self, options: SearchOptions) -> SearchResult:
        """Find documents and the spans in them that answer a query."""
        from retriever.highlighting import Unhighlighted, highlight

        found = self._call("find", Unhighlighted, options=options)
        with self._highlighting:  # many threads that compute keep an event loop beside them waiting
            return highlight(found, options)

    def gather(self, options: ContextOptions) -> Material:
        """Find what a context can be made of."""
        from retriever.context.material import Material

        return self._call("gather", Material, options=asdict(options))

    def context(self, options: ContextOptions) -> Context:
        """Make the part of a prompt that holds the sources."""
        return self._call("context", Context, options=asdict(options))

    def verify(self, answer: str, citations: Sequence[CitationRef], *, citation: str) -> Verification:
        """Map what an answer quotes back to spans."""
        given = [asdict(one) for one in citations]
        return self._call("verify", Verification, answer=answer, citations=given, citation=citation)

    def explain(self, options: SearchOptions, doc_id: str) -> DocumentExplanation:
        """Say where a document stands in the answer to a search, and if nowhere, why."""
        return self._call("explain", DocumentExplanation, options=options, doc_id=doc_id)

    def facets(
        self,
        fields: Sequence[FacetOptions],
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
        mandatory: Mapping[str, Any] | None = None,
    ) -> dict[str, tuple[FacetValue, ...]]:
        """Count the documents that match per value of each field."""
        kind = dict[str, tuple[FacetValue, ...]]
        return self._call("facets", kind, fields=list(fields), filter=filter, mandatory=mandatory)

    def profiles(self) -> dict[str, SearchProfile]:
        """Return the search profiles of the collection by name."""
        return self._call("profiles", dict[str, SearchProfile])

    def save_profile(self, name: str, profile: SearchProfile) -> SearchProfile:
        """Keep search settings with the collection."""
        return self._call("save_profile", SearchProfile, name=name, profile=profile)

    def delete_profile(self, name: str) -> None:
        """Forget search settings."""
        self._call("delete_profile", type(None), name=name)

    def feedback(
        self, request_id: str, doc_id: str, *, useful: bool, mandatory: Mapping[str, Any] | None = None
    ) -> Judgement:
        """Keep what was said of a document under an answer."""
        return self._call(
            "feedback", Judgement, request_id=request_id, doc_id=doc_id, useful=useful, mandatory=mandatory
        )

    def judgements(self) -> list[Judgement]:
        """Return all that was said of answers."""
        return self._call("judgements", list[Judgement])

    def get(self, doc_id: str, *, mandatory: Mapping[str, Any] | None = None) -> DocumentInfo:
        """Return a document without its text."""
        return self._call("get", DocumentInfo, doc_id=doc_id, mandatory=mandatory)

    def text(
        self,
        doc_id: str,
        start: int = 0,
        end: int | None = None,
        *,
        mandatory: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the code points ``[start, end)`` of a document."""
        return self._call("text", str, doc_id=doc_id, start=start, end=end, mandatory=mandatory)

    def resolve(self, evidence_id: str, *, mandatory: Mapping[str, Any] | None = None) -> Resolution:
        """Find where the words of an earlier answer are now."""
        return self._call("resolve", Resolution, evidence_id=evidence_id, mandatory=mandatory)

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
        return self._call(
            "resolve_span",
            Resolution,
            doc_id=doc_id,
            version=version,
            start=start,
            end=end,
            mandatory=mandatory,
        )

    def documents(self, options: ListOptions) -> DocumentPage:
        """Return documents by id, page by page."""
        return self._call("documents", DocumentPage, options=options)

    def unread(self) -> list[UnreadItem]:
        """Return the files that could not be read, by id."""
        return self._call("unread", list[UnreadItem])

    def delete(
        self,
        doc_ids: Sequence[str],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Delete documents and return the ids that were there."""
        return self._call(
            "delete",
            list[str],
            doc_ids=list(doc_ids),
            if_version=if_version,
            if_revision=if_revision,
            mandatory=mandatory,
        )

    def delete_where(
        self, where: Mapping[str, Any], *, mandatory: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Delete the documents that match a filter and return their ids."""
        return self._call("delete_where", list[str], where=where, mandatory=mandatory)

    def patch(
        self,
        doc_id: str,
        metadata: Mapping[str, Any],
        *,
        if_version: int | None = None,
        if_revision: int | None = None,
        mandatory: Mapping[str, Any] | None = None,
    ) -> DocumentInfo:
        """Change metadata by a JSON merge patch; one with a condition is not tried again: it would fail."""
        conditional = (if_version, if_revision) != (None, None)
        return self._call(
            "patch",
            DocumentInfo,
            doc_id=doc_id,
            metadata=metadata,
            if_version=if_version,
            if_revision=if_revision,
            mandatory=mandatory,
            _tries=1 if conditional else _TRIES,
        )

    def estimate(self, paths: Sequence[str]) -> Estimate:
        """Say what indexing files and folders will take."""
        return self._call("estimate", Estimate, paths=list(paths))

    def retain(self, *, versions: int | None, days: float | None) -> Retention:
        """Keep earlier versions so long from now on."""
        return self._call("retain", Retention, versions=versions, days=days)

    def retention(self) -> Retention:
        """Return how long earlier versions are kept."""
        return self._call("retention", Retention)

    def purge(self, doc_ids: Sequence[str]) -> PurgeReceipt:
        """Remove documents for good; not tried again, for the receipt would be another one."""
        return self._call("purge", PurgeReceipt, doc_ids=list(doc_ids), _tries=1)

    def collect_garbage(self) -> GarbageReport:
        """Remove pages of text that nothing points at."""
        return self._call("collect_garbage", GarbageReport)

    def doctor(
        self, *, repair: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Diagnosis:
        """Check what the collection promises, and mend it when asked."""
        return self._call("doctor", Diagnosis, progress=progress, repair=repair)

    def submit(self, kind: JobKind, paths: Sequence[str], *, ocr: str | None = None) -> Job:
        """Queue indexing that goes on without this caller."""
        return self._call("submit", Job, kind=kind, paths=list(paths), ocr=_languages(ocr))

    def jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        return self._call("jobs", list[Job])

    def job(self, job_id: str) -> Job:
        """Return a job."""
        return self._call("job", Job, job_id=job_id)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job."""
        return self._call("cancel", Job, job_id=job_id)

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again."""
        return self._call("retry", Job, job_id=job_id)

    def copy_to(
        self,
        target: str,
        *,
        collections: Sequence[str] = (),
        remote: RemoteSettings | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> CopyReport:
        """Copy collections of the store into another one."""
        settings = asdict(remote) if remote else None
        return self._call(
            "copy_to",
            CopyReport,
            progress=progress,
            target=target,
            collections=list(collections),
            remote=settings,
        )

    def migrate(
        self, encoder: str, *, switch: bool = True, progress: Callable[[Progress], None] | None = None
    ) -> MigrationReport:
        """Embed the collection anew with another encoder."""
        return self._call("migrate", MigrationReport, progress=progress, encoder=encoder, switch=switch)

    def drop_predecessors(self) -> list[str]:
        """Remove collections that a migration has left behind."""
        return self._call("drop_predecessors", list[str])

    def back_up(self, target: str) -> BackupReport:
        """Write the store to one file."""
        return self._call("back_up", BackupReport, target=target)

    def collections(self) -> list[str]:
        """Return the names of the store's collections."""
        return self._call("collections", list[str])

    def aliases(self) -> list[Alias]:
        """Return the aliases of the store, by name."""
        return self._call("aliases", list[Alias])

    def set_alias(self, alias: str, collection: str) -> Alias:
        """Let a further name mean a collection."""
        return self._call("set_alias", Alias, alias=alias, collection=collection)

    def remove_alias(self, alias: str) -> None:
        """Forget an alias; not tried again, for it would not be there."""
        self._call("remove_alias", type(None), alias=alias, _tries=1)

    def model(self) -> ModelInfo:
        """Say which encoder this is."""
        return self._call("model", ModelInfo)

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
        return self._call(
            "embed",
            Vectors,
            texts=texts,
            tokens=tokens,
            kind=kind,
            dimensions=dimensions,
            late_chunking=late_chunking,
            max_tokens=max_tokens,
        )

    def score(self, query: str, texts: Sequence[str], *, max_tokens: int | None = None) -> TextScores:
        """Score texts against a query."""
        return self._call("score", TextScores, query=query, texts=texts, max_tokens=max_tokens)

    def describe(self, *, mandatory: Mapping[str, Any] | None = None) -> CollectionInfo:
        """Tell what is in the collection."""
        return self._call("describe", CollectionInfo, mandatory=mandatory)

    def create(self) -> CollectionInfo:
        """Make the collection for this encoder unless it is there."""
        return self._call("create", CollectionInfo)

    def drop(self) -> None:
        """Delete the collection with all its documents."""
        self._call("drop", type(None))

    def close(self) -> None:
        """Hang up; the process lingers for others."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for connection in idle:
            connection.close()

    def _call(
        self,
        method: str,
        answer_type: type[T],
        /,
        *,
        progress: Callable[[Progress], None] | None = None,
        _tries: int = _TRIES,
        **arguments: Any,
    ) -> T:
        message = encode(self._message(method, arguments))
        for _ in range(_tries):
            try:
                return self._ask(message, answer_type, progress)
            except (EOFError, ConnectionError):
                self._hang_up()
        raise self._lost()

    def _ask(self, message: bytes, answer_type: type[T], progress: Callable[[Progress], None] | None) -> T:
        connection = self._take()
        try:
            connection.send_bytes(message)
            answer = self._receive(connection, answer_type, progress)
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return answer

    def _message(self, method: str, arguments: dict[str, Any]) -> Call:
        return Call(method=method, collection=self._collection, encoder=self._encoder, arguments=arguments)

    def _receive(
        self, connection: Connection, kind: type[T], progress: Callable[[Progress], None] | None
    ) -> T:
        while True:
            try:
                data = connection.recv_bytes()
            except OSError as error:  # it ended in the middle of a message
                raise ConnectionResetError from error
            reply = decode(data, Reply)
            if reply.error is not None:
                raise error_from_wire(reply.error)
            if reply.done:
                return msgspec.convert(reply.result, kind, strict=False)
            if progress is not None and reply.progress is not None:
                progress(reply.progress)

    def _take(self) -> Connection:
        with self._lock:
            if self._closed:
                raise ClosedError("this retriever is closed; open it again")
            if self._idle:
                return self._idle.pop()
        return connect(self._store)

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _hang_up(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _lost(self) -> StorageError:
        free = shutil.disk_usage(self._store).free
        if free < SPARE_BYTES:
            return DiskSpaceError(
                f"the process that owns {self._store} ended during the call and its disk is full "
                f"({free >> 20} MiB are free, {SPARE_BYTES >> 20} are needed); what it acknowledged is safe, "
                "free some space and try again",
                free=free,
                needed=SPARE_BYTES,
            )
        return OwnerLostError(
            f"the process that owns {self._store} ended during the call; what it acknowledged is safe. "
            f"Its last words are in {self._store / 'owner.log'}; try again",
            store=str(self._store),
            version=__version__,
        )


def _languages(ocr: str | None) -> str:
    """Return what this process asks for: the store's own may have been started with another environment."""
    return os.environ.get(OCR_VARIABLE, "") if ocr is None else ocr
