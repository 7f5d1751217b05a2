"""The awaitable SDK does what the other does, and leaves the event loop free."""

from __future__ import annotations

import asyncio
import threading

import pytest

from indexers.errors import ClosedError, DocumentNotFoundError
from retriever import AsyncRetriever
from tests.support import stop_owner


def test_it_answers_as_the_sync_retriever_does(retriever, topics):
    async def main():
        same = AsyncRetriever(retriever)
        report = await same.add(topics)
        assert sorted(report.added) == ["bread", "courts", "locks", "tides"]
        found = await asyncio.gather(*(same.search(query) for query in ("tide", "bread", "rent")))
        assert [one.hits for one in found] == [
            retriever.search(query).hits for query in ("tide", "bread", "rent")
        ]
        assert await same.list() == retriever.list()
        assert await same.text("bread", 3, 20) == retriever.text("bread", 3, 20)
        assert await same.delete(["bread"]) == ("bread",)
        with pytest.raises(DocumentNotFoundError):
            await same.get("bread")

    asyncio.run(main())


def test_the_event_loop_runs_while_a_call_waits(retriever, topics):
    async def main():
        same = AsyncRetriever(retriever)
        going_on, looked = threading.Event(), threading.Event()

        def slow():
            yield topics[0]
            looked.set()
            assert going_on.wait(10), "the event loop stood still"
            yield topics[1]

        adding = asyncio.create_task(same.add(slow()))
        while not looked.is_set():
            await asyncio.sleep(0.001)
        going_on.set()
        assert len((await adding).added) == 2

    asyncio.run(main())


def test_progress_is_told_in_the_event_loop(retriever, topics):
    told = []

    async def main():
        await AsyncRetriever(retriever).add(
            topics, progress=lambda step: told.append((step.items, threading.get_ident()))
        )
        await asyncio.sleep(0)

    asyncio.run(main())
    assert told[-1][0] == 4
    assert {thread for _, thread in told} == {threading.get_ident()}


def test_a_job_is_awaited_and_a_wait_can_be_cancelled(store_path, tmp_path):
    (tmp_path / "note.txt").write_text("The rent is due on the first day of the month. " * 30)

    async def main():
        async with await AsyncRetriever.open(store_path, encoder="hash:16") as same:
            job = await same.submit([tmp_path / "note.txt"])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(same.wait(job.id), timeout=0.0001)
            done = await same.wait(job.id)
            assert (done.state, done.report.added) == ("done", ("note.txt",))
            assert [one.id for one in await same.jobs()] == [job.id]

    try:
        asyncio.run(main())
    finally:
        stop_owner(store_path)


def test_a_closed_one_says_so(store_path, encoder, topics):
    async def main():
        async with await AsyncRetriever.open(store_path, encoder=encoder) as same:
            await same.add(topics)
        with pytest.raises(ClosedError, match="this retriever is closed; open it again"):
            await same.search("bread")
        await same.close()

    asyncio.run(main())
