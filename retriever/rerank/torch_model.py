"""Ranks with a causal language model in this process."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from encoders.errors import ModelError
from retriever.rerank.answer_tokens import AnswerTokens, answer_tokens, single_token_identifiers
from retriever.rerank.errors import ContextLengthError
from retriever.rerank.prompts import Prompt, PromptTemplate, numerals, render_prompt
from retriever.rerank.torch_decoding import decode_permutation, first_token_order
from retriever.rerank.types import RankingCounts, TokenUsage, WindowRanking, WindowRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from retriever.rerank.tokens import TokenCounter

DecodingMode: TypeAlias = Literal["permutation", "first_token"]
"""``permutation``: identifier by identifier, each among those left; ``first_token``: one single pass."""

SETTINGS_FILE: Final = "reranker.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How a local model is asked; kept in ``reranker.json`` beside a trained one.

    Attributes:
        mode: how the order is read off the model.
        list_limit: the longest list to rank in one call under the policy ``auto``.
        context_tokens: what the model reads and writes together; None takes the model's own limit.
        system_role: whether the chat template knows a system message; otherwise it begins the user's.
    """

    mode: DecodingMode = "permutation"
    list_limit: int = 20
    context_tokens: int | None = None
    system_role: bool = True
    template: PromptTemplate = field(default_factory=PromptTemplate)


class HubTokens:
    """Counts with a transformers tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @property
    def exact(self) -> bool:
        """True: it is the model's own."""
        return True

    def count(self, text: str) -> int:
        """Return the tokens of ``text``, special tokens excluded."""
        return len(encode(self._tokenizer, text))


def encode(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of ``text`` alone."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def prompt_tokens(tokenizer: Any, prompt: Prompt, *, system_role: bool = True) -> list[int]:
    """Return the tokens of a prompt up to the answer, in the model's chat form when it has one."""
    joined = "\n\n".join(part for part in (prompt.system, prompt.user) if part)
    if tokenizer.chat_template is None:
        ids: list[int] = tokenizer(joined + "\n", verbose=False)["input_ids"]
        return ids
    messages = [{"role": "user", "content": prompt.user if system_role else joined}]
    if system_role and prompt.system:
        messages.insert(0, {"role": "system", "content": prompt.system})
    text = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=False, enable_thinking=False
    )
    return encode(tokenizer, text)


