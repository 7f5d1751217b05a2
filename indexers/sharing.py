"""What a collection needs to share its points with other processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from indexers.leases import LeaseIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexers.types import Payload

EVERYTHING = "everything"
MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a document: the new payload of its point, or the id of a point that is gone.

    Attributes:
        gone: `EVERYTHING` when a writer died and nobody knows what it did last; `MOVED` when
            another collection has taken the place of this one.
    """

    sequence: int
    payload: Payload
    gone: str = ""


class SharedPoints(LeaseIndex, Protocol):
    """Points that one process at a time writes and all read; changes of documents are numbered.

    Attributes:
        seen: the number of the last change that this process knows.
    """

    seen: int

    def highest(self) -> int:
        """Return the number of the last change."""
        ...

    def changes(self) -> list[Change]:
        """Return what changed since `seen`, in order."""
        ...

    def announce_everything(self) -> None:
        """Let every reader read all anew."""
        ...

    def announce_move(self) -> None:
        """Let every process know that another collection has taken the place of this one."""
        ...

    def ask_before_writing(self, may_write: Callable[[], None]) -> None:
        """Call ``may_write`` before every try of a write; it raises when another process may write by now."""
        ...
