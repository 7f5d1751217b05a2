"""Indexing that goes on without its caller, in a queue that survives the process."""

from __future__ import annotations

import threading

import pytest

from encoders.errors import InvalidInputError
from retriever import Retriever
from retriever.owner import jobs
from retriever.owner.jobs import ATTEMPTS, JobQueue
from retriever.types import IndexReport, Progress
from tests.support import stop_owner, wait_until, write_corpus

ENCODER = "hash:16"


@pytest.fixture
def shared(store_path):
    yield store_path
    stop_owner(store_path)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_corpus(folder, seed=9)
    return folder


def test_a_job_is_done_by_the_process_and_reports(shared, corpus):
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        job = retriever.submit([corpus])
        assert job.state == "queued"
    with Retriever.open(shared, encoder=ENCODER) as later:
        done = later.wait(job.id)
        assert (done.state, len(done.report.added), done.attempts) == ("done", 60, 1)
        assert done.progress.items == done.progress.total == 60
        assert [one.id for one in later.jobs()] == [job.id]
        assert len(later.list()) == 60


def test_a_job_whose_path_is_gone_fails_with_its_reason(shared, tmp_path):
    with Retriever.open(shared, encoder=ENCODER) as retriever:
        job = retriever.wait(retriever.submit([tmp_path / "nowhere"]).id)
        assert (job.state, job.attempts) == ("failed", 1)
        assert job.error.startswith("FileNotFoundError: no file or folder")
        with pytest.raises(InvalidInputError, match="no job 'x'"):
            retriever.job("x")


def test_in_process_there_is_no_queue_and_the_message_says_so(retriever, corpus):
    with pytest.raises(InvalidInputError, match="open without in_process"):
        retriever.submit([corpus])


class Work:
    """Work that can be held up, that fails as often as it is told, and counts its calls."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.calls = 0
        self.going = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, job, tell):
        self.calls += 1
        self.going.set()
        self.go_on.wait(20)
        tell(Progress(items=1, total=2, tokens_read=10, current="a"))
        if self.failures:
            raise self.failures.pop(0)
        return IndexReport(added=("a",))


@pytest.fixture
def queue_of(tmp_path):
    opened = []

    def make(work):
        queue = JobQueue(tmp_path / "jobs", work)
        opened.append((queue, work))
        return queue

    yield make
    for queue, work in opened:
        work.go_on.set()
        queue.stop()


def submit(queue):
    return queue.submit("index", ("/x",), collection="default", encoder=ENCODER)


def test_a_passing_fault_is_tried_again_and_a_lasting_one_is_not(queue_of, monkeypatch):
    monkeypatch.setattr(jobs, "_BACKOFF_S", 0.05)
    work = Work(OSError("the disk was away"))
    queue = queue_of(work)
    job = submit(queue)
    wait_until(lambda: queue.job(job.id).state == "done")
    assert (work.calls, queue.job(job.id).attempts) == (2, 2)
    work.failures = [InvalidInputError("no such thing")]
    lasting = submit(queue)
    wait_until(lambda: queue.job(lasting.id).state == "failed")
    assert queue.job(lasting.id).error == "InvalidInputError: no such thing"
    assert queue.job(lasting.id).attempts == 1
    assert ATTEMPTS == 3


def test_a_running_job_stops_at_its_next_batch_when_it_is_cancelled_and_can_be_tried_again(queue_of):
    work = Work()
    work.go_on.clear()
    queue = queue_of(work)
    job = submit(queue)
    waiting = submit(queue)
    assert work.going.wait(10)
    assert queue.cancel(job.id).state == "cancelled"
    assert queue.cancel(waiting.id).state == "cancelled"
    work.go_on.set()
    wait_until(lambda: not queue.active)
    assert (work.calls, queue.job(job.id).report) == (1, None)
    queue.retry(job.id)
    wait_until(lambda: queue.job(job.id).state == "done")
    assert queue.job(job.id).report == IndexReport(added=("a",))


def test_jobs_that_waited_or_ran_when_the_process_ended_are_done_by_the_next(queue_of):
    work = Work()
    work.go_on.clear()
    first = queue_of(work)
    running, waiting = submit(first), submit(first)
    assert work.going.wait(10)
    threading.Timer(0.1, work.go_on.set).start()
    first.stop()
    second = queue_of(Work())
    wait_until(lambda: not second.active)
    assert [second.job(one.id).state for one in (running, waiting)] == ["done", "done"]
