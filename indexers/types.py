"""What goes into a vector index and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from indexers.filters import Filter

Payload: TypeAlias = dict[str, Any]
FieldKind: TypeAlias = Literal["string", "number", "boolean"]

SEGMENT_DENSE = "segment_dense"
SEGMENT_LEXICAL = "segment_lexical"
DOCUMENT_LEXICAL = "document_lexical"


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights by term; ``indices`` are unique 32-bit term hashes."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


Vector: TypeAlias = Sequence[float] | SparseVector


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A row of the index: vectors by name and a JSON payload."""

    id: str
    vectors: Mapping[str, Vector]
    payload: Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSchema:
    """Vector names with the dimension of the dense ones, and payload fields to index.

    Attributes:
        dense: name to dimension; compared by cosine.
        sparse: names of sparse vectors; IDF is applied by the index at query time.
        keywords: payload fields with a keyword index.
        integers: payload fields with an index of whole numbers.
    """

    dense: Mapping[str, int]
    sparse: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorQuery:
    """Ask for the points nearest to a vector.

    Attributes:
        using: name of the vector.
        limit: at most so many.
        filter: only points that match.
        payload: fields to return; none by default.
        exact: compare with the full vectors only, without the quantised shortcut.
        corpus: the points whose document frequencies make the IDF of a sparse query; all when None.
        ids: False leaves ids empty and equal scores in any order; an index in this process spends
            more on reading ids than on finding the points.
    """

    vector: Vector
    using: str
    limit: int
    filter: Filter | None = None
    payload: tuple[str, ...] = ()
    exact: bool = False
    corpus: Filter | None = None
    ids: bool = True


@dataclass(frozen=True, slots=True)
class Scored:
    """A found point; ``score`` is the exact cosine or the exact sparse dot product with IDF."""

    id: str
    score: float
    payload: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A stored point."""

    id: str
    payload: Payload
    vectors: Mapping[str, Vector] = field(default_factory=dict)
