"""Scores texts by an endpoint of the form that Cohere and Jina made common.

``POST {"model", "query", "documents", "top_n"}`` is answered by
``{"results": [{"index", "relevance_score"}, …]}``. vLLM, llama.cpp, Infinity and this
project's own service have such a route.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from encoders.errors import InvalidInputError
from retriever.rerank.errors import NoAnswerError
from retriever.rerank.tokens import EstimatedTokens
from retriever.rerank.transport import CallLimits, JsonEndpoint, Posted, RateLimit
from retriever.rerank.types import TextScores, TokenUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringSettings:
    """A reranking endpoint.

    Attributes:
        url: whole, such as ``https://api.cohere.com/v2/rerank``.
        model: its name there.
        key_variable: environment variable that holds the key; not sent when it is unset.
    """

    url: str
    model: str
    key_variable: str = "LONGDOC_RERANK_KEY"
    limits: CallLimits = field(default_factory=CallLimits)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInputError(f"an address begins with http:// or https://, got {self.url!r}")


class EndpointScorer:
    """Asks a reranking endpoint (`retriever.rerank.protocols.TextScorer`)."""

    def __init__(self, settings: ScoringSettings) -> None:
        self._settings = settings
        self._rate = RateLimit(settings.limits.requests_per_minute)

    @property
    def name(self) -> str:
        """The model's name at its endpoint."""
        return self._settings.model

    async def score(self, query: str, texts: Sequence[str]) -> TextScores:
        """Ask once for all texts.

        Raises:
            NoAnswerError: no answer, or one of another form.
        """
        settings, limits = self._settings, self._settings.limits
        body = {"model": settings.model, "query": query, "documents": list(texts), "top_n": len(texts)}
        key = os.environ.get(settings.key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(limits.timeout_s, connect=limits.connect_s)
        async with httpx.AsyncClient(timeout=timeout) as client:
            endpoint = JsonEndpoint(client, settings.url, headers=headers, limits=limits, rate=self._rate)
            posted = await endpoint.post(body)
        return _read(posted, query, texts)


def _read(posted: Posted, query: str, texts: Sequence[str]) -> TextScores:
    results = posted.body.get("results")
    if not isinstance(results, list):
        said = str(posted.body.get("error") or posted.body.get("message") or list(posted.body)[:8])[:200]
        raise NoAnswerError(f"the answer holds no results ({said})", attempts=posted.attempts)
    scores: list[float | None] = [None] * len(texts)
    repeated = unknown = 0
    for result in results:
        found = _score(result, len(texts))
        if found is None:
            unknown += 1
        elif scores[found[0]] is not None:
            repeated += 1
        else:
            scores[found[0]] = found[1]
    return TextScores(
        scores=tuple(scores),
        usage=_usage(posted.body, query, texts),
        repeated=repeated,
        unknown=unknown,
        attempts=posted.attempts,
    )


def _score(result: object, size: int) -> tuple[int, float] | None:
    """Return place and score of one result; None where it is neither of a text nor a number."""
    if not isinstance(result, dict):
        return None
    place, score = result.get("index"), result.get("relevance_score")
    if type(place) is not int or not 0 <= place < size:
        return None
    if not isinstance(score, int | float) or isinstance(score, bool) or not math.isfinite(score):
        return None
    return place, float(score)


def _usage(body: Mapping[str, Any], query: str, texts: Sequence[str]) -> TokenUsage:
    said = body.get("usage")
    total = said.get("total_tokens") if isinstance(said, dict) else None
    if type(total) is int and total >= 0:
        return TokenUsage(read=total)
    counter = EstimatedTokens()
    return TokenUsage(read=sum(counter.count(text) + counter.count(query) for text in texts), estimated=True)
