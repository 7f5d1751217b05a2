"""The settings of a search, fitted once for all sets and not per query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retriever.types import ComponentName


def _default_weights() -> Mapping[ComponentName, float]:
    return {"segment_dense": 0.5, "document_lexical": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProfile:
    """How candidates are found, scored and fused.

    Attributes:
        weights: of each component's standardised score.
        best_segments: a document's dense score is the mean of so many best segments.
        segment_candidates: segments asked of the dense side at first.
        document_candidates: documents taken from each side.
        evidence_lexical: weight of BM25 beside cosine when segments are chosen as evidence, 0 to 1.
    """

    weights: Mapping[ComponentName, float] = field(default_factory=_default_weights)
    best_segments: int = 3
    segment_candidates: int = 1_000
    document_candidates: int = 200
    evidence_lexical: float = 0.5
