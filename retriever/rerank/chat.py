"""Ranks with any model behind an OpenAI-compatible chat endpoint."""

from __future__ import annotations

import os
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from encoders.errors import InvalidInputError
from retriever.rerank.errors import NoAnswerError, RejectedError
from retriever.rerank.parsing import read_ranking
from retriever.rerank.prompts import Prompt, PromptTemplate, numerals, render_prompt
from retriever.rerank.repairing import repair
from retriever.rerank.structure import Structure, answer_form, structure_fields
from retriever.rerank.tokens import EstimatedTokens, TokenCounter
from retriever.rerank.transport import CallLimits, JsonEndpoint, Posted, RateLimit, says_unsupported
from retriever.rerank.types import TokenUsage, WindowRanking, WindowRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_CHAT_TOKENS: Final = 32
_ANSWER_SLACK: Final = 32
_UNSUPPORTED: Final = frozenset({400, 422, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """A model behind ``<url>/chat/completions``.

    Attributes:
        url: such as ``http://localhost:11434/v1``.
        model: its name there.
        key_variable: environment variable that holds the key; not sent when it is unset.
        context_tokens: what the model reads and writes together.
        list_limit: the longest list to rank in one call under the policy ``auto``; 20 is what models
            without training for full lists rank well, 100 what trained or very large ones do.
        structure: how the form of the answer is enforced.
        thinking_tokens: room for a model that thinks before it answers.
        limit_field: what the endpoint calls the limit of written tokens.
        temperature: None sends none, for models that refuse one.
        extra: further fields of a request, such as ``chat_template_kwargs`` of vLLM.
        counter: counts tokens; the estimate is used with a tenth of the room in reserve.
    """

    url: str
    model: str
    key_variable: str = "LONGDOC_LLM_KEY"
    context_tokens: int = 32_768
    list_limit: int = 20
    structure: Structure = "auto"
    thinking_tokens: int = 0
    limit_field: str = "max_tokens"
    temperature: float | None = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)
    template: PromptTemplate = field(default_factory=PromptTemplate)
    counter: TokenCounter = field(default_factory=EstimatedTokens)
    limits: CallLimits = field(default_factory=CallLimits)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInputError(f"an address begins with http:// or https://, got {self.url!r}")


class ChatModel:
    """Holds what calls share: the rate limit, and what the endpoint turned out to support.

    Args:
        settings: where and how to ask.
        client: used and left open when given, for a service that ranks often; it must
            belong to the event loop that ranks. By default every session has its own.
    """

    def __init__(self, settings: ChatSettings, *, client: httpx.AsyncClient | None = None) -> None:
        self._settings = settings
        self._client = client
        self._rate = RateLimit(settings.limits.requests_per_minute)
        self._structure: Structure = settings.structure
        self._context: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        """The model's name at its endpoint."""
        return self._settings.model

    @property
    def list_limit(self) -> int:
        """See `ChatSettings.list_limit`."""
        return self._settings.list_limit

    @property
    def counter(self) -> TokenCounter:
        """See `ChatSettings.counter`."""
        return self._settings.counter

    def room(self, query: str, *, size: int, wanted: int) -> int:
        """Return the tokens left for ``size`` passages."""
        empty = WindowRequest(query=query, passages=("",) * size, wanted=wanted)
        around = self._count(self._prompt(empty, self._structure))
        left = self._settings.context_tokens - around - self._answer_tokens(size, wanted)
        return left if self.counter.exact else left - max(0, left) // 10

    @asynccontextmanager
    async def session(self) -> AsyncIterator[_ChatSession]:
        """Open connections, or use those of the client given."""
        if self._client is not None:
            yield _ChatSession(self, self._endpoint(self._client))
            return
        limits = self._settings.limits
        timeout = httpx.Timeout(limits.timeout_s, connect=limits.connect_s)
        async with httpx.AsyncClient(timeout=timeout, verify=self._tls()) as client:
            yield _ChatSession(self, self._endpoint(client))

    def _tls(self) -> ssl.SSLContext | bool:
        """Return what certificates are checked with; reading the trusted ones is slow and done once."""
        if not self._settings.url.startswith("https://"):
            return False  # redirects are not followed, so nothing is encrypted and nothing to check
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context

    def _endpoint(self, client: httpx.AsyncClient) -> JsonEndpoint:
        url = f"{self._settings.url.rstrip('/')}/chat/completions"
        key = os.environ.get(self._settings.key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return JsonEndpoint(client, url, headers=headers, limits=self._settings.limits, rate=self._rate)

    def _prompt(self, request: WindowRequest, structure: Structure) -> Prompt:
        return render_prompt(
            self._settings.template,
            request.query,
            request.passages,
            identifiers=numerals(len(request.passages)),
            wanted=request.wanted,
            form=answer_form(structure),
        )

    def _count(self, prompt: Prompt) -> int:
        return self.counter.count(prompt.system) + self.counter.count(prompt.user) + _CHAT_TOKENS

    def _answer_tokens(self, size: int, wanted: int) -> int:
        return wanted * self.counter.count(f"[{size}] > ") + _ANSWER_SLACK + self._settings.thinking_tokens

    def _body(self, request: WindowRequest, structure: Structure) -> dict[str, Any]:
        prompt = self._prompt(request, structure)
        size = len(request.passages)
        messages = [{"role": "user", "content": prompt.user}]
        if prompt.system:
            messages.insert(0, {"role": "system", "content": prompt.system})
        heat = {} if self._settings.temperature is None else {"temperature": self._settings.temperature}
        return {
            "model": self._settings.model,
            "messages": messages,
            **heat,
            **self._settings.extra,
            self._settings.limit_field: self._answer_tokens(size, request.wanted),
            **structure_fields(structure, size=size, wanted=request.wanted),
        }


class _ChatSession:
    def __init__(self, model: ChatModel, endpoint: JsonEndpoint) -> None:
        self._model = model
        self._endpoint = endpoint

    async def rank(self, request: WindowRequest) -> WindowRanking:
        """Ask for a ranking and check what comes back; see `WindowRanker`."""
        started = time.monotonic()
        posted = await self._post(request)
        message, finish = _message(posted)
        size = len(request.passages)
        reading = read_ranking(message, cut=finish == "length")
        fixed = repair(reading, size=size, wanted=request.wanted)
        refused = finish == "content_filter" and fixed.status == "fallback"
        return WindowRanking(
            order=fixed.order,
            ranked=fixed.ranked,
            status=fixed.status,
            counts=fixed.counts,
            usage=self._usage(posted.body, request, message),
            latency_s=time.monotonic() - started,
            attempts=posted.attempts,
            reason="the endpoint's filter withheld the answer" if refused else fixed.reason,
        )

    async def _post(self, request: WindowRequest) -> Posted:
        """Ask with the form enforced, and without from the first refusal on that this cures."""
        structure = self._model._structure
        try:
            return await self._endpoint.post(self._model._body(request, structure))
        except RejectedError as error:
            if structure != "auto" or not _may_be_about_form(error):
                raise
        plain = await self._endpoint.post(self._model._body(request, "text"))
        self._model._structure = "text"
        return Posted(plain.body, plain.attempts + 1)

    def _usage(self, body: Mapping[str, Any], request: WindowRequest, message: str) -> TokenUsage:
        said = body.get("usage")
        if isinstance(said, dict):
            read, written = said.get("prompt_tokens"), said.get("completion_tokens")
            if isinstance(read, int) and isinstance(written, int) and min(read, written) >= 0:
                return TokenUsage(read=read, written=written)
        counter = self._model.counter
        read = self._model._count(self._model._prompt(request, self._model._structure))
        return TokenUsage(read=read, written=counter.count(message), estimated=True)


def _may_be_about_form(error: RejectedError) -> bool:
    """Tell whether a refusal may mean the form that was asked for; a status 500 must say so."""
    status = error.details.get("status")
    return status in _UNSUPPORTED or says_unsupported(str(error.details.get("said", "")))


def _message(posted: Posted) -> tuple[str, str]:
    """Return what the model wrote, empty when it wrote nothing, and why it stopped.

    Raises:
        NoAnswerError: the body is no chat completion, such as an error sent with status 200.
    """
    choices = posted.body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        said = str(posted.body.get("error", f"keys: {', '.join(map(str, list(posted.body)[:8]))}"))[:200]
        raise NoAnswerError(f"the answer is no chat completion ({said})", attempts=posted.attempts)
    return _text(message.get("content")), str(first.get("finish_reason"))


def _text(content: object) -> str:
    """Return a message's text: a string, or the text parts of a list, the form some servers use."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(part for part in parts if isinstance(part, str))