def reserved_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Return what the tokenizer reads as special wherever it stands."""
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return tuple(dict.fromkeys([*tokenizer.all_special_tokens, *added]))


class LocalRankingModel:
    """A causal model and its tokenizer; one ranking at a time, the others wait."""

    def __init__(
        self, model: Any, tokenizer: Any, *, name: str, settings: LocalSettings | None = None
    ) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._name = name
        self._settings = settings or LocalSettings()
        self._counter = HubTokens(tokenizer)
        self._reserved = reserved_tokens(tokenizer)
        self._busy = threading.Lock()
        self._answers: dict[int, AnswerTokens] = {}

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._name

    @property
    def list_limit(self) -> int:
        """See `LocalSettings.list_limit`."""
        return self._settings.list_limit

    @property
    def counter(self) -> TokenCounter:
        """The model's own count."""
        return self._counter

    @property
    def context_tokens(self) -> int:
        """What the model reads and writes together."""
        own = getattr(self._model.config, "max_position_embeddings", None)
        limit = self._settings.context_tokens or own
        if limit is None:
            raise ModelError(f"{self._name} does not say how much it reads; set context_tokens")
        return int(limit)

    def room(self, query: str, *, size: int, wanted: int) -> int:
        """Return the tokens left for ``size`` passages."""
        if not size:
            return self.context_tokens
        request = WindowRequest(query=query, passages=("",) * size, wanted=wanted)
        prompt, answer = self._ask(request)
        # A passage may take a token more in its place than alone, where it meets its neighbours.
        return self.context_tokens - len(prompt) - _answer_length(answer, wanted) - size

    @asynccontextmanager
    async def session(self) -> AsyncIterator[_LocalSession]:
        """Nothing needs to be opened."""
        yield _LocalSession(self)

    def rank(self, request: WindowRequest, stopped: threading.Event) -> WindowRanking:
        """Rank in this thread; see `retriever.rerank.protocols.WindowRanker`."""
        started = time.monotonic()
        prompt, answer = self._ask(request)
        written = _answer_length(answer, request.wanted)
        if len(prompt) + written > self.context_tokens:
            raise ContextLengthError(
                f"the prompt has {len(prompt)} tokens and the answer {written}, {self._name} reads "
                f"{self.context_tokens}",
                tokens=len(prompt) + written,
                limit=self.context_tokens,
            )
        with self._busy:
            chosen = self._decode(prompt, answer, request.wanted, stopped)
        order = (*chosen, *sorted(set(range(len(request.passages))) - set(chosen)))
        return WindowRanking(
            order=order,
            ranked=len(chosen),
            status="ok",
            counts=RankingCounts(wanted=request.wanted, listed=len(chosen), lists=1),
            usage=TokenUsage(read=len(prompt), written=self._written(answer, chosen)),
            latency_s=time.monotonic() - started,
        )

    def _decode(
        self, prompt: Sequence[int], answer: AnswerTokens, wanted: int, stopped: threading.Event
    ) -> tuple[int, ...]:
        if self._settings.mode == "first_token":
            return first_token_order(self._model, prompt, answer, stopped=stopped.is_set)[:wanted]
        return decode_permutation(self._model, prompt, answer, wanted=wanted, stopped=stopped.is_set)

    def _written(self, answer: AnswerTokens, chosen: Sequence[int]) -> int:
        if self._settings.mode == "first_token":
            return 1
        separators = len(answer.separator) * (len(chosen) - 1)
        return sum(len(answer.tokens[place]) for place in chosen) + separators

    def _ask(self, request: WindowRequest) -> tuple[list[int], AnswerTokens]:
        size = len(request.passages)
        answer = self._answer(size)
        prompt = render_prompt(
            self._settings.template,
            request.query,
            request.passages,
            identifiers=answer.identifiers,
            wanted=request.wanted,
            reserved=self._reserved,
        )
        tokens = prompt_tokens(self._tokenizer, prompt, system_role=self._settings.system_role)
        return tokens, answer

    def _answer(self, size: int) -> AnswerTokens:
        """Return the pieces of an answer about ``size`` passages; they depend on nothing else."""
        if size not in self._answers:
            one_token = self._settings.mode == "first_token"
            identifiers = single_token_identifiers(self._encode, size) if one_token else numerals(size)
            self._answers[size] = answer_tokens(self._encode, identifiers)
        return self._answers[size]

    def _encode(self, text: str) -> list[int]:
        return encode(self._tokenizer, text)


class _LocalSession:
    def __init__(self, model: LocalRankingModel) -> None:
        self._model = model

    async def rank(self, request: WindowRequest) -> WindowRanking:
        """Rank in a thread; a cancelled ranking ends at the model's next pass."""
        stopped = threading.Event()
        try:
            return await asyncio.to_thread(self._model.rank, request, stopped)
        finally:
            stopped.set()


def _answer_length(answer: AnswerTokens, wanted: int) -> int:
    """Return the most tokens that an answer of ``wanted`` identifiers takes."""
    longest = sorted(map(len, answer.tokens), reverse=True)[:wanted]
    return sum(longest) + len(answer.separator) * max(0, wanted - 1)


def load_local_model(folder: str, *, settings: LocalSettings | None = None) -> LocalRankingModel:
    """Load a causal model by folder or name, with the settings beside it unless some are given.

    Raises:
        ModelError: the folder's ``reranker.json`` cannot be read.
    """
    model, tokenizer = load_pretrained(folder)
    return LocalRankingModel(model, tokenizer, name=folder, settings=settings or read_settings(Path(folder)))


def load_pretrained(folder: str) -> tuple[Any, Any]:
    """Load a causal model in float32 and its tokenizer by folder or name."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


def save_local_model(folder: Path, model: Any, tokenizer: Any, settings: LocalSettings) -> None:
    """Write model, tokenizer and settings so that `load_local_model` finds them."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    text = json.dumps({"format": 1, **asdict(settings)}, indent=2, ensure_ascii=False)
    (folder / SETTINGS_FILE).write_text(text + "\n", encoding="utf-8")


def read_settings(folder: Path) -> LocalSettings:
    """Read ``reranker.json``; the defaults where there is none."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return LocalSettings()
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held.pop("format") != 1:
            raise ModelError(f"{path} is of a format that this version does not know; train the model again")
        return LocalSettings(**{**held, "template": PromptTemplate(**held["template"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} holds no settings of a reranker: {error}", path=str(path)) from error
