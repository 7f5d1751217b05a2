"""The first documents scored again by the token vectors of query and segments.

Each token of the query takes its best cosine with a token of a segment; a segment's
score is the mean of these, a document's that of its best segment. What the scores add to
the fused ones is never negative, so no document falls behind one that was not scored.

Source:
    Khattab and Zaharia 2020, "ColBERT", arXiv:2004.12832.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from encoders.errors import InvalidInputError
from encoders.pooling import normalize
from retriever.evidence import best_spans
from retriever.fusion import order, standardise
from retriever.paging import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encoders.types import FloatArray, Span, TextKind, TokenEmbeddings
    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.fusion import FloatArray as Scores
    from retriever.options import RerankOptions
    from retriever.profile import SearchProfile
    from retriever.ranking import Ranking
    from retriever.scorers import Scorer
    from retriever.types import ComponentName

_KEPT_SEGMENTS = 512
_AT_ONCE = 4
"""Documents between two looks at the clock, where there is a limit of time."""
_FOREVER = float("inf")


class EncodesTokens(Protocol):
    """An encoder that gives vectors of tokens."""

    def encode_tokens_of(self, texts: Sequence[str], *, kind: TextKind = "document") -> list[TokenEmbeddings]:
        """Return the vectors of the tokens of each text."""
        ...


@dataclass(frozen=True, slots=True)
class Reranked:
    """A ranking after late interaction.

    Attributes:
        tokens: tokens that were encoded for it; those remembered from earlier are not counted.
        scored: how many documents were scored.
        wanted: how many should have been.
    """

    ranking: Ranking
    tokens: int
    scored: int
    wanted: int


@dataclass(slots=True)
class TokenVectors:
    """Token vectors of segments, remembered: half precision, the last 512 segments (some 50 MB)."""

    _kept: Kept[FloatArray] = field(default_factory=lambda: Kept(_KEPT_SEGMENTS, _FOREVER))

    def of(self, encoder: EncodesTokens, texts: Mapping[str, str]) -> tuple[dict[str, FloatArray], int]:
        """Return unit token vectors by segment, and how many tokens had to be encoded.

        Args:
            encoder: makes what is not remembered.
            texts: by a name that stands for one text for ever.
        """
        found = {name: vectors for name in texts if (vectors := self._kept.get(name)) is not None}
        missing = [name for name in texts if name not in found]
        tokens = 0
        for name, embedded in zip(
            missing, encoder.encode_tokens_of([texts[name] for name in missing]), strict=True
        ):
            vectors = normalize(embedded.vectors).astype(np.float16)
            tokens += len(vectors)
            found[name] = vectors
            self._kept.put(name, vectors)
        return {name: vectors.astype(np.float32) for name, vectors in found.items()}, tokens


def tokens_encoder(encoder: object) -> EncodesTokens:
    """Return the encoder as one of tokens.

    Raises:
        InvalidInputError: it gives none.
    """
    if not hasattr(encoder, "encode_tokens_of"):
        raise InvalidInputError("this encoder gives no token vectors, so late interaction cannot be done")
    return encoder


def rerank_late(
    collection: Collection,
    ranking: Ranking,
    options: RerankOptions,
    profile: SearchProfile,
    encoder: EncodesTokens,
    memory: TokenVectors,
    scorer: Scorer,
) -> Reranked:
    """Score the first documents of a ranking again, as many as the time allows."""
    until = time.perf_counter() + (options.timeout_ms / 1_000 if options.timeout_ms else _FOREVER)
    top = ranking.order[: options.top]
    [asked] = encoder.encode_tokens_of([ranking.question.text], kind="query")
    query = normalize(asked.vectors)
    read = len(query)
    scores: dict[int, float] = {}
    at_once = _AT_ONCE if options.timeout_ms else max(1, len(top))
    for start in range(0, len(top), at_once):
        if time.perf_counter() >= until:
            break
        part = top[start : start + at_once]
        entries = [ranking.entries[position] for position in part]
        spans = best_spans(scorer, entries, profile)
        texts = {
            _name(entry, span): collection.text(entry, span.start, span.end)
            for entry, own in zip(entries, spans, strict=True)
            for span in own
        }
        vectors, tokens = memory.of(encoder, texts)
        read += tokens
        for position, entry, own in zip(part, entries, spans, strict=True):
            scores[position] = max(
                (max_similarity(query, vectors[_name(entry, span)]) for span in own), default=0.0
            )
    return Reranked(_with_scores(ranking, scores, profile), read, len(scores), len(top))


def max_similarity(query: FloatArray, segment: FloatArray) -> float:
    """Return the mean over the query's tokens of the best cosine with a token of the segment.

    Args:
        query: ``(query tokens, dim)``, unit rows.
        segment: ``(tokens, dim)``, unit rows.

    Returns:
        0 when either has no token.
    """
    if not len(query) or not len(segment):
        return 0.0
    return float((query @ segment.T).max(axis=1).mean())


def _with_scores(ranking: Ranking, scores: Mapping[int, float], profile: SearchProfile) -> Ranking:
    """Add the scores to a ranking as a component; documents without one are 0 on it."""
    if not scores:
        return ranking
    name: ComponentName = "late_interaction"
    positions = list(scores)
    raw = np.zeros(len(ranking.entries), dtype=np.float64)
    raw[positions] = [scores[position] for position in positions]
    added: Scores = np.zeros_like(raw)
    spread = standardise(raw[positions])
    added[positions] = spread - spread.min()
    weight = profile.late_interaction_for(ranking.question.text)
    total = ranking.total + weight * added
    ids = [entry.doc_id for entry in ranking.entries]
    return replace(
        ranking,
        raw={**ranking.raw, name: raw},
        standardised={**ranking.standardised, name: added},
        weights={**ranking.weights, name: weight},
        total=total,
        order=tuple(order(total, ids)),
    )


def _name(entry: Entry, span: Span) -> str:
    return f"{entry.text}:{span.start}:{span.end}"
