"""Asks an OpenAI-compatible chat endpoint one thing at a time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from eval.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Writer(Protocol):
    """Answers a prompt with text."""

    def write(self, prompt: str) -> str:
        """Return the answer, without surrounding white space.

        Raises:
            TargetError: there is no answer, or none with text.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """A model behind ``<url>/chat/completions``.

    Attributes:
        url: such as ``http://localhost:11434/v1``.
        model: its name there.
        key_variable: environment variable that holds the key; not sent when it is unset.
    """

    url: str
    model: str
    key_variable: str = "LONGDOC_LLM_KEY"
    timeout_s: float = 120.0
    max_tokens: int = 512

    def write(self, prompt: str) -> str:
        """Ask at temperature 0."""
        body = {
            "model": self.model,
            "temperature": 0,
            "max_tokens": self.max_tokens,
            "messages": [{"role": "user", "content": prompt}],
        }
        key = os.environ.get(self.key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = post_json(
            f"{self.url.rstrip('/')}/chat/completions", body, headers=headers, timeout_s=self.timeout_s
        )
        try:
            text = answer["choices"][0]["message"]["content"]  # type: ignore[index]  # checked just below
        except (KeyError, IndexError, TypeError) as error:
            raise TargetError(f"{self.url} answered without choices[0].message.content") from error
        if not isinstance(text, str) or not text.strip():
            raise TargetError(f"{self.url} answered with an empty text")
        return text.strip()


def post_json(
    url: str, body: Mapping[str, object], *, headers: Mapping[str, str] | None = None, timeout_s: float
) -> Mapping[str, object]:
    """POST JSON to an ``http`` or ``https`` address and return the object it answers with.

    Raises:
        TargetError: no answer in time, a status other than 2xx, or no JSON object.
    """
    if not url.startswith(("http://", "https://")):
        raise TargetError(f"an address begins with http:// or https://, got {url!r}")
    request = Request(  # the scheme is checked above
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
        method="POST",
    )
    try:
        with urlopen(request, timeout=timeout_s) as response:
            answer = json.loads(response.read())
    except HTTPError as error:
        phrase = HTTPStatus(error.code).phrase if error.code in set(HTTPStatus) else ""
        raise TargetError(f"{url} answered {error.code} {phrase}", url=url, status=error.code) from error
    except (URLError, TimeoutError, ConnectionError) as error:
        raise TargetError(f"{url} does not answer: {error}", url=url) from error
    except ValueError as error:
        raise TargetError(f"{url} answered with something that is not JSON", url=url) from error
    if not isinstance(answer, dict):
        raise TargetError(f"{url} answered with a JSON {type(answer).__name__}, not an object", url=url)
    return answer
