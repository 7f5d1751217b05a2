"""Whether a forward shares the processor with other work that should go on."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

shares_cores: Final[ContextVar[bool]] = ContextVar("shares_cores", default=False)


@contextmanager
def sharing_cores(shares: bool = True) -> Iterator[None]:
    """Let forwards of this thread leave a core to others for a while."""
    token = shares_cores.set(shares)
    try:
        yield
    finally:
        shares_cores.reset(token)
