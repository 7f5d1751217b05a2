"""How many threads a forward takes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import torch

from encoders.sharing import shares_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEW_TOKENS: Final = 32
"""A forward of so many tokens is computed sooner than further threads wake up for each of its steps."""
_TOKENS_A_THREAD: Final = 256
"""What a thread must have to do where cores are shared."""

_wanted = torch.get_num_threads()


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
    threads = 1 if tokens <= _FEW_TOKENS else _wanted
    if shares_cores.get():
        threads = max(1, min(_wanted - 1, 1 + tokens // _TOKENS_A_THREAD))
    _set(threads)  # a thread that first computes beside another forward has inherited its number
    try:
        yield
    finally:
        _set(_wanted)


def _set(threads: int) -> None:
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
