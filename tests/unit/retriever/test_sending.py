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
