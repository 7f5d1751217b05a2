"""Reranks a list of candidates with a language model."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError
from retriever.rerank.errors import RankingFailedError
from retriever.rerank.passages import Passages, fit_passages, passage_sizes
from retriever.rerank.planning import RerankOptions, RerankPlan, plan_rerank
from retriever.rerank.running import PlanRun
from retriever.rerank.types import (
    Candidate,
    RankingCounts,
    RerankedItem,
    RerankResult,
    RerankStatus,
    TokenUsage,
    WindowRanking,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from retriever.rerank.protocols import RankingModel


class ListwiseReranker:
    """Ranks lists with ``model``; the result is always a permutation of what it is given.

    It holds no state between lists, so that several may be ranked at once with
    `arerank`; a limit on calls belongs to the model.
    """

    def __init__(self, model: RankingModel, options: RerankOptions | None = None) -> None:
        self._model = model
        self._options = options or RerankOptions()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    def rerank(self, query: str, candidates: Sequence[Candidate], *, top: int | None = None) -> RerankResult:
        """Rank from synchronous code, in a notebook too; see `arerank`."""
        return run_in_any_thread(self.arerank(query, candidates, top=top))

    async def arerank(
        self, query: str, candidates: Sequence[Candidate], *, top: int | None = None
    ) -> RerankResult:
        """Rank ``candidates``, given in first-stage order, by their relevance to ``query``.

        Cancelling ends the calls under way and raises as usual.

        Args:
            query: what is looked for.
            candidates: what to rank; an empty list is ranked without a call.
            top: how many to return, all by default.

        Raises:
            InvalidInputError: an empty query, ``top`` under 1, two candidates of one id.
            BudgetError: the passages do not fit the model.
            RankingFailedError: no call gave a ranking, and the options say ``raise``.
        """
        check_request(query, candidates, top)
        started = time.monotonic()
        wanted = min(top or len(candidates), len(candidates))
        counter = self._model.counter
        plan = await asyncio.to_thread(self._plan, query, candidates, wanted)
        passages = await asyncio.to_thread(
            fit_passages, query, candidates, limit=plan.passage_tokens, counter=counter
        )
        deadline = None if self._options.deadline_s is None else started + self._options.deadline_s
        async with self._model.session() as ranker:
            run = PlanRun(
                query=query,
                passages=passages.texts,
                plan=plan,
                ranker=ranker,
                counter=counter,
                deadline=deadline,
            )
            order = await run.order()
        result = self._result(query, candidates, order[:wanted], run, passages, started)
        if (
            result.status in ("fallback", "failed")
            and self._options.on_failure == "raise"
            and not _any_ranked(run)
        ):
            raise RankingFailedError(
                f"{self._model.name} gave no ranking of {len(candidates)} candidates: {result.reasons[0]}",
                calls=len(result.calls),
                model=self._model.name,
            )
        return result

    def _plan(self, query: str, candidates: Sequence[Candidate], top: int) -> RerankPlan:
        sizes = passage_sizes(candidates, self._model.counter)
        return plan_rerank(query, sizes, self._model, self._options, top=top)

    def _result(
        self,
        query: str,
        candidates: Sequence[Candidate],
        order: Sequence[int],
        run: PlanRun,
        passages: Passages,
        started: float,
    ) -> RerankResult:
        groups = run.plan.groups
        return RerankResult(
            query=query,
            items=_items(candidates, order),
            status=overall_status(run.calls),
            policy=run.plan.policy,
            model=self._model.name,
            calls=tuple(run.calls),
            planned=len(groups),
            slots=sum(len(group) for group in groups[: len(run.calls)]),
            shortened=len({*passages.shortened, *run.shrunk}),
            passage_tokens=run.plan.passage_tokens,
            counts=sum((call.counts for call in run.calls), RankingCounts()),
            usage=sum((call.usage for call in run.calls), TokenUsage()),
            latency_s=time.monotonic() - started,
            reasons=_reasons(run),
        )


def run_in_any_thread(ranking: Coroutine[Any, Any, RerankResult]) -> RerankResult:
    """Wait for a ranking, in another thread where an event loop runs in this one."""
    if not _loop_runs():
        return asyncio.run(ranking)
    with ThreadPoolExecutor(max_workers=1) as other_thread:
        return other_thread.submit(asyncio.run, ranking).result()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def overall_status(calls: Sequence[WindowRanking]) -> RerankStatus:
    """Return the status of a list from those of its calls; see `retriever.rerank.types.RerankStatus`."""
    statuses = {call.status for call in calls}
    if not statuses:
        return "ok"
    if "failed" in statuses:
        return "fallback" if statuses & {"ok", "repaired"} else "failed"
    if "fallback" in statuses:
        return "fallback"
    return "repaired" if "repaired" in statuses else "ok"


def check_request(query: str, candidates: Sequence[Candidate], top: int | None) -> None:
    """Refuse what no reranker can rank.

    Raises:
        InvalidInputError: an empty query, ``top`` under 1, two candidates of one id.
    """
    if not query.strip():
        raise InvalidInputError("the query is empty; say what the candidates are ranked for")
    if top is not None and top < 1:
        raise InvalidInputError(f"top must be at least 1, got {top}", top=top)
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.id in seen:
            raise InvalidInputError(f"two candidates are called {candidate.id!r}; ids must differ")
        seen.add(candidate.id)


def _items(candidates: Sequence[Candidate], order: Sequence[int]) -> tuple[RerankedItem, ...]:
    return tuple(
        RerankedItem(
            rank=rank,
            index=index,
            id=candidates[index].id,
            score=1 - (rank - 1) / len(candidates),
            first_score=candidates[index].score,
        )
        for rank, index in enumerate(order, start=1)
    )


def _any_ranked(run: PlanRun) -> bool:
    return any(call.status in ("ok", "repaired") for call in run.calls)


def _reasons(run: PlanRun) -> tuple[str, ...]:
    reasons = [call.reason for call in run.calls if call.reason]
    left = len(run.plan.groups) - len(run.calls)
    if left:
        reasons.append(f"{left} of {len(run.plan.groups)} calls were not made after one that failed")
    return tuple(dict.fromkeys(reasons))
