"""Indexing that goes on without its caller: a queue that survives the process.

Each job is a JSON file in the store, written at every change of state. One job runs
at a time. A job that was running when the process died is queued again: what it had
committed is not embedded twice.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError, RetrievalError
from indexers.durable import write_replacing
from indexers.errors import StorageError, StoreReadOnlyError
from indexers.identifiers import begin_after, new_generation
from retriever.types import Job
from retriever.wire import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexers.report import IndexReport, Progress
    from retriever.types import JobKind

logger = logging.getLogger(__name__)

ATTEMPTS = 3
_BACKOFF_S = 2.0
_PASSING = (StorageError, OSError)
_LASTING = (FileNotFoundError, PermissionError, StoreReadOnlyError)


class _CancelledError(Exception):
    """The job was cancelled while it ran."""


class JobQueue:
    """Runs jobs one after the other on a thread.

    Args:
        folder: where the jobs are kept; created when missing.
        work: does a job and reports; it calls its second argument as it goes on, which
            raises when the job was cancelled.
    """

    def __init__(self, folder: Path, work: Callable[[Job, Callable[[Progress], None]], IndexReport]) -> None:
        self._folder = folder
        self._work = work
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._stopped = False
        folder.mkdir(exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            job = decode(path.read_bytes(), Job)
            self._jobs[job.id] = replace(job, state="queued") if job.state == "running" else job
        if self._jobs:
            begin_after(max(self._jobs))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(
        self, kind: JobKind, paths: tuple[str, ...], *, collection: str, encoder: str, ocr: str = ""
    ) -> Job:
        """Queue a job; when this returns, it survives the process."""
        job = Job(
            id=str(new_generation()),
            kind=kind,
            paths=paths,
            collection=collection,
            encoder=encoder,
            ocr=ocr,
            state="queued",
            created_at=_now(),
        )
        with self._changed:
            self._keep(job)
            self._changed.notify_all()
        return job

    def jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        with self._changed:
            return [self._jobs[name] for name in sorted(self._jobs)]

    def job(self, name: str) -> Job:
        """Return a job.

        Raises:
            InvalidInputError: there is none of that id.
        """
        with self._changed:
            if name not in self._jobs:
                raise InvalidInputError(f"no job {name!r}; there are {len(self._jobs)}", id=name)
            return self._jobs[name]

    def cancel(self, name: str) -> Job:
        """Cancel a job; one that runs stops after its batch, what it committed stays."""
        job = self.job(name)
        with self._changed:
            if self._jobs[name].state in ("queued", "running"):
                job = replace(self._jobs[name], state="cancelled", finished_at=_now())
                self._keep(job)
        return job

    def retry(self, name: str) -> Job:
        """Queue a failed or cancelled job again."""
        self.job(name)
        with self._changed:
            job = self._jobs[name]
            if job.state in ("failed", "cancelled"):
                job = replace(job, state="queued", attempts=0, error="", finished_at="")
                self._keep(job)
                self._changed.notify_all()
        return job

    @property
    def active(self) -> bool:
        """Tell whether a job waits or runs."""
        with self._changed:
            return any(job.state in ("queued", "running") for job in self._jobs.values())

    def stop(self) -> None:
        """Interrupt the running job and end the thread; unfinished jobs go on at the next start."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._attempt(job)

    def _next(self) -> Job | None:
        with self._changed:
            while not self._stopped:
                waiting = [job for _, job in sorted(self._jobs.items()) if job.state == "queued"]
                if waiting:
                    job = replace(
                        waiting[0],
                        state="running",
                        started_at=_now(),
                        attempts=waiting[0].attempts + 1,
                    )
                    self._keep(job)
                    return job
                self._changed.wait()
            return None

    def _attempt(self, job: Job) -> None:
        started = time.monotonic()

        def tell(progress: Progress) -> None:
            with self._changed:
                if self._stopped or self._jobs[job.id].state != "running":
                    raise _CancelledError
                seconds = max(1e-3, time.monotonic() - started)
                left = (progress.total or 0) - progress.items
                self._jobs[job.id] = replace(
                    self._jobs[job.id],
                    progress=progress,
                    tokens_per_s=progress.tokens_read / seconds,
                    eta_s=left * seconds / progress.items if progress.items and progress.total else None,
                )

        try:
            report = self._work(job, tell)
        except _CancelledError:
            return  # cancelled jobs are marked already; on a stop the file says running: it goes on later
        except (RetrievalError, OSError) as error:
            self._fail(job, error)
        except Exception as error:  # a job must not take the queue with it
            logger.exception("job %s failed", job.id)
            self._fail(job, error)
        else:
            with self._changed:
                if self._jobs[job.id].state != "running":
                    return  # it was cancelled after its last batch
                done = replace(self._jobs[job.id], state="done", report=report, finished_at=_now())
                self._keep(replace(done, eta_s=None))

    def _fail(self, job: Job, error: Exception) -> None:
        passing = isinstance(error, _PASSING) and not isinstance(error, _LASTING)
        again = passing and job.attempts < ATTEMPTS
        message = f"{type(error).__name__}: {error}"
        with self._changed:
            if self._jobs[job.id].state != "running":
                return  # it was cancelled before it failed
            state = "queued" if again else "failed"
            finished = "" if again else _now()
            self._keep(
                replace(self._jobs[job.id], state=state, error=message, finished_at=finished)  # type: ignore[arg-type]
            )
            if again:
                self._changed.wait_for(lambda: self._stopped, timeout=_BACKOFF_S**job.attempts)

    def _keep(self, job: Job) -> None:
        self._jobs[job.id] = job
        write_replacing(self._folder / f"{job.id}.json", encode(job))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
