"""A deterministic encoder without a model, for tests, examples and dry runs."""

from __future__ import annotations

import hashlib
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from encoders.coverage import measure_coverage
from encoders.errors import InvalidInputError
from encoders.inputs import require_texts
from encoders.pooling import normalize
from encoders.types import Embeddings, TokenEmbeddings, TokenSpans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.protocols import Tokenizer
    from encoders.types import FloatArray, TextKind

_TOKEN = re.compile(r"\w{1,8}|[^\w\s]")


class HashTokenizer:
    """Words in pieces of at most eight characters; every other sign is a token.

    The replacement character U+FFFD is the one thing it does not know.
    """

    def __init__(self, *, special_tokens: int = 2) -> None:
        self._special_tokens = special_tokens

    @property
    def special_tokens(self) -> int:
        """Tokens added around every text."""
        return self._special_tokens

    def tokenize(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Return the tokens of each text."""
        require_texts(texts)
        return [_tokens(text) for text in texts]


class HashEncoder:
    """Maps a text to the mean of one pseudo-random vector per token.

    Texts that share words are near each other; word order does not matter.
    """

    def __init__(self, *, dim: int = 64, max_tokens: int = 256, special_tokens: int = 2) -> None:
        if dim < 1 or max_tokens <= special_tokens:
            raise InvalidInputError(
                f"needs dim >= 1 and max_tokens > special_tokens, got {dim}, {max_tokens}, {special_tokens}",
                dim=dim,
                max_tokens=max_tokens,
                special_tokens=special_tokens,
            )
        self._dim = dim
        self._max_tokens = max_tokens
        self._tokenizer = HashTokenizer(special_tokens=special_tokens)

    @property
    def fingerprint(self) -> dict[str, str | int | float | bool | None]:
        """Everything that changes a vector."""
        return {"model": "hash", "revision": "1", "dim": self._dim, "pooling": "mean"}

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def max_tokens(self) -> int:
        """The longest input in one pass, special tokens included."""
        return self._max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts as this encoder counts."""
        return self._tokenizer

    def encode(self, texts: Sequence[str], *, kind: TextKind = "document") -> FloatArray:
        """Return `embed`'s vectors alone."""
        return self.embed(texts, kind=kind).vectors

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Embed ``texts``; queries and documents alike. Longer ones are split and averaged."""
        tokenized = self._tokenizer.tokenize(texts)
        vectors = np.zeros((len(texts), self._dim), dtype=np.float32)
        ledgers = []
        window = self._max_tokens - self._tokenizer.special_tokens
        for row, (text, tokens) in enumerate(zip(texts, tokenized, strict=True)):
            known = tokens.offsets[tokens.known]
            if len(known):
                total = np.sum([self._vector(text[a:b]) for a, b in known.tolist()], axis=0)
                vectors[row] = total / np.linalg.norm(total)
            ledgers.append(measure_coverage(text, tokens, segments=math.ceil(len(tokens) / window)))
        return Embeddings(vectors, tuple(ledgers))

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""
        return self._dim

    def finish_means(self, means: FloatArray) -> FloatArray:
        """Scale them to unit length."""
        return normalize(means)

    def tokens_of(self, text: str, *, kind: TextKind = "document") -> TokenSpans:
        """Return the tokens of ``text``."""
        return self._tokenizer.tokenize([text])[0]

    def token_windows(
        self, text: str, *, kind: TextKind = "document", overlap: int | None = None
    ) -> Iterator[TokenEmbeddings]:
        """Yield `encode_tokens` at once: no token of this encoder sees another."""
        yield self.encode_tokens(text, kind=kind)

    def encode_document(
        self, text: str, *, kind: TextKind = "document", temperature: float = math.inf
    ) -> Embeddings:
        """Embed one text of any length as `embed` does; ``temperature`` changes nothing."""
        return self.embed([text], kind=kind)

    def encode_tokens(self, text: str, *, kind: TextKind = "document") -> TokenEmbeddings:
        """Return the unit vector of each token."""
        [tokens] = self._tokenizer.tokenize([text])
        rows = [self._vector(text[a:b]) for a, b in tokens.offsets.tolist()]
        vectors = np.array(rows, dtype=np.float32).reshape(len(rows), self._dim)
        return TokenEmbeddings(vectors / np.sqrt(np.square(vectors).sum(1, keepdims=True)), tokens.offsets)

    def encode_tokens_of(self, texts: Sequence[str], *, kind: TextKind = "document") -> list[TokenEmbeddings]:
        """Return `encode_tokens` of each text."""
        return [self.encode_tokens(text, kind=kind) for text in texts]

    def _vector(self, token: str) -> FloatArray:
        return _token_vector(token.casefold(), self._dim)


@lru_cache(maxsize=65536)
def _token_vector(token: str, dim: int) -> FloatArray:
    digest = hashlib.shake_128(token.encode()).digest(dim)
    return np.frombuffer(digest, dtype=np.int8).astype(np.float32) + np.float32(0.5)


def _tokens(text: str) -> TokenSpans:
    matches = list(_TOKEN.finditer(text))
    offsets = np.array([match.span() for match in matches], dtype=np.int64).reshape(-1, 2)
    known = np.array([match[0] != "\N{REPLACEMENT CHARACTER}" for match in matches], dtype=np.bool_)
    starts = np.ones(len(matches), dtype=np.bool_)
    is_word = np.array([match[0][0].isalnum() or match[0][0] == "_" for match in matches], dtype=np.bool_)
    starts[1:] = (offsets[1:, 0] != offsets[:-1, 1]) | ~is_word[1:] | ~is_word[:-1]
    return TokenSpans(offsets, known, starts)
