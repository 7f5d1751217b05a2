"""One JSON request that is repeated when repeating may help."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final, cast

from encoders.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAY_PASS: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_WAIT_S: Final = 30.0
_SHOWN_CHARACTERS: Final = 300


def post_json(
    url: str, body: object, *, headers: Mapping[str, str], timeout_s: float, retries: int, wait_s: float = 0.5
) -> object:
    """Send ``body`` and return the answer, both JSON.

    A dropped connection, a timeout and the statuses that mean "later" are tried
    again after ``wait_s``, twice that, and so on, or what ``Retry-After`` says.

    Raises:
        ModelError: the server refused, or all tries failed; the message holds what it said.
    """
    data = json.dumps(body).encode()
    sent = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method="POST")
    for attempt in range(retries + 1):
        try:
            with urllib.request.urlopen(sent, timeout=timeout_s) as response:
                return _parsed(response.read(), url)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(4 * _SHOWN_CHARACTERS).decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
            if error.code not in _MAY_PASS or attempt == retries:
                raise ModelError(
                    f"{url} answered {error.code} after {attempt + 1} tries: {said}",
                    url=url,
                    status=error.code,
                ) from error
            pause = _retry_after(error.headers.get("Retry-After"))
        except (OSError, http.client.HTTPException) as error:
            if attempt == retries:
                raise ModelError(
                    f"{url} cannot be reached after {attempt + 1} tries: {error}", url=url
                ) from error
            pause = None
        time.sleep(min(wait_s * 2**attempt if pause is None else pause, _LONGEST_WAIT_S))
    raise AssertionError("the last attempt returns or raises")


def _parsed(answer: bytes, url: str) -> object:
    try:
        return cast("object", json.loads(answer))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{url} did not answer with JSON: {answer[:80]!r}", url=url) from error


def _retry_after(value: str | None) -> float | None:
    return float(value) if value is not None and value.isdecimal() else None
