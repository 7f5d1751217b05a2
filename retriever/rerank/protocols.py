"""The seams of reranking: what the planner needs of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from retriever.rerank.tokens import TokenCounter
    from retriever.rerank.types import Candidate, RerankResult, TextScores, WindowRanking, WindowRequest


class Reranker(Protocol):
    """Brings candidates into a new order; the result is always a permutation of what it is given."""

    @property
    def name(self) -> str: ...

    def rerank(self, query: str, candidates: Sequence[Candidate], *, top: int | None = None) -> RerankResult:
        """Rank from synchronous code; see `arerank`."""
        ...

    async def arerank(
        self, query: str, candidates: Sequence[Candidate], *, top: int | None = None
    ) -> RerankResult:
        """Rank ``candidates``, given in first-stage order, by their relevance to ``query``.

        Args:
            query: what is looked for.
            candidates: what to rank; an empty list is ranked without a call.
            top: how many to return, all by default.

        Raises:
            InvalidInputError: an empty query, ``top`` under 1, two candidates of one id.
            RankingFailedError: there is no ranking, and the options say ``raise``.
        """
        ...


class TextScorer(Protocol):
    """A model that scores each text by itself, such as a cross-encoder; several calls may run at once."""

    @property
    def name(self) -> str: ...

    async def score(self, query: str, texts: Sequence[str]) -> TextScores:
        """Score texts by their relevance to ``query``.

        Raises:
            NoAnswerError: no model answered.
        """
        ...


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
