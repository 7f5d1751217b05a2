"""Documents are sent on a thread, and a connection is never closed under it."""

from __future__ import annotations

import threading
from multiprocessing import Pipe

import pytest

from encoders.types import Document
from retriever.owner.messages import Item
from retriever.owner.sending import Sending
from retriever.wire import decode
from tests.support import wait_until


@pytest.fixture
def ends():
    ours, theirs = Pipe()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_all_documents_are_sent_and_then_the_end(ends):
    ours, theirs = ends
    sending = Sending(ours, [Document(id="a", text="x"), Document(id="b", text="y")])
    sending.start()
    items = [decode(theirs.recv_bytes(), Item) for _ in range(3)]
    sending.finish()
    assert [item.document and item.document.id for item in items] == ["a", "b", None]


@pytest.mark.parametrize("error", [RuntimeError("the source broke"), SystemExit(3), MemoryError()])
def test_whatever_ends_the_source_ends_the_exchange(ends, error):
    ours, theirs = ends

    def documents():
        yield Document(id="a", text="x")
        raise error

    sending = Sending(ours, documents())
    sending.start()
    items = [decode(theirs.recv_bytes(), Item) for _ in range(2)]
    sending.finish()
    assert items[0].document
    assert items[1].broken
    assert sending.broke is error


@pytest.mark.parametrize("documents", [7, ["no document"], [Document(id="a", text=None)]])
def test_what_is_no_document_ends_the_exchange(ends, documents):
    ours, theirs = ends
    sending = Sending(ours, documents)
    sending.start()
    assert theirs.poll(10)
    assert decode(theirs.recv_bytes(), Item).broken
    sending.finish()
    assert isinstance(sending.broke, (TypeError, AttributeError))


def test_a_document_that_cannot_be_stored_is_sent_as_its_reason(ends):
    ours, theirs = ends
    sending = Sending(ours, [Document(id="a\ud800", text="x"), Document(id="b", text="y")])
    sending.start()
    assert theirs.poll(10)
    refused, good, end = [decode(theirs.recv_bytes(), Item) for _ in range(3)]
    sending.finish()
    assert (refused.refused.id, good.document.id, end) == (r"a\ud800", "b", Item())
    assert "lone surrogate at character 1" in refused.refused.reason


def test_giving_up_stops_a_send_that_waits_and_closes_the_connection_after_it(ends):
    ours, _ = ends
    begun = threading.Event()

    def documents():
        begun.set()
        while True:
            yield Document(id="a", text="x" * 1_000_000)  # nobody reads: the pipe is soon full

    sending = Sending(ours, documents())
    sending.start()
    assert begun.wait(10)
    sending.give_up()
    sending.finish()
    assert ours.closed


def test_a_source_that_takes_its_time_keeps_its_connection_until_it_is_asked_no_more(ends):
    ours, _ = ends
    begun, go_on = threading.Event(), threading.Event()

    def documents():
        begun.set()
        go_on.wait(10)
        yield Document(id="a", text="x")

    sending = Sending(ours, documents())
    sending.start()
    assert begun.wait(10)
    sending.give_up()
    assert not ours.closed
    go_on.set()
    wait_until(lambda: ours.closed)


def test_what_never_began_is_closed_at_once(ends):
    ours, _ = ends
    Sending(ours, []).give_up()
    assert ours.closed
