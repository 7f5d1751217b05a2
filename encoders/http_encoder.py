"""An encoder behind an HTTP endpoint: OpenAI-compatible servers and text-embeddings-inference.

Vectors come from the server; what is sent, in which batches and what of it was
embedded is decided here, so the promises of the other encoders hold.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from encoders.coverage import measure_coverage
from encoders.errors import InputTooLongError, InvalidInputError, ModelError
from encoders.http_json import post_json
from encoders.inputs import KINDS, require_kind, require_prompts, require_texts, token_batches
from encoders.pooling import normalize
from encoders.types import Embeddings, TokenSpans
from encoders.windows import plain_windows, word_windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encoders.config import Overflow
    from encoders.protocols import Tokenizer
    from encoders.types import FloatArray, TextKind

Api: TypeAlias = Literal["openai", "tei"]

_WORD: Final = re.compile(r"\w+|[^\w\s]")
_LARGEST: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEncoderConfig:
    """Where an endpoint is and what it takes.

    Attributes:
        url: what ``/embeddings`` (OpenAI) or ``/embed`` (TEI) is appended to.
        api: which of the two it speaks.
        model: the name it serves; TEI serves one and needs none.
        max_tokens: the longest input, special tokens included.
        api_key: sent as a bearer token, never shown.
        prompts: text before every query or document.
        overflow: what happens to longer texts.
        batch_tokens: tokens per request.
        batch_texts: texts per request.
        timeout_s: seconds for one request.
        retries: further tries after a failure that may pass.
    """

    url: str
    api: Api = "openai"
    model: str = ""
    max_tokens: int = 512
    api_key: str = field(default="", repr=False)
    prompts: Mapping[TextKind, str] = field(default_factory=dict)
    overflow: Overflow = "split"
    batch_tokens: int = 16_384
    batch_texts: int = 32
    timeout_s: float = 60.0
    retries: int = 4

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInputError(f"url must begin with http:// or https://, got {self.url!r}")
        if self.api not in {"openai", "tei"}:
            raise InvalidInputError(f"api must be openai or tei, got {self.api!r}")
        if self.overflow not in {"split", "error", "truncate"}:
            raise InvalidInputError(f"overflow must be split, error or truncate, got {self.overflow!r}")
        require_prompts(self.prompts)
        if not 0.0 < self.timeout_s < math.inf:
            raise InvalidInputError(f"timeout_s must be a positive number of seconds, got {self.timeout_s}")
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise InvalidInputError("api_key holds a line end or another character that no header may hold")
        for name in ("max_tokens", "batch_tokens", "batch_texts", "retries"):
            if not isinstance(value := getattr(self, name), int):
                raise InvalidInputError(f"{name} must be a whole number, got {value!r}")
        if min(self.max_tokens, self.batch_tokens, self.batch_texts) < 1 or self.retries < 0:
            raise InvalidInputError("max_tokens, batch_tokens and batch_texts must be at least 1, retries 0")
        if self.api == "openai" and not self.model:
            raise InvalidInputError("an OpenAI-compatible endpoint needs the name of a model")


class EstimatedTokenizer:
    """Stands in for a tokenizer that is not at hand: English words in pieces of a few characters.

    Digits, punctuation and all other letters count one by one. So it counts more than real tokenizers
    do, on prose and beside it, and budgets hold. Counts are estimates, and every token counts as known.
    """

    def __init__(self, *, characters: int = 3, special_tokens: int = 2) -> None:
        if characters < 1:
            raise InvalidInputError(f"characters must be at least 1, got {characters}")
        self._piece = re.compile(rf"[A-Za-z]{{1,{characters}}}|.")
        self._special_tokens = special_tokens

    @property
    def special_tokens(self) -> int:
        """Tokens that the server is assumed to add."""
        return self._special_tokens

    def tokenize(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Return the estimated tokens of each text."""
        require_texts(texts)
        return [self._tokens(text) for text in texts]

    def _tokens(self, text: str) -> TokenSpans:
        pieces = [
            (*piece.span(), piece.start() == word.start())
            for word in _WORD.finditer(text)
            for piece in self._piece.finditer(text, *word.span())
        ]
        offsets = np.array([piece[:2] for piece in pieces], dtype=np.int64).reshape(-1, 2)
        starts = np.array([piece[2] for piece in pieces], dtype=np.bool_)
        return TokenSpans(offsets, np.ones(len(pieces), dtype=np.bool_), starts)


