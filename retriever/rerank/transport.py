"""Posts JSON to an endpoint: time limits, bounded retries, a rate limit, answers checked."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import httpx

from retriever.rerank.errors import ContextLengthError, NoAnswerError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_CONTEXT_WORDS: Final = (
    "context length",
    "context_length",
    "context window",
    "maximum context",
    "context size",
    "too many tokens",
)
_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long and how often an endpoint is asked.

    Attributes:
        timeout_s: seconds for one attempt from connecting to the last byte.
        connect_s: seconds of these for connecting.
        attempts: requests for one call, the first included.
        backoff_s: wait before the second attempt, doubled for each further one, with up to half of it added
            by chance so that many callers do not return at once.
        most_wait_s: an endpoint that asks to wait longer (``Retry-After``) is not waited for.
        concurrency: requests under way at once in one session.
        requests_per_minute: over all sessions of one model; None for no limit.
        most_bytes: a longer answer is broken off.
    """

    timeout_s: float = 60.0
    connect_s: float = 5.0
    attempts: int = 4
    backoff_s: float = 0.5
    most_wait_s: float = 30.0
    concurrency: int = 8
    requests_per_minute: float | None = None
    most_bytes: int = 4_000_000


class RateLimit:
    """Spaces requests evenly; threads and event loops may share one."""

    def __init__(self, per_minute: float | None) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take the next place and return the seconds until it."""
        with self._lock:
            now = time.monotonic()
            place = max(now, self._next)
            self._next = place + self._interval
            return place - now

    def pause(self, seconds: float) -> None:
        """Let nobody start within ``seconds``: the endpoint said that it is asked too often."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer of status 200 that is a JSON object; ``attempts`` requests were sent for it."""

    body: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why an attempt may be repeated; ``wait_s`` is what the endpoint asked for, None when it did not."""

    reason: str
    wait_s: float | None = None


class JsonEndpoint:
    """One address, asked with bounded patience."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        headers: Mapping[str, str],
        limits: CallLimits,
        rate: RateLimit,
    ) -> None:
        self._client = client
        self._url = url
        self._headers = headers
        self._limits = limits
        self._rate = rate
        self._slots = asyncio.Semaphore(limits.concurrency)

    async def post(self, body: Mapping[str, Any]) -> Posted:
        """Send ``body`` until there is an answer, no attempt is left, or asking again is of no use.

        Raises:
            RejectedError: a status that means that this request will never be answered.
            ContextLengthError: the endpoint says that the prompt is too long.
            NoAnswerError: every attempt failed; the message holds the last reason.
        """
        attempts = self._limits.attempts
        reason = ""
        async with self._slots:
            for attempt in range(1, attempts + 1):
                await asyncio.sleep(self._rate.reserve())
                outcome = await self._attempt(body, attempt)
                if not isinstance(outcome, _Trouble):
                    return Posted(outcome, attempt)
                reason = outcome.reason
                if attempt < attempts:
                    await asyncio.sleep(self._pause(outcome, attempt))
        raise NoAnswerError(
            f"{self._shown} gave no answer in {attempts} attempts; the last one: {reason}", attempts=attempts
        )

    def _pause(self, trouble: _Trouble, attempt: int) -> float:
        if trouble.wait_s is None:
            wait: float = self._limits.backoff_s * 2 ** (attempt - 1)
            return wait * random.uniform(1.0, 1.5)
        if trouble.wait_s > self._limits.most_wait_s:
            raise NoAnswerError(
                f"{self._shown} asks to wait {trouble.wait_s:.0f} s, more than the "
                f"{self._limits.most_wait_s:.0f} s allowed; {trouble.reason}",
                attempts=attempt,
            )
        self._rate.pause(trouble.wait_s)
        return 0.0  # the rate limit holds everybody back

    async def _attempt(self, body: Mapping[str, Any], attempt: int) -> Mapping[str, Any] | _Trouble:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                response, content = await self._exchange(body)
        except TimeoutError:
            return _Trouble(f"no complete answer within {self._limits.timeout_s:g} s")
        except httpx.TransportError as error:
            return _Trouble(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        if content is None:
            return _Trouble(f"the answer is longer than {self._limits.most_bytes:,} bytes")
        if response.status_code == httpx.codes.OK:
            return _json_object(response, content)
        return self._refused(response, content, attempt)

    async def _exchange(self, body: Mapping[str, Any]) -> tuple[httpx.Response, bytes | None]:
        """Return the response and its bytes, None when there are too many of them."""
        content = bytearray()
        async with self._client.stream("POST", self._url, json=body, headers=self._headers) as response:
            async for part in response.aiter_bytes():
                content += part
                if len(content) > self._limits.most_bytes:
                    return response, None
        return response, bytes(content)

    def _refused(self, response: httpx.Response, content: bytes, attempt: int) -> _Trouble:
        said = _excerpt(content)
        reason = f"status {response.status_code}" + (f" ({said})" if said else "")
        details: dict[str, Any] = {"status": response.status_code, "attempts": attempt, "said": said}
        if any(word in said.casefold() for word in _CONTEXT_WORDS):
            raise ContextLengthError(f"{self._shown} finds the prompt too long: {reason}", **details)
        if response.status_code not in _AGAIN or says_unsupported(said):
            raise RejectedError(f"{self._shown} refused the request: {reason}", **details)
        return _Trouble(reason, _retry_after(response.headers.get("retry-after")))

    @property
    def _shown(self) -> str:
        url = httpx.URL(self._url)
        return str(url.copy_with(username=None, password=None, query=None))


def says_unsupported(said: str) -> bool:
    """Tell whether an error text is about structured output; some servers say so with status 500."""
    lowered = said.casefold()
    return any(
        word in lowered for word in ("response_format", "json_schema", "structured_outputs", "grammar")
    )


def _json_object(response: httpx.Response, content: bytes) -> Mapping[str, Any] | _Trouble:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        kind = response.headers.get("content-type", "no content type")
        return _Trouble(f"status 200 with a body that is not JSON ({kind}: {_excerpt(content)})")
    if not isinstance(body, dict):
        return _Trouble(f"status 200 with a JSON {type(body).__name__} instead of an object")
    return body


def _excerpt(content: bytes) -> str:
    return " ".join(content[: 8 * _SHOWN_CHARACTERS].decode("utf-8", "replace").split())[:_SHOWN_CHARACTERS]


def _retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which holds a number or a date."""
    if header is None:
        return None
    text = header.strip()
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
