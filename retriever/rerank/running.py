"""Carries out a plan: calls in turn or at once, deadlines, and what is kept when a call fails."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from retriever.rerank.errors import ContextLengthError, NoAnswerError
from retriever.rerank.excerpting import shorten, term_weights
from retriever.rerank.policies import aggregate_blocks
from retriever.rerank.types import RankingCounts, TokenUsage, WindowRanking, WindowRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.rerank.planning import RerankPlan
    from retriever.rerank.protocols import WindowRanker
    from retriever.rerank.tokens import TokenCounter

_SHRINKS: Final = 2
_LEAST_TOKENS: Final = 8


@dataclass(slots=True, kw_only=True)
class PlanRun:
    """One list on its way through a plan.

    Attributes:
        passages: one per candidate, in first-stage order.
        deadline: on the clock of `time.monotonic`; None for none.
        calls: answers so far.
        shrunk: passages cut further because an endpoint found the prompt too long.
    """

    query: str
    passages: Sequence[str]
    plan: RerankPlan
    ranker: WindowRanker
    counter: TokenCounter
    deadline: float | None = None
    calls: list[WindowRanking] = field(default_factory=list)
    shrunk: set[int] = field(default_factory=set)

    async def order(self) -> tuple[int, ...]:
        """Return the places of the passages, best first."""
        if self.plan.policy == "blocks" and len(self.plan.groups) > 1:
            return await self._blocks()
        return await self._windows()

    async def _windows(self) -> tuple[int, ...]:
        """Rank the groups one after the other, each in the order that the earlier ones left.

        The first call that fails ends it: what did not answer after its retries is not
        asked again, and the order so far is a valid one.
        """
        order = list(range(len(self.passages)))
        for group in self.plan.groups:
            places = [order[place] for place in group]
            ranking = await self._call(places)
            self.calls.append(ranking)
            if ranking.status == "failed":
                break
            for place, winner in zip(group, ranking.order, strict=True):
                order[place] = places[winner]
        return tuple(order)

    async def _blocks(self) -> tuple[int, ...]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._call(block)) for block in self.plan.groups]
        self.calls += [task.result() for task in tasks]
        orders = [
            [block[place] for place in call.order[: call.ranked]]
            for block, call in zip(self.plan.groups, self.calls, strict=True)
        ]
        return aggregate_blocks(orders, len(self.passages))

    async def _call(self, places: Sequence[int]) -> WindowRanking:
        request = WindowRequest(
            query=self.query,
            passages=tuple(self.passages[place] for place in places),
            wanted=min(self.plan.wanted, len(places)),
        )
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._left()):
                return await self._rank(request, places)
        except TimeoutError:
            return _failed(request, started, "the deadline passed before the model answered")
        except NoAnswerError as error:
            return _failed(request, started, str(error), attempts=_attempts(error))

    async def _rank(self, request: WindowRequest, places: Sequence[int]) -> WindowRanking:
        """Rank, with shorter passages when the endpoint counts more tokens than we do."""
        for _ in range(_SHRINKS):
            try:
                return await self.ranker.rank(request)
            except ContextLengthError:
                request = self._halved(request)
                self.shrunk.update(places)
        return await self.ranker.rank(request)

    def _halved(self, request: WindowRequest) -> WindowRequest:
        weights = term_weights(request.query, request.passages)
        passages = tuple(
            shorten(passage, max(_LEAST_TOKENS, self.counter.count(passage) // 2), self.counter, weights)
            for passage in request.passages
        )
        return replace(request, passages=passages)

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


def _failed(request: WindowRequest, started: float, reason: str, *, attempts: int = 1) -> WindowRanking:
    return WindowRanking(
        order=tuple(range(len(request.passages))),
        ranked=0,
        status="failed",
        counts=RankingCounts(wanted=request.wanted, missing=request.wanted),
        usage=TokenUsage(),
        latency_s=time.monotonic() - started,
        attempts=attempts,
        reason=reason,
    )


def _attempts(error: NoAnswerError) -> int:
    attempts = error.details.get("attempts", 1)
    return attempts if isinstance(attempts, int) else 1
