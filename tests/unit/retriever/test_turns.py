from __future__ import annotations

import threading

import pytest

from retriever.turns import Turns
from tests.support import wait_until


def test_so_many_compute_at_a_time_and_who_waits_for_something_lets_another_in():
    turns, go_on, inside, away = Turns(1), threading.Event(), [], []

    def first():
        with turns.taken():
            inside.append("first")
            with turns.away():
                away.append("first")
                assert go_on.wait(20)

    def second():
        with turns.taken():
            inside.append("second")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    wait_until(lambda: away)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    wait_until(lambda: len(inside) == 2)
    go_on.set()
    for thread in threads:
        thread.join(20)
    with turns.taken():  # the one turn was given back
        assert turns._free == 0


def test_who_has_no_turn_gives_none_away():
    turns = Turns(1)
    with turns.away(), turns.taken():
        assert turns._free == 0


def test_those_that_begin_come_first_and_then_who_began_first():
    turns, order = Turns(1), []
    go_on = {name: threading.Event() for name in "abc"}
    away = {name: threading.Event() for name in "abc"}

    def search(name):
        with turns.taken():
            with turns.away():
                away[name].set()
                assert go_on[name].wait(20)
            order.append(name)

    def begin():
        with turns.taken():
            order.append("begins")

    threads = []
    for name in "abc":
        threads.append(threading.Thread(target=search, args=(name,)))
        threads[-1].start()
        assert away[name].wait(20)
    with turns.taken():
        for waiting, name in enumerate("cba", start=1):  # the last that began is ready first
            go_on[name].set()
            wait_until(lambda waiting=waiting: len(turns._waiting) == waiting)
        threads.append(threading.Thread(target=begin))
        threads[-1].start()
        wait_until(lambda: len(turns._waiting) == 4)
    for thread in threads:
        thread.join(20)
    assert order == ["begins", "a", "b", "c"]
    assert turns._free == 1


@pytest.mark.parametrize("handed", [False, True])
def test_who_is_interrupted_while_waiting_keeps_no_turn(handed):
    turns = Turns(1)
    waiting = (0, 1, threading.Lock())
    with turns.taken():
        waiting[-1].acquire()
        turns._waiting.append(waiting)
        if not handed:
            turns._leave(waiting)
    if handed:
        assert turns._free == 0  # it is the waiting one's
        turns._leave(waiting)
    assert turns._waiting == []
    assert turns._free == 1
