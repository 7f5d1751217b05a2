"""Reading ahead keeps order, bounds and errors."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from indexers.ahead import Ahead
from indexers.readers import Readers
from tests.support import wait_until


def test_items_come_in_order_and_the_source_is_asked_on_one_other_thread():
    asked = set()

    def source():
        for number in range(50):
            asked.add(threading.get_ident())
            yield number

    assert list(Ahead(source(), size=lambda item: 1)) == list(range(50))
    assert len(asked) == 1
    assert threading.get_ident() not in asked


def test_no_more_wait_than_allowed_and_one_large_item_may_always():
    taken = []

    def source():
        for size in (5, 5, 5, 100, 1):
            taken.append(size)
            yield size

    with closing(iter(Ahead(source(), size=lambda item: item, most_size=10))) as items:
        assert next(items) == 5
        wait_until(lambda: len(taken) == 4)  # two wait, one more is in hand
        assert [*items] == [5, 5, 100, 1]


def test_an_error_of_the_source_is_raised_after_what_came_before_it():
    def source():
        yield 1
        raise KeyError("broken")

    items = iter(Ahead(source(), size=lambda item: 1))
    assert next(items) == 1
    with pytest.raises(KeyError, match="broken"):
        next(items)


def test_the_thread_ends_when_nobody_wants_more():
    before = threading.active_count()
    with closing(iter(Ahead(iter(range(1_000_000)), size=lambda item: 1))) as items:
        assert next(items) == 0
    assert threading.active_count() == before


def test_a_writer_waits_for_searches_under_way_and_not_for_ever():
    readers, passed = Readers(), threading.Event()
    readers.let_pass()
    with readers.reading():
        writer = threading.Thread(target=lambda: (readers.let_pass(patience_s=20), passed.set()))
        writer.start()
        assert not passed.wait(0.05)
        readers.let_pass(patience_s=0.01)
    writer.join(20)
    assert passed.is_set()
