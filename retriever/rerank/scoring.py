"""Reranks by a model that scores each text by itself: a cross-encoder, late interaction, an endpoint."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from encoders.errors import InvalidInputError
from retriever.rerank.errors import NoAnswerError, RankingFailedError
from retriever.rerank.reranker import check_request, run_in_any_thread
from retriever.rerank.types import (
    Candidate,
    RankingCounts,
    RerankedItem,
    RerankResult,
    RerankStatus,
    TextScores,
    TokenUsage,
    WindowRanking,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.rerank.protocols import TextScorer

BATCH: Final = 64
"""Texts of one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringOptions:
    """How lists are reranked.

    Attributes:
        deadline_s: seconds for all calls together; None waits as long as the calls may take.
        on_failure: ``keep`` returns the first-stage order with the status ``failed`` when nothing
            was scored, ``raise`` raises.
    """

    deadline_s: float | None = 120.0
    on_failure: Literal["keep", "raise"] = "keep"

    def __post_init__(self) -> None:
        if self.deadline_s is not None and self.deadline_s <= 0:
            raise InvalidInputError(f"deadline_s is {self.deadline_s}; it is above 0, or None")


class ScoringReranker:
    """Orders candidates by the best score of their excerpts (`retriever.rerank.protocols.Reranker`).

    A model that reads a text by itself reads each excerpt with its title, so that a long
    document is judged by its best place and not by the beginning of what fits. What got no
    score follows in first-stage order.
    """

    def __init__(self, scorer: TextScorer, options: ScoringOptions | None = None) -> None:
        self._scorer = scorer
        self._options = options or ScoringOptions()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._scorer.name

    def rerank(self, query: str, candidates: Sequence[Candidate], *, top: int | None = None) -> RerankResult:
        """Rank from synchronous code, in a notebook too; see `arerank`."""
        return run_in_any_thread(self.arerank(query, candidates, top=top))

    async def arerank(
        self, query: str, candidates: Sequence[Candidate], *, top: int | None = None
    ) -> RerankResult:
        """Rank ``candidates`` by their scores; equal ones stay in first-stage order."""
        check_request(query, candidates, top)
        started = time.monotonic()
        texts = [_text(candidate, excerpt.text) for candidate in candidates for excerpt in candidate.excerpts]
        batches = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
        calls = await self._score_all(query, batches, started)
        found: list[float | None] = []
        for batch, (scored, _) in zip(batches, calls, strict=True):
            found += scored.scores if scored else [None] * len(batch)
        best = _best(candidates, found)
        order = sorted(range(len(candidates)), key=lambda place: -_key(best[place]))
        result = self._result(query, candidates, order[: top or len(order)], best, calls, started)
        if result.status == "failed" and self._options.on_failure == "raise":
            raise RankingFailedError(
                f"{self.name} scored none of {len(candidates)} candidates: {result.reasons[0]}",
                calls=len(calls),
                model=self.name,
            )
        return result

    async def _score_all(
        self, query: str, batches: Sequence[Sequence[str]], started: float
    ) -> list[tuple[TextScores | None, WindowRanking]]:
        left = self._options.deadline_s
        until = None if left is None else started + left

        async def one(batch: Sequence[str]) -> tuple[TextScores | None, WindowRanking]:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(None if until is None else until - begun):
                    scored = await self._scorer.score(query, batch)
            except TimeoutError:
                return None, _failed(batch, f"no scores within {left:g} s", time.monotonic() - begun)
            except NoAnswerError as error:
                return None, _failed(batch, str(error), time.monotonic() - begun)
            return scored, _answered(scored, time.monotonic() - begun)

        return await asyncio.gather(*map(one, batches))

    def _result(
        self,
        query: str,
        candidates: Sequence[Candidate],
        order: Sequence[int],
        best: Sequence[float | None],
        calls: Sequence[tuple[TextScores | None, WindowRanking]],
        started: float,
    ) -> RerankResult:
        made = tuple(call for _, call in calls)
        return RerankResult(
            query=query,
            items=tuple(
                RerankedItem(
                    rank=rank,
                    index=place,
                    id=candidates[place].id,
                    score=best[place],
                    first_score=candidates[place].score,
                )
                for rank, place in enumerate(order, start=1)
            ),
            status=_status(best, made),
            policy="scores",
            model=self.name,
            calls=made,
            planned=len(made),
            slots=sum(len(call.order) for call in made),
            shortened=0,
            passage_tokens=0,
            counts=sum((call.counts for call in made), RankingCounts()),
            usage=sum((call.usage for call in made), TokenUsage()),
            latency_s=time.monotonic() - started,
            reasons=tuple(dict.fromkeys(call.reason for call in made if call.reason)),
        )


def _text(candidate: Candidate, excerpt: str) -> str:
    title = candidate.title.strip()
    return f"{title}: {excerpt.strip()}" if title else excerpt.strip()


def _best(candidates: Sequence[Candidate], scores: Sequence[float | None]) -> list[float | None]:
    rest = iter(scores)
    own = [[next(rest) for _ in candidate.excerpts] for candidate in candidates]
    return [max((one for one in scored if one is not None), default=None) for scored in own]


def _key(score: float | None) -> float:
    return float("-inf") if score is None else score


def _status(best: Sequence[float | None], calls: Sequence[WindowRanking]) -> RerankStatus:
    if all(call.status == "ok" for call in calls):
        return "ok"
    return "failed" if all(score is None for score in best) else "repaired"


def _answered(scored: TextScores, latency_s: float) -> WindowRanking:
    size = len(scored.scores)
    listed = [place for place, score in enumerate(scored.scores) if score is not None]
    missing = [place for place, score in enumerate(scored.scores) if score is None]
    listed.sort(key=lambda place: -_key(scored.scores[place]))
    wrong = [
        f"{count} {what}"
        for count, what in (
            (len(missing), "texts without a score"),
            (scored.repeated, "scored twice"),
            (scored.unknown, "scores of no text"),
        )
        if count
    ]
    status: RerankStatus = "ok" if not wrong else "repaired" if listed else "fallback"
    return WindowRanking(
        order=(*listed, *missing),
        ranked=len(listed),
        status=status,
        counts=RankingCounts(
            wanted=size,
            listed=len(listed) + scored.repeated + scored.unknown,
            missing=len(missing),
            repeated=scored.repeated,
            unknown=scored.unknown,
            lists=1,
        ),
        usage=scored.usage,
        latency_s=latency_s,
        attempts=scored.attempts,
        reason=", ".join(wrong),
    )


def _failed(batch: Sequence[str], reason: str, latency_s: float) -> WindowRanking:
    return WindowRanking(
        order=tuple(range(len(batch))),
        ranked=0,
        status="failed",
        counts=RankingCounts(wanted=len(batch), missing=len(batch)),
        usage=TokenUsage(),
        latency_s=latency_s,
        reason=reason,
    )
