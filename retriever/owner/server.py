"""The owner: a program of its own that holds a store and serves callers.

    python -m retriever.owner STORE [--linger SECONDS]

It ends when nobody has been connected for the time given, after flushing. SIGTERM
does the same at once.
"""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import signal
import threading
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection, Listener
from typing import TYPE_CHECKING, Any

import msgspec

from encoders.opening import SharedEncoder
from indexers.durable import write_replacing
from indexers.ingest import Unreadable
from indexers.remote_settings import RemoteSettings
from indexers.store import Store
from retriever import __version__
from retriever.context.types import CitationRef, ContextOptions
from retriever.engine import LocalEngine
from retriever.options import FacetOptions, ListOptions, SearchOptions
from retriever.owner.address import OwnerAddress, address_file, socket_path
from retriever.owner.jobs import JobQueue
from retriever.owner.messages import PROTOCOL, Call, Hello, Item, Reply, Welcome
from retriever.profile import SearchProfile
from retriever.wire import convert, decode, encode, error_to_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from encoders.types import Document
    from indexers.report import IndexReport, Progress
    from retriever.types import Job

logger = logging.getLogger(__name__)

LINGER_S = 300.0
_ARENA_MAX = -8  # of mallopt(3)
_TICK_S = 0.2
_TRIM_S = 20.0


