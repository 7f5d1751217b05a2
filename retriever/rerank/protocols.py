"""The seams of reranking: what the planner needs of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from retriever.rerank.tokens import TokenCounter
    from retriever.rerank.types import WindowRanking, WindowRequest


class WindowRanker(Protocol):
    """Ranks one window of passages at a time; several calls may run at once."""

    async def rank(self, request: WindowRequest) -> WindowRanking:
        """Rank the passages; the order is always a permutation of them.

        An answer without a ranking is a value of status ``fallback``, not an error.

        Raises:
            NoAnswerError: no model answered.
        """
        ...


class RankingModel(Protocol):
    """A language model that ranks, and what it can take."""

    @property
    def name(self) -> str: ...

    @property
    def list_limit(self) -> int:
        """The longest list that the model is known to rank well in one call."""
        ...

    @property
    def counter(self) -> TokenCounter: ...

    def room(self, query: str, *, size: int, wanted: int) -> int:
        """Return the tokens that ``size`` passages may take together; negative when nothing fits.

        What is left of the context after the prompt around the passages and an
        answer of ``wanted`` identifiers.
        """
        ...

    def session(self) -> AbstractAsyncContextManager[WindowRanker]:
        """Open what calls need: connections, a lock on the model. Closed at the end of the context."""
        ...
