"""Scores texts by a cross-encoder or a late-interaction model of sentence-transformers."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import sentence_transformers

from encoders.errors import ModelError
from retriever.rerank.types import TextScores, TokenUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_BATCH = 16


class CrossEncoderScorer:
    """A model that reads query and text together (`retriever.rerank.protocols.TextScorer`).

    One call at a time; the others wait. What is longer than the model reads is cut by it.
    """

    def __init__(self, model: Any, *, name: str) -> None:
        self._model = model
        self._busy = threading.Lock()
        self.name = name

    async def score(self, query: str, texts: Sequence[str]) -> TextScores:
        """Score all texts in batches."""
        return await asyncio.to_thread(self._score, query, texts)

    def _score(self, query: str, texts: Sequence[str]) -> TextScores:
        with self._busy:
            found = self._model.predict(
                [(query, text) for text in texts], batch_size=_BATCH, show_progress_bar=False
            )
        values = np.asarray(found, dtype=np.float64)
        if values.shape != (len(texts),):
            raise ModelError(
                f"{self.name} gives {values.shape[1:]} values a pair; a cross-encoder that ranks gives one",
                model=self.name,
            )
        return TextScores(scores=_finite(values), usage=_read(self._model, [query] * len(texts), texts))


class LateInteractionScorer:
    """A model of one vector a token, in the manner of ColBERT (`retriever.rerank.protocols.TextScorer`).

    A text's score is the sum over the query's vectors of the best similarity with one of its own.

    Source:
        Khattab and Zaharia 2020, "ColBERT", arXiv:2004.12832.
    """

    def __init__(self, model: Any, *, name: str) -> None:
        self._model = model
        self._busy = threading.Lock()
        self.name = name

    async def score(self, query: str, texts: Sequence[str]) -> TextScores:
        """Score all texts in batches."""
        return await asyncio.to_thread(self._score, query, texts)

    def _score(self, query: str, texts: Sequence[str]) -> TextScores:
        options: dict[str, Any] = {"show_progress_bar": False, "convert_to_numpy": True}
        with self._busy:
            [asked] = self._model.encode_query([query], **options)
            found = self._model.encode_document(list(texts), batch_size=_BATCH, **options)
        values = np.array([_max_sim(np.asarray(asked), np.asarray(one)) for one in found], dtype=np.float64)
        return TextScores(scores=_finite(values), usage=_read(self._model, [query], texts))


def load_cross_encoder(model: str) -> CrossEncoderScorer:
    """Load a cross-encoder by folder or name.

    Raises:
        ModelError: there is none.
    """
    return CrossEncoderScorer(_load(sentence_transformers.CrossEncoder, model), name=model)


def load_late_interaction(model: str) -> LateInteractionScorer:
    """Load a late-interaction model by folder or name.

    Raises:
        ModelError: there is none, or the installed sentence-transformers knows none.
    """
    kind = getattr(sentence_transformers, "MultiVectorEncoder", None)
    if kind is None:
        raise ModelError("models of one vector a token need sentence-transformers 6; upgrade it", model=model)
    return LateInteractionScorer(_load(kind, model), name=model)


def _load(kind: Any, model: str) -> Any:
    try:
        return kind(model)
    except (OSError, ValueError) as error:
        raise ModelError(f"{model!r} cannot be read as a {kind.__name__}: {error}", model=model) from error


def _max_sim(query: npt.NDArray[Any], text: npt.NDArray[Any]) -> float:
    return float((query @ text.T).max(axis=1).sum()) if len(query) and len(text) else 0.0


def _finite(values: npt.NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def _read(model: Any, queries: Sequence[str], texts: Sequence[str]) -> TokenUsage:
    ids = model.tokenizer([*queries, *texts], add_special_tokens=True, verbose=False)["input_ids"]
    return TokenUsage(read=sum(map(len, ids)))
