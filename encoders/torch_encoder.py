"""A transformer in this process: every text embedded whole, or it says what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from encoders.coverage import measure_coverage
from encoders.errors import InputTooLongError, InvalidInputError
from encoders.inputs import require_kind, require_texts, token_batches
from encoders.pooling import normalize, soft_pool, truncate_dim
from encoders.torch_forward import round_row
from encoders.torch_threads import in_parallel, parallel_forwards
from encoders.torch_varlen import to_device
from encoders.types import Embeddings, TokenEmbeddings, TokenSpans
from encoders.windows import overlapping_windows, plain_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from encoders.config import Overflow
    from encoders.fast_tokenizer import FastTokenizer, TokenizedText
    from encoders.protocols import Tokenizer
    from encoders.torch_forward import Forward
    from encoders.torch_pooling import Pooling
    from encoders.types import Coverage, FloatArray, IntArray, TextKind

_SLICE_CHARACTERS: Final = 4_000_000
_LEAST_BATCH: Final = 512
"""Tokens, below which a forward beside others would gain nothing."""
_SLACK: Final = 16
"""Tokens more than its share that a forward may have, so that none is left for another one."""
_LONG: Final = 4_096
"""Tokens, from which on a text is read by all threads together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderParts:
    """What a `TorchEncoder` is made of.

    Attributes:
        tokenizer: text to ids.
        forward: ids to hidden states.
        pooling: hidden states to vectors.
        prompts: read before every text of a kind.
        include_prompt: False leaves the prompt out of the pooling.
        hidden_size: length of a token vector.
        pooled_size: length of what the pooling gives.
        dim: length of a vector; shorter than what the model gives for Matryoshka.
        max_tokens: the longest input, special tokens and prompt included.
        window_tokens: the longest forward; below ``max_tokens`` for parallel windows.
        batch_tokens: tokens per forward.
        parallel: forwards run beside each other, as on a CPU.
        overflow: what happens to longer texts.
        fingerprint: everything that changes a vector.
    """

    tokenizer: FastTokenizer
    forward: Forward
    pooling: Pooling
    prompts: dict[TextKind, str]
    include_prompt: bool
    hidden_size: int
    pooled_size: int
    dim: int
    max_tokens: int
    window_tokens: int
    batch_tokens: int
    parallel: bool
    overflow: Overflow
    fingerprint: dict[str, str | int | float | bool | None]


