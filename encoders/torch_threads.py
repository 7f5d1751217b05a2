"""How many threads a forward takes, and how many forwards run beside each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Final, TypeVar

import torch

from encoders.processor import usable_cores
from encoders.sharing import shares_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_Work = TypeVar("_Work")
_Result = TypeVar("_Result")

_FEW_TOKENS: Final = 32
"""A forward of so many tokens is computed sooner than further threads wake up for each of its steps."""
_TOKENS_A_THREAD: Final = 256
"""What a thread must have to do where cores are shared."""

_wanted = torch.get_num_threads()
_share: ContextVar[int | None] = ContextVar("_share", default=None)
_pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="forward")


def use_threads(threads: int) -> None:
    """Let forwards take so many threads."""
    global _wanted  # torch's own setting is of the process too
    _wanted = threads
    _set(threads)


@contextmanager
def threads_for(tokens: int) -> Iterator[None]:
    """Take one thread for a forward of few tokens, such as one question, else those wanted.

    Threads of a forward wait for each other at each of its steps, and all of them for one
    that lost its core to other work: beside much of it, a question of 25 tokens took 181 ms
    of processor time on two threads and 20 ms on one. So where cores are shared a forward
    leaves one, and takes a second thread only for much work.
    """
    threads = 1 if tokens <= _FEW_TOKENS else _share.get() or _wanted
    if shares_cores.get():
        threads = max(1, min(_wanted - 1, 1 + tokens // _TOKENS_A_THREAD))
    _set(threads)  # a thread that first computes beside another forward has inherited its number
    try:
        yield
    finally:
        _set(_wanted)


def parallel_forwards() -> int:
    """Return how many forwards may run beside each other: one where cores are shared."""
    return 1 if shares_cores.get() else _wanted


def in_parallel(forward: Callable[[_Work], _Result], batches: Sequence[_Work]) -> list[_Result]:
    """Run independent forwards beside each other, each on its share of the threads.

    Threads of one forward wait for each other at each of its steps; forwards do not.

    Returns:
        what each gave, in order.
    """
    beside = min(parallel_forwards(), len(batches))
    if beside < 2:
        return [forward(batch) for batch in batches]
    token = _share.set(max(1, _wanted // beside))
    try:
        asked = [_pool.submit(copy_context().run, forward, batch) for batch in batches]
        return [one.result() for one in asked]
    finally:
        _share.reset(token)


def _set(threads: int) -> None:
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
