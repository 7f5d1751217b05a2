"""The seam of this room: anything that answers queries can be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from eval.types import Answer, Query


class System(Protocol):
    """Answers one query with ranked documents and, where it can, their evidence."""

    def answer(self, query: Query) -> Answer:
        """Answer ``query`` and say how long that took.

        Documents come best first, each at most once.

        Raises:
            TargetError: the system failed, or what it returned is no answer.
        """
        ...
