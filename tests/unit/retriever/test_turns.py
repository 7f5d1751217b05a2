from __future__ import annotations

import threading

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
        assert not turns._free.acquire(blocking=False)


def test_who_has_no_turn_gives_none_away():
    turns = Turns(1)
    with turns.away(), turns.taken():
        assert not turns._free.acquire(blocking=False)