class HttpEncoder:
    """Implements `encoders.protocols.Encoder` over an endpoint."""

    def __init__(self, config: HttpEncoderConfig, tokenizer: Tokenizer) -> None:
        self._config = config
        self._tokenizer = _WithPrompt(tokenizer, config.prompts.get("document", ""))
        self._bare = tokenizer
        for kind in KINDS:
            if self._room(kind) < 1:
                needed = config.max_tokens - self._room(kind) + 1
                raise InvalidInputError(
                    f"max_tokens of {config.max_tokens} leaves no room beside the special tokens and the "
                    f"{kind} prompt; raise it to at least {needed}",
                    max_tokens=config.max_tokens,
                )
        [probe] = self._request(["dimension"])
        self._dim = len(probe)

    @property
    def fingerprint(self) -> dict[str, str | int | float | bool | None]:
        """Everything that changes a vector; which machine serves the model does not."""
        return {
            "model": self._config.model or self._config.url,
            "revision": None,
            "dim": self._dim,
            "pooling": "server",
            "query_prompt": self._config.prompts.get("query", ""),
            "document_prompt": self._config.prompts.get("document", ""),
            "extension": None,
            "temperature": 1.0,
            "overflow": self._config.overflow,
        }

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def max_tokens(self) -> int:
        """The longest input in one request, special tokens and prompt included."""
        return self._config.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts as the model counts, or estimates."""
        return self._tokenizer

    def encode(self, texts: Sequence[str], *, kind: TextKind = "document") -> FloatArray:
        """Return `embed`'s vectors alone."""
        return self.embed(texts, kind=kind).vectors

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Embed ``texts``; longer ones as the mean of windows under the policy ``split``."""
        require_kind(kind)
        read = self._bare.tokenize(texts)
        windows = [
            self._windows(text, tokens, kind, place)
            for place, (text, tokens) in enumerate(zip(texts, read, strict=True))
        ]
        prompt = self._config.prompts.get(kind, "")
        pieces = [
            prompt + _piece(text, tokens, window)
            for text, tokens, own in zip(texts, read, windows, strict=True)
            for window in own
        ]
        lengths = [b - a for own in windows for a, b in own]
        rows = iter(self._vectors(pieces, lengths))
        vectors = np.zeros((len(texts), self._dim), dtype=np.float32)
        for place, own in enumerate(windows):
            if own:
                vectors[place] = np.mean([next(rows) for _ in own], axis=0)
        ledgers = tuple(
            measure_coverage(text, tokens, read=own[-1][1] if own else 0, segments=len(own))
            for text, tokens, own in zip(texts, read, windows, strict=True)
        )
        return Embeddings(normalize(vectors), ledgers)

    def _room(self, kind: TextKind) -> int:
        prompt = len(self._bare.tokenize([self._config.prompts.get(kind, "")])[0])
        return self._config.max_tokens - self._bare.special_tokens - prompt

    def _windows(self, text: str, tokens: TokenSpans, kind: TextKind, place: int) -> list[tuple[int, int]]:
        room = self._room(kind)
        if len(tokens) > room and self._config.overflow == "error":
            raise InputTooLongError(
                f"texts[{place}] has {len(tokens)} tokens, the endpoint reads {room} beside special tokens",
                place=place,
                tokens=len(tokens),
                limit=room,
            )
        if len(tokens) <= room:
            return plain_windows(len(tokens), size=room)
        windows = word_windows(tokens.word_starts, size=room)
        if self._config.overflow == "truncate":
            return self._fitting(text, tokens, windows[:1], room)[:1]
        return self._fitting(text, tokens, windows, room)

    def _fitting(
        self, text: str, tokens: TokenSpans, windows: Sequence[tuple[int, int]], room: int
    ) -> list[tuple[int, int]]:
        """Halve windows that have more tokens alone than in their text, as where a word was cut."""
        counted = self._bare.tokenize([_piece(text, tokens, window) for window in windows])
        fitting: list[tuple[int, int]] = []
        for (start, end), own in zip(windows, counted, strict=True):
            if len(own) <= room or end - start < 2:
                fitting.append((start, end))
                continue
            middle = (start + end) // 2
            fitting += self._fitting(text, tokens, [(start, middle), (middle, end)], room)
        return fitting

    def _vectors(self, pieces: Sequence[str], lengths: Sequence[int]) -> list[FloatArray]:
        vectors: list[FloatArray] = [np.empty(0, dtype=np.float32)] * len(pieces)
        for batch in token_batches(lengths, budget=self._config.batch_tokens):
            for start in range(0, len(batch), self._config.batch_texts):
                places = batch[start : start + self._config.batch_texts]
                answer = normalize(self._request([pieces[place] for place in places]))
                if answer.shape[1] != self._dim:
                    raise ModelError(
                        f"the endpoint changed from {self._dim} to {answer.shape[1]} dimensions",
                        url=self._config.url,
                    )
                for place, vector in zip(places, answer, strict=True):
                    vectors[place] = vector
        return vectors

    def _request(self, texts: Sequence[str]) -> list[list[float]]:
        config = self._config
        body: dict[str, object] = {"inputs": list(texts), "normalize": True, "truncate": False}
        path = "/embed"
        if config.api == "openai":
            body = {"model": config.model, "input": list(texts), "encoding_format": "float"}
            path = "/embeddings"
        headers = {"Authorization": f"Bearer {config.api_key}"} if config.api_key else {}
        answer = post_json(
            config.url.rstrip("/") + path,
            body,
            headers=headers,
            timeout_s=config.timeout_s,
            retries=config.retries,
        )
        return _checked(_rows(answer, config.api), len(texts), config.url)


def _piece(text: str, tokens: TokenSpans, window: tuple[int, int]) -> str:
    start, end = window
    return text[tokens.offsets[start, 0] : tokens.offsets[end - 1, 1]]


class _WithPrompt:
    def __init__(self, tokenizer: Tokenizer, prompt: str) -> None:
        self._tokenizer = tokenizer
        self._prompt = len(tokenizer.tokenize([prompt])[0])

    @property
    def special_tokens(self) -> int:
        return self._tokenizer.special_tokens + self._prompt

    def tokenize(self, texts: Sequence[str]) -> list[TokenSpans]:
        return self._tokenizer.tokenize(texts)


def _rows(answer: object, api: Api) -> object:
    """Return the vectors of an answer in the order of the request."""
    if api == "tei":
        return answer
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        return None
    placed = {item.get("index"): item.get("embedding") for item in data if type(item.get("index")) is int}
    if sorted(placed) != list(range(len(data))):
        return None
    return [placed[place] for place in range(len(data))]


def _checked(rows: object, texts: int, url: str) -> list[list[float]]:
    good = isinstance(rows, list) and len(rows) == texts and all(_is_vector(row) for row in rows)
    if not good or not isinstance(rows, list) or len({len(row) for row in rows}) != 1:
        raise ModelError(
            f"{url} answered {texts} texts with something else than {texts} vectors of finite numbers; "
            "check that it is an embedding endpoint of the api that was named",
            url=url,
            texts=texts,
        )
    return rows


def _is_vector(row: object) -> bool:
    numbers = isinstance(row, list) and bool(row) and all(type(value) in {int, float} for value in row)
    return numbers and isinstance(row, list) and all(abs(one) <= _LARGEST for one in row) and any(row)
