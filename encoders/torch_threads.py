"""How many threads a forward takes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEW_TOKENS: Final = 32
"""A forward of so many tokens is computed sooner than further threads wake up for each of its steps."""

_wanted = torch.get_num_threads()


def use_threads(threads: int) -> None:
    """Let forwards take so many threads."""
    global _wanted  # torch's own setting is of the process too
    _wanted = threads
    _set(threads)


@contextmanager
def threads_for(tokens: int) -> Iterator[None]:
    """Take one thread for a forward of few tokens, such as one question, else those wanted.

    On a busy machine a question of eight tokens took 122 ms on two threads and 22 ms on one.
    """
    if tokens > _FEW_TOKENS:
        _set(_wanted)  # a thread that first computes beside a small forward has inherited its one
        yield
        return
    _set(1)
    try:
        yield
    finally:
        _set(_wanted)


def _set(threads: int) -> None:
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