class TorchEncoder:
    """Implements `encoders.protocols.Encoder`; also gives token vectors and document vectors."""

    def __init__(self, parts: EncoderParts) -> None:
        self._parts = parts
        self._readers = {kind: parts.tokenizer.with_prompt(prompt) for kind, prompt in parts.prompts.items()}
        for kind, reader in self._readers.items():
            if parts.window_tokens <= reader.special_tokens:
                raise InvalidInputError(
                    f"max_tokens of {parts.window_tokens} leaves no room beside the special tokens "
                    f"and the {kind} prompt; raise it to at least {reader.special_tokens + 1}",
                    max_tokens=parts.window_tokens,
                )

    @property
    def parts(self) -> EncoderParts:
        """What it is made of."""
        return self._parts

    @property
    def fingerprint(self) -> dict[str, str | int | float | bool | None]:
        """Everything that changes a vector."""
        return dict(self._parts.fingerprint)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._parts.dim

    @property
    def max_tokens(self) -> int:
        """The longest input in one pass, special tokens and prompt included."""
        return self._parts.max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts as this model counts, the document prompt among the special tokens."""
        return self._readers["document"]

    @property
    def forward_note(self) -> str:
        """One sentence that says how the model runs: packed, or padded and why."""
        return self._parts.forward.note

    def encode(self, texts: Sequence[str], *, kind: TextKind = "document") -> FloatArray:
        """Return `embed`'s vectors alone."""
        return self.embed(texts, kind=kind).vectors

    def embed(self, texts: Sequence[str], *, kind: TextKind = "document") -> Embeddings:
        """Embed ``texts``; what happens to one over `max_tokens` is the overflow policy."""
        require_texts(texts)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        ledgers: list[Coverage] = []
        for start, part, read in self._read_ahead(texts, kind):
            windows = [self._windows(text, kind, place=start + i) for i, text in enumerate(read)]
            pooled = self._pool_windows(read, windows, kind)
            done = 0
            for i, own in enumerate(windows):
                if own:
                    vectors[start + i] = _finish(pooled[done : done + len(own)], self.dim)
                    done += len(own)
                end = own[-1][1] if own else 0
                ledgers.append(measure_coverage(part[i], read[i].spans, read=end, segments=len(own)))
        return Embeddings(vectors, tuple(ledgers))

    def encode_document(
        self, text: str, *, kind: TextKind = "document", temperature: float = float("inf")
    ) -> Embeddings:
        """Embed one text of any length as one vector: windows side by side, then `soft_pool`.

        A text that fits the model is read in a single pass. Memory is bounded by
        the tokens and one vector per window.

        Args:
            text: any length; the overflow policy does not apply.
            kind: which prompt the model applies.
            temperature: of the pooling of unit window vectors: 0 is their maximum, infinity their mean.

        Returns:
            one row and one ledger.
        """
        [read] = self._read([text], kind)
        own = plain_windows(len(read), size=self._room(kind, self._parts.window_tokens))
        vectors = np.zeros((1, self.dim), dtype=np.float32)
        if own:
            pooled = normalize(self._pool_windows([read], [own], kind))
            vectors[0] = _finish(soft_pool(pooled, temperature=temperature)[None], self.dim)
        return Embeddings(vectors, (measure_coverage(text, read.spans, segments=len(own)),))

    def encode_tokens(self, text: str, *, kind: TextKind = "document") -> TokenEmbeddings:
        """Return the hidden state of every token of ``text``, special tokens and prompt excluded.

        A text over `max_tokens` is read in overlapping windows; see `token_windows`
        for one that is too long to hold.
        """
        parts = list(self.token_windows(text, kind=kind))
        if not parts:
            empty = np.zeros((0, self._parts.hidden_size), dtype=np.float32)
            return TokenEmbeddings(empty, np.zeros((0, 2), dtype=np.int64))
        return TokenEmbeddings(
            np.concatenate([part.vectors for part in parts]), np.concatenate([part.offsets for part in parts])
        )

    def encode_tokens_of(self, texts: Sequence[str], *, kind: TextKind = "document") -> list[TokenEmbeddings]:
        """Return `encode_tokens` of each text; those that fit the model share forwards."""
        read = self._read(texts, kind)
        room = self._room(kind, self._parts.window_tokens)
        short = [place for place, text in enumerate(read) if 0 < len(text) <= room]
        found: dict[int, TokenEmbeddings] = {}

        def run(batch: list[int]) -> None:
            rows = [self._row(read[short[one]], kind) for one in batch]
            for places, group in self._parts.forward(rows):
                for row, states in zip(places, group, strict=True):
                    place = short[batch[row]]
                    lead = self._before(read[place], kind)
                    own = states[lead : lead + len(read[place])].float().cpu().numpy()
                    found[place] = TokenEmbeddings(own, read[place].spans.offsets)

        self._run_all(run, [len(read[place]) for place in short])
        return [
            found[place] if place in found else self.encode_tokens(text, kind=kind)
            for place, text in enumerate(texts)
        ]

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""
        return self._parts.hidden_size

    def finish_means(self, means: FloatArray) -> FloatArray:
        """Make vectors like those of `encode` of means of token vectors ``(n, token_dim)``.

        Raises:
            InvalidInputError: the model does not average token vectors.
        """
        pooling = self._parts.pooling
        if pooling.names != ["mean"]:
            raise InvalidInputError(
                f"late chunking averages token vectors, and this model pools by {'+'.join(pooling.names)}; "
                "load a model with mean pooling",
                pooling="+".join(pooling.names),
            )
        made = pooling.finish(torch.from_numpy(means).to(pooling.device)).cpu().numpy()
        made[~means.any(axis=1)] = 0.0
        return truncate_dim(made, self.dim)

    def tokens_of(self, text: str, *, kind: TextKind = "document") -> TokenSpans:
        """Return the tokens that `token_windows` gives vectors of."""
        return self._read([text], kind)[0].spans

    def token_windows(
        self, text: str, *, kind: TextKind = "document", overlap: int | None = None
    ) -> Iterator[TokenEmbeddings]:
        """Yield the hidden states of every token of ``text`` once, in order, window by window.

        Args:
            text: any length.
            kind: which prompt each window begins with.
            overlap: tokens that neighbouring windows share; a quarter of a window when None.
        """
        [read] = self._read([text], kind)
        size = self._room(kind, self._parts.window_tokens)
        windows = overlapping_windows(len(read), size=size, overlap=size // 4 if overlap is None else overlap)
        step = max(self._parts.batch_tokens // self._parts.window_tokens, 1)
        for start in range(0, len(windows), step):
            batch = windows[start : start + step]
            rows = [self._row(read, kind, window.start, window.end) for window in batch]
            hidden = {
                place: states
                for places, group in self._parts.forward(rows)
                for place, states in zip(places, group, strict=True)
            }
            for place, window in enumerate(batch):
                lead = self._before(read, kind, window.start) - window.start
                first, last = lead + window.own_start, lead + window.own_end
                offsets = read.spans.offsets[window.own_start : window.own_end]
                yield TokenEmbeddings(hidden[place][first:last].float().cpu().numpy(), offsets)

    def _read(self, texts: Sequence[str], kind: TextKind) -> list[TokenizedText]:
        require_kind(kind)
        return self._readers[kind].read(texts)

    def _room(self, kind: TextKind, tokens: int) -> int:
        return tokens - self._readers[kind].special_tokens

    def _lead(self, read: TokenizedText, kind: TextKind, start: int) -> IntArray:
        return self._readers[kind].prompt_ids if start else read.lead

    def _before(self, read: TokenizedText, kind: TextKind, start: int = 0) -> int:
        """Count the tokens before those of a text in a window that begins at ``start``."""
        return len(self._parts.tokenizer.prefix) + len(self._lead(read, kind, start))

    def _row(self, read: TokenizedText, kind: TextKind, start: int = 0, end: int | None = None) -> IntArray:
        tokenizer = self._parts.tokenizer
        lead = self._lead(read, kind, start)
        parts = [np.array(tokenizer.prefix), lead, read.ids[start:end], np.array(tokenizer.suffix)]
        return np.concatenate(parts).astype(np.int64)

    def _read_ahead(
        self, texts: Sequence[str], kind: TextKind
    ) -> Iterator[tuple[int, Sequence[str], list[TokenizedText]]]:
        """Tokenize the next slice of texts while the current one is in the model."""
        slices = list(_slices(texts))
        if len(slices) == 1:  # a question is not worth a thread
            yield 0, texts, self._read(texts, kind)
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenize") as pool:
            ahead = [pool.submit(self._read, texts[a:b], kind) for a, b in slices[:1]]
            for number, (start, end) in enumerate(slices):
                following = slices[number + 1 : number + 2]
                ahead += [pool.submit(self._read, texts[a:b], kind) for a, b in following]
                yield start, texts[start:end], ahead.pop(0).result()

    def _windows(self, text: TokenizedText, kind: TextKind, *, place: int) -> list[tuple[int, int]]:
        parts = self._parts
        limit = self._room(kind, parts.max_tokens)
        if len(text) > limit and parts.overflow == "error":
            raise InputTooLongError(
                f"texts[{place}] has {len(text)} tokens and the encoder reads {limit} beside special tokens; "
                "cut it into segments, or choose overflow='split'",
                place=place,
                tokens=len(text),
                limit=limit,
            )
        read = min(len(text), limit) if parts.overflow == "truncate" else len(text)
        return plain_windows(read, size=self._room(kind, parts.window_tokens))

    def _pool_windows(
        self, read: Sequence[TokenizedText], windows: Sequence[Sequence[tuple[int, int]]], kind: TextKind
    ) -> FloatArray:
        """Return one vector per window, in order, not normalised.

        They go into one array: kept apart, they would lie between the buffers of forwards, and
        memory would grow with every one. It stays where the model computes until all are there: a
        graphics card that is asked for each batch waits for the next one.
        """
        placed = [(one, a, b) for one, own in zip(read, windows, strict=True) for a, b in own]
        rows = [self._row(one, kind, a, b) for one, a, b in placed]
        device = self._parts.pooling.device
        vectors = torch.empty((len(rows), self._parts.pooled_size), device=device)
        skips = [0] * len(rows)
        if not self._parts.include_prompt and self._parts.prompts[kind]:
            skips = [self._before(one, kind, a) for one, a, _ in placed]

        for skip in sorted(set(skips)):  # one, but where a prompt shares a token with some texts

            def run(batch: list[int], *, own: Sequence[int], skip: int = skip) -> None:
                places: list[int] = []
                groups: list[torch.Tensor] = []
                for found, hidden in self._parts.forward([rows[own[i]] for i in batch]):
                    places += [own[batch[place]] for place in found]
                    groups.append(hidden)
                index = torch.from_numpy(np.array(places, dtype=np.int64))
                vectors.index_copy_(0, to_device(index, device), self._parts.pooling(groups, skip=skip))

            alike = [place for place, one in enumerate(skips) if one == skip]
            self._run_all(partial(run, own=alike), [len(rows[place]) for place in alike])
        return vectors.cpu().numpy()

    def _run_all(self, run: Callable[[list[int]], None], lengths: Sequence[int]) -> None:
        """Run batches of places, of texts of so many tokens; beside each other where that helps.

        A long text is all the work of one thread for seconds, while the others may have none left;
        its own steps are large enough to be shared. Short ones are dealt out evenly.
        """
        budget = self._parts.batch_tokens
        if not self._parts.parallel:
            for batch in token_batches(lengths, budget=budget):
                run(batch)
            return
        for place, length in enumerate(lengths):
            if length >= _LONG:
                run([place])
        short = [place for place, length in enumerate(lengths) if length < _LONG]
        own = [lengths[place] for place in short]
        rounds = -(-sum(own) // (budget * parallel_forwards())) or 1
        share = round_row(-(-sum(own) // (rounds * parallel_forwards())) + _SLACK)
        batches = token_batches(own, budget=max(min(budget, share), _LEAST_BATCH))
        in_parallel(run, [[short[place] for place in batch] for batch in batches])


def _finish(windows: FloatArray, dim: int) -> FloatArray:
    """Average windows, keep the first ``dim`` numbers, normalise."""
    mean = windows.mean(axis=0, dtype=np.float64, keepdims=True)
    finished: FloatArray = truncate_dim(mean.astype(np.float32), dim)[0]
    return finished


def _slices(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = held = 0
    for place, text in enumerate(texts):
        held += len(text)
        if held >= _SLICE_CHARACTERS:
            yield start, place + 1
            start, held = place + 1, 0
    if start < len(texts):
        yield start, len(texts)
