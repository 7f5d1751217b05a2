"""A transformer in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import AutoModel

from encoders.coverage import measure_coverage
from encoders.inputs import token_batches
from encoders.types import Embeddings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.config import EncoderConfig
    from encoders.fast_tokenizer import FastTokenizer
    from encoders.protocols import Tokenizer
    from encoders.types import FloatArray, IntArray, TextKind


class TorchEncoder:
    """Encodes with a transformers model, batches cut by tokens."""

    def __init__(self, folder: Path, tokenizer: FastTokenizer, config: EncoderConfig, *, name: str) -> None:
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self._tokenizer = tokenizer
        self._config = config
        self._name = name
        self._max_tokens = config.max_tokens or 256

    @property
    def fingerprint(self) -> dict[str, str | int | float | bool | None]:
        """Everything that changes a vector."""
        return {"model": self._name, "revision": None, "dim": self.dim, "pooling": "mean"}

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model.config.hidden_size)

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
        """Embed ``texts``; longer ones are split and averaged by tokens."""
        read = self._tokenizer.read(texts)
        window = self._max_tokens - self._tokenizer.special_tokens
        pieces = [(row, r.ids[a : a + window]) for row, r in enumerate(read) for a in range(0, len(r), window)]
        means = self._means([ids for _, ids in pieces])
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for (row, ids), mean in zip(pieces, means, strict=True):
            vectors[row] += mean * len(ids)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        counts = np.bincount([row for row, _ in pieces], minlength=len(texts))
        ledgers = [
            measure_coverage(text, r.spans, segments=int(count))
            for text, r, count in zip(texts, read, counts, strict=True)
        ]
        return Embeddings(vectors, tuple(ledgers))

    @torch.inference_mode()
    def _means(self, pieces: list[IntArray]) -> FloatArray:
        means = np.zeros((len(pieces), self.dim), dtype=np.float32)
        for batch in token_batches([len(ids) for ids in pieces], budget=self._config.batch_tokens or 4096):
            rows = [[*self._tokenizer.prefix, *pieces[i].tolist(), *self._tokenizer.suffix] for i in batch]
            width = max(map(len, rows))
            ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            means[batch] = ((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).numpy()
        return means
