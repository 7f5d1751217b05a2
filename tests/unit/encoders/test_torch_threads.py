"""Independent forwards run beside each other, each on its share of the threads."""

from __future__ import annotations

import threading

import pytest
import torch

from encoders import torch_threads
from encoders.sharing import sharing_cores
from encoders.torch_threads import in_parallel, parallel_forwards, threads_for


@pytest.fixture
def four_threads(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(torch_threads, "_wanted", 4)
    yield
    torch.set_num_threads(before)


def threads_of_a_forward(tokens):
    with threads_for(tokens):
        return torch.get_num_threads()


def test_results_come_in_order(four_threads):
    assert in_parallel(lambda number: number * number, range(20)) == [n * n for n in range(20)]


def test_forwards_share_the_threads(four_threads):
    assert in_parallel(threads_of_a_forward, [1000]) == [4]
    assert in_parallel(threads_of_a_forward, [1000, 1000]) == [2, 2]
    assert in_parallel(threads_of_a_forward, [1000] * 9) == [1] * 9
    assert threads_of_a_forward(1000) == 4


def test_forwards_run_beside_each_other(four_threads):
    if torch_threads.usable_cores() < 2:
        pytest.skip("one core")
    both_are_there = threading.Barrier(2, timeout=20)
    in_parallel(lambda _: both_are_there.wait(), [0, 1])


def test_where_cores_are_shared_one_forward_follows_the_other(four_threads):
    with sharing_cores():
        assert parallel_forwards() == 1
        own = threading.current_thread().name
        assert in_parallel(lambda _: threading.current_thread().name, [0, 1]) == [own, own]


def test_an_error_reaches_the_caller(four_threads):
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda number: 1 // number, [1, 0, 2])
