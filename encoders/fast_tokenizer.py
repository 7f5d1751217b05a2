"""A model's own tokenizer with nothing truncated and nothing read as a command.

Texts are read in pieces cut at white space where that changes no token, so a
text of fifty megabytes needs no more memory than its tokens.
"""

from __future__ import annotations

import json
import re
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from encoders.errors import InvalidInputError, ModelError
from encoders.inputs import require_texts
from encoders.types import TokenSpans
from encoders.word_repair import repair_words
from encoders.word_table import WordTable, reads_by_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tokenizers import Encoding
    from tokenizers import Tokenizer as RustTokenizer

    from encoders.types import BoolArray, IntArray
    from encoders.word_table import Tokens

_PIECE_CHARACTERS = 50_000
_GROUP_CHARACTERS = 2_000_000
_BEGINNINGS = ("the", "The", "rent", "x", "1", "(", "\n", "\u00e9", "\u0416", "\u4e2d")
"""Texts that a prompt is read with, to find out how many tokens of it there are at most."""


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """The token ids of one text, special tokens excluded, and where each stands.

    Attributes:
        lead: ids of the prompt before it. Where prompt and text share a token it is the text's.
    """

    ids: IntArray
    spans: TokenSpans
    lead: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ids)


class FastTokenizer:
    """Implements `encoders.protocols.Tokenizer` over a ``tokenizer.json``.

    A name of a special token inside a text, such as ``[SEP]``, is read as the
    characters it is made of. WordPiece makes one unknown token of every word
    with a character it does not know, and of every word over 100 characters;
    here such a word is cut and everything in it that has a token gets one.
    """

    def __init__(self, tokenizer: RustTokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._prefix, self._suffix = _frame(tokenizer)
        tokenizer.encode_special_tokens = True
        self._rust = tokenizer
        state = json.loads(tokenizer.to_str())
        self._kind = str(state["model"]["type"])
        if self._kind == "Unigram":
            _part_special_names(tokenizer)
        self._unknown = _unknown_id(tokenizer, state["model"])
        self._spaces_lead = "ByteLevel" in json.dumps(state["pre_tokenizer"])
        self._prompt = ""
        self._prompt_start = self._prompt_ids = np.zeros(0, dtype=np.int64)
        self._most_prompt_tokens = 0
        self._table = WordTable(self._read_as_words) if reads_by_words(state) else None

    @property
    def special_tokens(self) -> int:
        """Tokens added around every text: the model's own and those of the prompt."""
        return len(self._prefix) + len(self._suffix) + self._most_prompt_tokens

    @property
    def prefix(self) -> tuple[int, ...]:
        """Ids before every text."""
        return self._prefix

    @property
    def suffix(self) -> tuple[int, ...]:
        """Ids after every text."""
        return self._suffix

    @property
    def prompt_ids(self) -> IntArray:
        """Ids of the prompt before a window that does not begin its text."""
        return self._prompt_ids

    def with_prompt(self, prompt: str) -> FastTokenizer:
        """Return the same tokenizer that reads ``prompt`` before every text, as one string with it.

        Special tokens have their meaning in a prompt. The space that ends one belongs to the text's
        first token in most tokenizers but WordPiece.
        """
        require_texts([prompt])
        led = copy(self)
        led._prompt_start, led._prompt = self._cut_prompt(prompt)
        bare = led._prompt if self._kind == "WordPiece" else led._prompt.rstrip(" ")
        led._prompt_ids = np.concatenate([led._prompt_start, self.read([bare])[0].ids])
        if led._prompt:
            led._most_prompt_tokens = 1 << 30  # nothing is too long while it is found out
            led._most_prompt_tokens = max(len(one.lead) for one in led.read(_BEGINNINGS))
        led._most_prompt_tokens = max(led._most_prompt_tokens, len(led._prompt_ids))
        return led

    def _cut_prompt(self, prompt: str) -> tuple[IntArray, str]:
        """Return the ids of a prompt up to its last special token, and what comes after."""
        self._rust.encode_special_tokens = False
        try:
            read = self._rust.encode(prompt, add_special_tokens=False)
        finally:
            self._rust.encode_special_tokens = True
        names = {one.content for one in self._rust.get_added_tokens_decoder().values() if one.special}
        special = [place for place, token in enumerate(read.tokens) if token in names]
        if not special:
            return np.zeros(0, dtype=np.int64), prompt
        last = special[-1] + 1
        return np.array(read.ids[:last], dtype=np.int64), prompt[read.offsets[last - 1][1] :]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that ids of this vocabulary stand for; special tokens stand for none.

        Raises:
            InvalidInputError: an id is not in the vocabulary.
        """
        size = self._rust.get_vocab_size()
        strange = [one for one in ids if not 0 <= one < size]
        if strange:
            raise InvalidInputError(
                f"token id {strange[0]} is not in this model's vocabulary of {size}; ids of another "
                "model's tokenizer mean nothing here, send strings",
                id=strange[0],
                size=size,
            )
        return str(self._rust.decode(list(ids)))

    def tokenize(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Return the tokens of each text."""
        return [read.spans for read in self.read(texts)]

    def read(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Return ids and spans of each text, in order, and of the prompt before it."""
        require_texts(texts)
        if self._prompt:
            led = self._read([self._prompt + text if text else "" for text in texts])
            return [self._parted(one) for one in led]
        read = self._read(texts)
        return [replace(one, lead=self._prompt_start) for one in read] if len(self._prompt_start) else read

    def _read(self, texts: Sequence[str]) -> list[TokenizedText]:
        if self._table is None:
            return self._read_whole(texts)
        return [self._tokenized(*self._table.read(text)) for text in texts]

    def _parted(self, read: TokenizedText) -> TokenizedText:
        """Part a text from the prompt that was read with it."""
        spans, characters = read.spans, len(self._prompt)
        beyond = np.flatnonzero(spans.offsets[:, 1] > characters)
        first = int(beyond[0]) if len(beyond) else len(read)
        word_starts = spans.word_starts[first:].copy()
        word_starts[:1] = True
        lead = np.concatenate([self._prompt_start, read.ids[:first]])
        return TokenizedText(
            read.ids[first:],
            TokenSpans(np.maximum(spans.offsets[first:] - characters, 0), spans.known[first:], word_starts),
            lead if len(lead) <= self._most_prompt_tokens else self._prompt_ids,
        )

    def _read_whole(self, texts: Sequence[str]) -> list[TokenizedText]:
        done: list[list[TokenizedText]] = [[] for _ in texts]
        for group in _groups(self._pieces(texts)):
            encodings = self._rust.encode_batch([piece for _, _, piece in group], add_special_tokens=False)
            for (row, start, piece), encoding in zip(group, encodings, strict=True):
                done[row].append(self._tokens(encoding, piece, start))
        return [_joined(parts) for parts in done]

    def _pieces(self, texts: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        for row, text in enumerate(texts):
            if self._kind != "WordPiece" or len(text) <= _PIECE_CHARACTERS:
                yield row, 0, text
                continue
            for start, end in pairwise(_cuts(text)):
                yield row, start, text[start:end]

    def _tokens(self, encoding: Encoding, piece: str, start: int) -> TokenizedText:
        ids = np.array(encoding.ids, dtype=np.int64)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        words = np.array([-1 if word is None else word for word in encoding.word_ids], dtype=np.int64)
        word_starts = np.ones(len(ids), dtype=np.bool_)
        word_starts[1:] = words[1:] != words[:-1]
        if self._spaces_lead:
            _take_leading_spaces(piece, offsets)
        if self._kind == "WordPiece":
            ids, offsets, word_starts = repair_words(
                piece, ids, offsets, word_starts, unknown=self._unknown, encode=self._encode_pieces
            )
        return self._tokenized(ids, offsets + start, word_starts)

    def _tokenized(self, ids: IntArray, offsets: IntArray, word_starts: BoolArray) -> TokenizedText:
        return TokenizedText(ids, TokenSpans(offsets, ids != self._unknown, word_starts))

    def _read_as_words(self, text: str) -> Tokens:
        read = self._read_whole([text])[0]
        return read.ids, read.spans.offsets, read.spans.word_starts

    def _encode_pieces(self, pieces: Sequence[str]) -> list[tuple[IntArray, IntArray]]:
        return [
            (np.array(one.ids, dtype=np.int64), np.array(one.offsets, dtype=np.int64).reshape(-1, 2))
            for one in self._rust.encode_batch(list(pieces), add_special_tokens=False)
        ]


def load_tokenizer(folder: Path, *, lowercase: bool = False) -> FastTokenizer:
    """Read ``tokenizer.json`` of a model folder; ``lowercase`` lowers every text first.

    Raises:
        ModelError: the folder has no such file, or one that cannot be read.
    """
    from tokenizers import Tokenizer as RustTokenizer
    from tokenizers import normalizers

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(
            f"{folder} has no tokenizer.json; save its tokenizer as a fast one first", folder=str(folder)
        )
    try:
        tokenizer = RustTokenizer.from_file(str(path))
    except Exception as error:  # it raises nothing narrower
        raise ModelError(f"{path} cannot be read: {error}", file=str(path)) from error
    if lowercase:
        steps = [normalizers.Lowercase(), *([tokenizer.normalizer] if tokenizer.normalizer else [])]
        tokenizer.normalizer = normalizers.Sequence(steps)
    return FastTokenizer(tokenizer)


def _frame(tokenizer: RustTokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    encoding = tokenizer.encode("a")
    own = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
    if not own:
        raise ModelError("the tokenizer makes no token of the letter a")
    return tuple(encoding.ids[: own[0]]), tuple(encoding.ids[own[-1] + 1 :])


def _part_special_names(tokenizer: RustTokenizer) -> None:
    """Cut names of special tokens after their first character; a Unigram would find them in a text."""
    from tokenizers import Regex, pre_tokenizers

    special = [one.content for one in tokenizer.get_added_tokens_decoder().values() if one.special]
    firsts = [f"{re.escape(name[0])}(?={re.escape(name[1:])})" for name in special if len(name) > 1]
    if firsts:
        steps = [pre_tokenizers.Split(Regex("|".join(firsts)), "isolated")]
        steps += [tokenizer.pre_tokenizer] if tokenizer.pre_tokenizer else []
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)


def _unknown_id(tokenizer: RustTokenizer, model: dict[str, object]) -> int:
    if isinstance(model.get("unk_id"), int):
        return int(str(model["unk_id"]))
    name = model.get("unk_token")
    found = tokenizer.token_to_id(name) if isinstance(name, str) else None
    return -1 if found is None else found


def _cuts(text: str) -> list[int]:
    """Return places before spaces or line ends, about `_PIECE_CHARACTERS` apart, and both ends."""
    cuts = [0]
    while len(text) - cuts[-1] > _PIECE_CHARACTERS:
        place = cuts[-1] + _PIECE_CHARACTERS
        while place < len(text) and text[place] not in " \n\t\r":
            place += 1
        cuts.append(place)
    return cuts if cuts[-1] == len(text) else [*cuts, len(text)]


def _groups(pieces: Iterator[tuple[int, int, str]]) -> Iterator[list[tuple[int, int, str]]]:
    group: list[tuple[int, int, str]] = []
    held = 0
    for piece in pieces:
        group.append(piece)
        held += len(piece[2])
        if held >= _GROUP_CHARACTERS:
            yield group
            group, held = [], 0
    if group:
        yield group


def _take_leading_spaces(text: str, offsets: IntArray) -> None:
    """Give byte-level tokens the space they begin with, which their offsets leave out."""
    ends = np.concatenate([[0], offsets[:-1, 1]]) if len(offsets) else offsets[:, 1]
    for row in np.flatnonzero(offsets[:, 0] > ends).tolist():
        if text[offsets[row, 0] - 1] == " ":
            offsets[row, 0] -= 1


def _joined(parts: list[TokenizedText]) -> TokenizedText:
    if len(parts) == 1:
        return parts[0]
    spans = TokenSpans(
        np.concatenate([part.spans.offsets for part in parts]),
        np.concatenate([part.spans.known for part in parts]),
        np.concatenate([part.spans.word_starts for part in parts]),
    )
    return TokenizedText(np.concatenate([part.ids for part in parts]), spans)
