"""Calls to a Qdrant server: connected, tried again while it is away, and told apart when they fail."""

from __future__ import annotations

import random
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import httpx
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from indexers.errors import IndexUnavailableError, StorageError
from indexers.remote_settings import MEMORY, RemoteSettings

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

OLDEST_SERVER = (1, 19)
_FAILURES = (ApiException, QdrantException, grpc.RpcError, IndexUnavailableError)
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_CODES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
    }
)


def connect(settings: RemoteSettings) -> QdrantClient:
    """Return a client; nothing is sent yet."""
    if settings.url == MEMORY:
        return QdrantClient(MEMORY)
    return QdrantClient(
        url=settings.url,
        port=None if settings.url.count(":") > 1 else 6333,
        grpc_port=settings.grpc_port or 6334,
        prefer_grpc=settings.grpc_port > 0,
        api_key=settings.api_key,
        timeout=settings.timeout_s,
        check_compatibility=False,  # `check_server` says it as an error, not as a warning
        **_certificates(settings.ca_file),
    )


def _certificates(ca_file: str) -> dict[str, Any]:
    if not ca_file:
        return {}
    trusted = ssl.create_default_context(cafile=ca_file)
    return {"verify": trusted, "grpc_options": {"root_certificates": Path(ca_file).read_bytes()}}


def check_server(client: QdrantClient, settings: RemoteSettings) -> None:
    """Refuse a server that would answer wrongly in silence.

    Raises:
        StorageError: it is older than 1.19, which does not know the corpus of an IDF
            and would pass over it.
        IndexUnavailableError: nobody answers.
    """
    version = persist(lambda: client.info().version, for_s=settings.retry_reads_s, doing="say its version")
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers and numbers < OLDEST_SERVER:
        raise StorageError(
            f"the Qdrant at {settings.url} is {version}; 1.19 or newer is needed", version=version
        )


def persist(call: Callable[[], T], *, for_s: float, doing: str) -> T:
    """Make a call that may be repeated, until it succeeds, is refused, or the time is over.

    Args:
        call: does the same thing however often it is made.
        for_s: seconds in which it is begun again. A second try is made in any case: the first may
            have taken all the time because this process was stopped, or an answer was lost.
        doing: what it does, for the message.

    Raises:
        StorageError: the server refused it.
        IndexUnavailableError: the server was away all the time.
    """
    began = time.monotonic()
    tries = 0
    while True:
        tries += 1
        try:
            return call()
        except _FAILURES as error:
            if not is_passing(error):
                raise StorageError(f"Qdrant refused to {doing}: {_reason(error)}") from error
            wait = _wait_s(error, tries)
            waited = time.monotonic() - began
            if tries > 1 and waited + wait > for_s:
                raise IndexUnavailableError(
                    f"Qdrant could not {doing} in {waited:.1f} s and {tries} tries: {_reason(error)}; "
                    "what was acknowledged is safe, try again when the server is back",
                    seconds=round(waited, 1),
                    tries=tries,
                ) from error
        time.sleep(wait)


def is_passing(error: BaseException) -> bool:
    """Tell whether the same call may succeed later."""
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError) and _UNTRUSTED not in str(error.source)
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _PASSING_STATUS
    if isinstance(error, grpc.RpcError):
        return error.code() in _PASSING_CODES
    return isinstance(error, ResourceExhaustedResponse | IndexUnavailableError)


def _wait_s(error: BaseException, tries: int) -> float:
    if isinstance(error, ResourceExhaustedResponse):
        return float(error.retry_after_s)
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (tries - 1))
    return random.uniform(longest / 2, longest)


def _reason(error: BaseException) -> str:
    if isinstance(error, ResponseHandlingException):
        return f"{type(error.source).__name__} {error.source}".strip()
    if isinstance(error, grpc.RpcError):
        return f"{error.code().name} {error.details()}"
    if isinstance(error, UnexpectedResponse):
        said = " ".join(error.content.decode(errors="replace").split())
        return f"{error.status_code} {error.reason_phrase} {said[:500]}".strip()
    return str(error).splitlines()[0]
