"""Values of an evaluation: queries, judgements, gold evidence, answers and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from encoders.types import Document, Span

Qrels: TypeAlias = Mapping[str, Mapping[str, int]]
"""query id -> document id -> grade; a grade above 0 is relevant."""

Run: TypeAlias = Mapping[str, Mapping[str, float]]
"""query id -> document id -> score; higher is better, equal scores are ordered by id."""

Figures: TypeAlias = Mapping[str, float]
"""metric name -> value."""

PerQuery: TypeAlias = Mapping[str, Figures]
"""query id -> its figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question of a data set.

    Attributes:
        id: unique within the `Dataset` at hand, so prefixed with its origin after a merge.
        origin: name of the set that it comes from.
        local_id: its id within that set.
    """

    id: str
    text: str
    origin: str
    local_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldSpan:
    """A range of a document that is known to hold the answer."""

    doc_id: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Documents, queries and what is known to be right.

    Attributes:
        name: name of the folder, or the names joined by ``+`` after a merge.
        origins: the sets it is made of, in order.
        queries: only those with at least one relevant document.
        spans: gold evidence per query; a query may have none.
        unjudged: ids of queries that were left out because nothing is relevant to them.
    """

    name: str
    origins: tuple[str, ...]
    documents: tuple[Document, ...]
    queries: tuple[Query, ...]
    qrels: Qrels
    spans: Mapping[str, tuple[GoldSpan, ...]] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedDocument:
    """One document of an answer with the spans that were returned for it, best first."""

    doc_id: str
    score: float
    evidence: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a system returned for one query, best document first.

    Attributes:
        seconds: wall time as a caller saw it.
    """

    query_id: str
    documents: tuple[RankedDocument, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        p: probability of a mean at least this far from 0 if there were no difference;
            None where no test was made.
    """

    mean: float
    low: float
    high: float
    count: int
    p: float | None = None