class Owner:
    """Holds a store and answers callers, each on a thread.

    Args:
        path: the store's folder.
        linger_s: seconds without callers after which `serve` returns.

    Raises:
        StoreLockedError: another process has the store.
    """

    def __init__(self, path: Path, *, linger_s: float = LINGER_S) -> None:
        self._path = path
        self._linger_s = linger_s
        self._store = Store(path, shares=True)
        self._engines: dict[tuple[str, str], LocalEngine] = {}
        self._encoders: dict[str, SharedEncoder] = {}
        self._lock = threading.Lock()
        self._callers = 0
        self._make_room = False  # a caller of another version, or one who wants the store, waits for the end
        self._last_seen = time.monotonic()
        self._stop = threading.Event()
        self._jobs = JobQueue(path / "jobs", self._work)

    def serve(self) -> None:
        """Listen until idle for long enough or told to stop; then flush and let go."""
        socket = socket_path(self._path)
        with Listener(str(socket), family="AF_UNIX", backlog=64) as listener:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            address = OwnerAddress(
                pid=os.getpid(),
                socket=str(socket),
                version=__version__,
                started=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            write_replacing(address_file(self._path), encode(address))
            logger.info("serving %s on %s", self._path, socket)
            try:
                trimmed = time.monotonic()
                while not self._stop.wait(_TICK_S) and not self._idle():
                    if time.monotonic() - trimmed > _TRIM_S:
                        _call_libc("malloc_trim", 0)  # what batches of documents took is not needed for long
                        trimmed = time.monotonic()
            finally:
                address_file(self._path).unlink(missing_ok=True)
                self._jobs.stop()
                self._store.close()
                logger.info("closed %s", self._path)

    def stop(self) -> None:
        """Make `serve` return."""
        self._stop.set()

    def _idle(self) -> bool:
        with self._lock:
            waited = time.monotonic() - self._last_seen > self._linger_s
            return self._callers == 0 and not self._jobs.active and (waited or self._make_room)

    def _accept(self, listener: Listener) -> None:
        while not self._stop.is_set():
            try:
                connection = listener.accept()
            except OSError:  # closed at the end
                return
            with self._lock:
                self._callers += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: Connection) -> None:
        try:
            with connection:
                if self._greet(connection):
                    while True:
                        self._answer(connection, decode(connection.recv_bytes(), Call))
        except (EOFError, ConnectionError):
            pass  # the caller left
        except ValueError:
            logger.exception("a caller does not speak the protocol")
        finally:
            with self._lock:
                self._callers -= 1
                self._last_seen = time.monotonic()

    def _greet(self, connection: Connection) -> bool:
        hello = decode(connection.recv_bytes(), Hello)
        same = (hello.protocol, hello.version) == (PROTOCOL, __version__)
        accepted = same and not hello.wants_store
        welcome = Welcome(protocol=PROTOCOL, version=__version__, pid=os.getpid(), accepted=accepted)
        connection.send_bytes(encode(welcome))
        if not accepted:
            self._make_room = True
        return accepted

    def _answer(self, connection: Connection, call: Call) -> None:
        def tell(progress: Progress) -> None:
            connection.send_bytes(encode(Reply(progress=progress)))

        try:
            result = self._dispatch(call, _documents(connection), tell)
        except (EOFError, ConnectionError):
            raise  # the caller left in the middle; what was committed stays
        except Exception as error:  # every failure is the caller's to hear
            wire = error_to_wire(error)
            if wire.code == "internal" and not isinstance(error, _SourceBrokeError):
                logger.exception("%s failed", call.method)
            connection.send_bytes(encode(Reply(error=wire, done=True)))
            if call.method == "add" and not isinstance(error, _SourceBrokeError):
                _drain(connection)
        else:
            connection.send_bytes(encode(Reply(result=result, done=True)))

    def _dispatch(
        self, call: Call, documents: Iterator[Document | Unreadable], tell: Callable[[Progress], None]
    ) -> Any:
        collection = self._store.meant(call.collection)  # all of the call is about one, if it is an alias
        engine, given = self._engine(collection, call.encoder), call.arguments
        match call.method:
            case "find":
                return engine.find(convert(given["options"], SearchOptions))
            case "context":
                return engine.context(msgspec.convert(given["options"], ContextOptions, strict=False))
            case "gather":
                return engine.gather(msgspec.convert(given["options"], ContextOptions, strict=False))
            case "verify":
                refs = msgspec.convert(given["citations"], list[CitationRef])
                return engine.verify(given["answer"], refs, citation=given["citation"])
            case "explain":
                return engine.explain(convert(given["options"], SearchOptions), given["doc_id"])
            case "facets":
                given["fields"] = convert(given["fields"], list[FacetOptions])
                return engine.facets(**given)
            case "profiles":
                return engine.profiles()
            case "save_profile":
                return engine.save_profile(given["name"], convert(given["profile"], SearchProfile))
            case "delete_profile":
                return engine.delete_profile(given["name"])
            case "index":
                return engine.index(given["paths"], ocr=given["ocr"], progress=tell)
            case "sync":
                return engine.sync(given["folder"], ocr=given["ocr"], progress=tell)
            case "add":
                return engine.add(documents, progress=tell)
            case "feedback":
                return engine.feedback(**given)
            case "judgements":
                return engine.judgements()
            case "get":
                return engine.get(**given)
            case "text":
                return engine.text(**given)
            case "resolve":
                return engine.resolve(**given)
            case "resolve_span":
                return engine.resolve_span(**given)
            case "documents":
                return engine.documents(convert(given["options"], ListOptions))
            case "unread":
                return engine.unread()
            case "delete":
                return engine.delete(**given)
            case "delete_where":
                return engine.delete_where(**given)
            case "patch":
                return engine.patch(**given)
            case "estimate":
                return engine.estimate(given["paths"])
            case "retain":
                return engine.retain(**given)
            case "retention":
                return engine.retention()
            case "purge":
                return engine.purge(given["doc_ids"])
            case "collect_garbage":
                return engine.collect_garbage()
            case "submit":
                paths = tuple(given["paths"])
                return self._jobs.submit(
                    given["kind"],
                    paths,
                    collection=collection,
                    encoder=call.encoder,
                    ocr=given["ocr"],
                )
            case "jobs":
                return self._jobs.jobs()
            case "job":
                return self._jobs.job(given["job_id"])
            case "cancel":
                return self._jobs.cancel(given["job_id"])
            case "retry":
                return self._jobs.retry(given["job_id"])
            case "copy_to":
                remote = RemoteSettings.from_json(given["remote"]) if given["remote"] else None
                return engine.copy_to(
                    given["target"], collections=given["collections"], remote=remote, progress=tell
                )
            case "migrate":
                return engine.migrate(given["encoder"], switch=given["switch"], progress=tell)
            case "drop_predecessors":
                return engine.drop_predecessors()
            case "back_up":
                return engine.back_up(given["target"])
            case "doctor":
                return engine.doctor(repair=given["repair"], progress=tell)
            case "model":
                return engine.model()
            case "embed":
                return engine.embed(**given)
            case "score":
                return engine.score(**given)
            case "describe":
                return engine.describe(**given)
            case "create":
                return engine.create()
            case "drop":
                return engine.drop()
            case "collections":
                return engine.collections()
            case "aliases":
                return engine.aliases()
            case "set_alias":
                return engine.set_alias(**given)
            case "remove_alias":
                return engine.remove_alias(**given)
            case unknown:
                raise ValueError(f"the store's process knows no method {unknown!r}")

    def _work(self, job: Job, tell: Callable[[Progress], None]) -> IndexReport:
        engine = self._engine(job.collection, job.encoder)
        if job.kind == "sync":
            return engine.sync(job.paths[0], ocr=job.ocr, progress=tell).index
        return engine.index(job.paths, ocr=job.ocr, progress=tell)

    def _engine(self, collection: str, encoder: str) -> LocalEngine:
        """Return the engine of a collection; only those of collections that exist are kept."""
        with self._lock:
            key = (collection, encoder)
            if (engine := self._engines.get(key)) is None:
                model = self._encoders.setdefault(encoder, SharedEncoder(encoder))
                engine = LocalEngine(self._store, collection=collection, encoder=model)
                if collection in self._store.collections():
                    self._engines[key] = engine
            return engine


def _documents(connection: Connection) -> Iterator[Document | Unreadable]:
    while True:
        item = decode(connection.recv_bytes(), Item)
        if item.document is not None:
            yield item.document
        elif item.refused is not None:
            yield Unreadable(item.refused.id, item.refused.reason, source=item.refused.source)
        elif item.broken:
            raise _SourceBrokeError
        else:
            return


class _SourceBrokeError(Exception):
    """The caller's documents ended with an error, which the caller knows better."""


def _drain(connection: Connection) -> None:
    """Read the documents of a call that failed until the caller stops sending or hangs up."""
    while True:
        item = decode(connection.recv_bytes(), Item)
        if item.document is None and item.refused is None:
            return


def run(path: Path, *, linger_s: float) -> None:
    """Serve a store until idle; crashes leave their last words on standard error."""
    faulthandler.enable()
    _call_libc("mallopt", _ARENA_MAX, 2)  # with a heap for each thread, the most that any held would be kept
    path = path.absolute()
    os.chdir("/")  # so that the folder it was started in can be unmounted or removed
    owner = Owner(path, linger_s=linger_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: owner.stop())
    owner.serve()


def _call_libc(name: str, *arguments: int) -> None:
    """Call a function of the C library where it has it: not every one does."""
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
