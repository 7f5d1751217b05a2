"""One call to a service and its answer: keys, time limits, retries, errors as our own."""

from __future__ import annotations

import random
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx
import msgspec

import indexers.errors  # noqa: F401  # so that every error the service can name is known
from encoders.errors import InvalidInputError
from retriever import __version__
from retriever.errors import DeadlineError, IdempotencyError, ServiceError, UnreachableError
from retriever.wire import WireError, encode, error_from_wire, not_unicode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retriever.remote.uploads import LocalFile

T = TypeVar("T")

_AGAIN = frozenset({429, 503})  # said before anything was done
_PROXY = frozenset({502, 503, 504})  # said by what stands before the service
_LONGEST_PAUSE_S = 30.0
_EXCERPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """What to ask.

    Attributes:
        path: below the service's address.
        answer: the type of the answer's body.
        params: of the query string; those that are None are left out.
        body: sent as JSON, unless None.
        files: sent as a multipart form in place of a body.
        changes: it changes something, so that it carries an Idempotency-Key.
        long: it may take as long as indexing takes.
    """

    method: str
    path: str
    answer: type[T]
    params: Mapping[str, str | int | float | None] = field(default_factory=dict)
    body: Any = None
    files: Sequence[LocalFile] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: bool = False
    long: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, and how often to try.

    Attributes:
        timeout_s: for an answer, and for each part of one.
        long_timeout_s: for the answer of a call that indexes.
        connect_timeout_s: for a connection.
        attempts: at most so many, the first one included.
        pause_s: before the second attempt; doubles, unless the service says how long.
    """

    timeout_s: float = 60.0
    long_timeout_s: float = 660.0
    connect_timeout_s: float = 5.0
    attempts: int = 4
    pause_s: float = 0.25


class HttpTransport:
    """Sends calls; safe to use from several threads.

    A call is tried again when the service could not be reached, is overloaded or is starting.
    Calls that change something carry an Idempotency-Key, the same at each attempt, so that a
    change whose answer was lost is not made twice.

    Args:
        url: of the service, such as ``https://search.example.org``.
        api_key: sent as a bearer token.
        patience: how long and how often.
        connections: at most so many at a time.
        transport: of httpx, for proxies, certificates and tests.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None,
        patience: Patience,
        connections: int = 32,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidInputError(f"an address begins with http:// or https://, got {url!r}")
        if patience.attempts < 1:
            raise InvalidInputError(f"attempts is {patience.attempts}; it can be 1 or more")
        self._url = url.rstrip("/")
        self._patience = patience
        headers = {"User-Agent": f"longdoc-retriever/{__version__}", "Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._http = httpx.Client(
            headers=headers,
            timeout=patience.timeout_s,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            transport=transport,
        )

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._url

    def send(self, call: Call[T]) -> T:
        """Ask, wait and answer.

        Raises:
            RetrievalError: what the service says went wrong, as the embedded retriever would.
            UnreachableError: there was no answer at any attempt.
            DeadlineError: there was none in time.
        """
        given = {name: value for name, value in call.params.items() if value is not None}
        key = {"Idempotency-Key": uuid.uuid4().hex} if call.changes else {}
        lost = 0  # attempts whose answer never came, though the service may be at work on them
        for left in reversed(range(self._patience.attempts)):
            pause = self._pause(self._patience.attempts - 1 - left)
            try:
                response = self._attempt(call, given, {**call.headers, **key})
            except httpx.ReadTimeout as error:
                raise DeadlineError(
                    f"{self._url} gave no answer in {self._timeout(call):g} s", url=self._url
                ) from error
            except httpx.TransportError as error:
                lost += 1
                if not left:
                    raise self._unreachable(error) from error
            else:
                if response.is_success:
                    return _decoded(response, call.answer)
                failure = error_of(response)
                first_is_at_work = isinstance(failure, IdempotencyError) and bool(lost)
                if not left or not (first_is_at_work or _worth_another(response)):
                    raise failure
                pause = _told_pause(response) or pause
            time.sleep(min(pause, _LONGEST_PAUSE_S))
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _attempt(
        self, call: Call[Any], params: Mapping[str, str | int | float], headers: Mapping[str, str]
    ) -> httpx.Response:
        with ExitStack() as opened:
            files: list[tuple[str, tuple[str, Any, str]]] = [
                ("files", (file.name, opened.enter_context(file.open()), "application/octet-stream"))
                for file in call.files
            ]
            content = None if call.body is None else encode(call.body)
            typed = {} if content is None else {"Content-Type": "application/json"}
            try:
                return self._http.request(
                    call.method,
                    self._url + call.path,
                    params=dict(params),
                    content=content,
                    files=files or None,
                    headers={**headers, **typed},
                    timeout=httpx.Timeout(self._timeout(call), connect=self._patience.connect_timeout_s),
                )
            except UnicodeEncodeError as error:  # of what is asked for: bodies are encoded above
                raise not_unicode(error) from error

    def _timeout(self, call: Call[Any]) -> float:
        return self._patience.long_timeout_s if call.long else self._patience.timeout_s

    def _pause(self, attempt: int) -> float:
        return float(self._patience.pause_s * 2**attempt * random.uniform(0.75, 1.25))

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        said = str(error) or type(error).__name__
        return UnreachableError(
            f"{self._url} cannot be reached after {self._patience.attempts} attempts: {said}", url=self._url
        )


def error_of(response: httpx.Response) -> Exception:
    """Make of an error answer the error that the embedded retriever raises."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        where = f", to {response.headers['location']}" if "location" in response.headers else ""
        said = " ".join(response.text.split())[:_EXCERPT]
        return ServiceError(
            f"{response.url} answered {response.status_code}{where}, not as a longdoc service does: {said}",
            status=response.status_code,
        )
    if problem.code == "invalid_request":
        return InvalidInputError(problem.detail)
    error = error_from_wire(WireError(code=problem.code, message=problem.detail, details=problem.details))
    if error.__class__.__name__ == "RetrievalError":  # a code of another version
        return ServiceError(f"{problem.detail} ({problem.code})", status=response.status_code)
    return error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    code: str
    detail: str
    details: dict[str, Any] = field(default_factory=dict)


def _worth_another(response: httpx.Response) -> bool:
    ours = response.headers.get("content-type", "").startswith("application/problem+json")
    return response.status_code in (_AGAIN if ours else _AGAIN | _PROXY)


def _told_pause(response: httpx.Response) -> float | None:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else None


def _decoded(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind, strict=False)
    except msgspec.MsgspecError as error:
        raise ServiceError(
            f"{response.url} gave an answer that this version {__version__} cannot read: {error}",
            status=response.status_code,
        ) from error
