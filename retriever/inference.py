"""What an encoder does for texts that are in no collection: vectors, and scores against a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from encoders.errors import InputTooLongError, InvalidInputError
from encoders.late_chunking import late_chunk
from encoders.pooling import normalize
from encoders.types import Span
from retriever.types import ModelInfo, TextScores, Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.late_chunking import TokenEncoder
    from encoders.protocols import Encoder
    from encoders.types import Embeddings, FloatArray, TextKind

LATE_INTERACTION = "late-interaction"
COSINE = "cosine"


class _Decodes(Protocol):
    """A tokenizer that can turn its ids back into text."""

    def decode(self, ids: Sequence[int]) -> str: ...


def model_info(encoder: Encoder) -> ModelInfo:
    """Say which encoder this is."""
    fingerprint = encoder.fingerprint
    return ModelInfo(
        name=str(fingerprint.get("model", "")),
        revision=str(fingerprint.get("revision", "")),
        dim=encoder.dim,
        max_tokens=encoder.max_tokens,
        reranks_by=LATE_INTERACTION if _has_tokens(encoder) else COSINE,
    )


def embed_texts(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    kind: TextKind = "document",
    dimensions: int | None = None,
    late_chunking: bool = False,
) -> Vectors:
    """Embed texts of any length.

    Args:
        encoder: makes the vectors.
        texts: read whole; one that is longer than the model reads is split and averaged.
        kind: which prompt the model applies.
        dimensions: cut the vectors to so many and scale them to unit length again.
        late_chunking: read the texts as parts of one document, each in the context of the others.

    Raises:
        InvalidInputError: more dimensions than the model has, or a model without token
            vectors for late chunking.
    """
    if dimensions is not None and not 1 <= dimensions <= encoder.dim:
        raise InvalidInputError(
            f"dimensions is {dimensions}; the model gives 1 to {encoder.dim}", dimensions=dimensions
        )
    embedded = _embed_in_context(encoder, texts, kind) if late_chunking else encoder.embed(texts, kind=kind)
    vectors = embedded.vectors
    if dimensions is not None and dimensions < vectors.shape[1]:
        vectors = normalize(vectors[:, :dimensions])
    return Vectors(
        model=model_info(encoder).name,
        dim=vectors.shape[1],
        data=np.ascontiguousarray(vectors, dtype="<f4").tobytes(),
        coverage=embedded.coverage,
    )


def check_tokens(encoder: Encoder, texts: Sequence[str], *, limit: int | None) -> None:
    """Refuse more tokens than allowed in one call.

    Raises:
        InputTooLongError: the texts have more; nothing was embedded.
    """
    if limit is None or sum(map(len, texts)) <= limit:  # a token has at least one character
        return
    tokens = sum(map(len, encoder.tokenizer.tokenize(texts)))
    if tokens > limit:
        raise InputTooLongError(
            f"{tokens:,} tokens in one call, the limit is {limit:,}; send fewer texts at a time",
            tokens=tokens,
            limit=limit,
        )


def decode_tokens(encoder: Encoder, tokens: Sequence[Sequence[int]]) -> list[str]:
    """Turn ids of the encoder's own tokenizer back into texts.

    Raises:
        InvalidInputError: the encoder has no ids, or an id is not in its vocabulary.
    """
    if not hasattr(encoder.tokenizer, "decode"):
        raise InvalidInputError("this encoder takes texts, it has no token ids; send strings")
    tokenizer = cast("_Decodes", encoder.tokenizer)
    return [tokenizer.decode(ids) for ids in tokens]


def score_texts(encoder: Encoder, query: str, texts: Sequence[str]) -> TextScores:
    """Score texts against a query by late interaction, or by cosine where there are no token vectors.

    Late interaction: for each token of the query the best cosine with a token of the
    text, on average; negative ones count as 0.

    Source:
        Khattab and Zaharia 2020, "ColBERT", arXiv:2004.12832.
    """
    by = LATE_INTERACTION if _has_tokens(encoder) else COSINE
    if by == LATE_INTERACTION:
        scores, read = _by_tokens(cast("TokenEncoder", encoder), query, texts)
    else:
        scores, read = _by_vectors(encoder, query, texts)
    return TextScores(
        model=f"{model_info(encoder).name}/{by}",
        scores=tuple(float(score) for score in np.clip(scores, 0.0, 1.0)),
        tokens=read,
    )


def _embed_in_context(encoder: Encoder, texts: Sequence[str], kind: TextKind) -> Embeddings:
    if not _has_tokens(encoder):
        raise InvalidInputError("this encoder gives no token vectors, so it cannot chunk late")
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)]).tolist()
    spans = [Span(start, start + len(text)) for start, text in zip(starts, texts, strict=False)]
    return late_chunk(cast("TokenEncoder", encoder), "\n".join(texts), spans, kind=kind)


def _by_tokens(encoder: TokenEncoder, query: str, texts: Sequence[str]) -> tuple[list[float], int]:
    asked = _token_vectors(encoder, query, "query")
    scores, read = [], len(asked)
    for text in texts:
        found = _token_vectors(encoder, text, "document")
        read += len(found)
        scores.append(float((asked @ found.T).max(axis=1).mean()) if len(asked) and len(found) else 0.0)
    return scores, read


def _token_vectors(encoder: TokenEncoder, text: str, kind: TextKind) -> FloatArray:
    rows = [
        window.vectors[window.offsets[:, 1] > window.offsets[:, 0]]
        for window in encoder.token_windows(text, kind=kind)
    ]
    empty = np.zeros((0, encoder.token_dim), dtype=np.float32)
    return normalize(np.concatenate([empty, *rows]))


def _by_vectors(encoder: Encoder, query: str, texts: Sequence[str]) -> tuple[list[float], int]:
    asked = encoder.embed([query], kind="query")
    found = encoder.embed(texts, kind="document")
    read = sum(ledger.tokens for ledger in (*asked.coverage, *found.coverage))
    return (found.vectors @ asked.vectors[0]).tolist(), read


def _has_tokens(encoder: Encoder) -> bool:
    return hasattr(encoder, "token_windows")
