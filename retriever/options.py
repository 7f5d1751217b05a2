"""What a caller asks of a search and of a list. Standard library only; it travels as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from encoders.errors import InvalidInputError
from encoders.types import SegmentKind

T = TypeVar("T")

MAX_LIMIT = 1_000
DEFAULT_PROFILE = "default"
OCR_VARIABLE = "LONGDOC_OCR"
"""Languages of pictures of text; they are not read where it is missing or empty."""

OffsetUnit: TypeAlias = Literal["codepoint", "utf16", "byte"]
RerankMethod: TypeAlias = Literal["none", "late_interaction"]

_UNITS = ("codepoint", "utf16", "byte")
RERANK_METHODS = ("none", "late_interaction")
KINDS = ("prose", "code", "table")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOptions:
    """How much evidence each document shows.

    Attributes:
        limit: at most so many spans a document; 0 for none.
        max_chars: at most so many code points together; the first span is always shown.
        kinds: only spans of these kinds, ``prose``, ``code`` or ``table``; all when empty.
        symbols: only spans of code that define one of these names, and only documents that do.
    """

    limit: int = 3
    max_chars: int = 3_000
    kinds: tuple[SegmentKind, ...] = ()
    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_range("evidence.limit", self.limit, 0, 100)
        _check_range("evidence.max_chars", self.max_chars, 1, 1_000_000)
        for kind in self.kinds:
            _check_among("evidence.kinds", kind, KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBy:
    """Show at most ``limit`` documents for each value of ``field``."""

    field: str
    limit: int = 1

    def __post_init__(self) -> None:
        _check_range("group_by.limit", self.limit, 1, MAX_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetOptions:
    """Count the matching documents for each of the ``limit`` most frequent values of ``field``."""

    field: str
    limit: int = 20

    def __post_init__(self) -> None:
        _check_range("facets.limit", self.limit, 1, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankOptions:
    """Whether the best documents are scored again.

    Attributes:
        method: ``late_interaction`` compares the encoder's token vectors of query and segments.
        top: so many of the first documents are scored again.
        timeout_ms: what is not done by then keeps its first score, and the answer says so.
    """

    method: RerankMethod = "none"
    top: int = 10
    timeout_ms: int | None = None

    def __post_init__(self) -> None:
        _check_among("rerank.method", self.method, RERANK_METHODS)
        _check_range("rerank.top", self.top, 1, 200)
        if self.timeout_ms is not None:
            _check_range("rerank.timeout_ms", self.timeout_ms, 1, 600_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What a caller asks; `retriever.Retriever.search` documents each.

    Attributes:
        mandatory: a filter that holds in any case, such as the rights of an API key.
        novelty: 0 to 1, how much likeness to better documents counts against one.
        repetitions: show documents that nearly repeat a better one.
        request_id: what the answer is to be called; a new name when empty.
    """

    query: str
    limit: int = 10
    cursor: str | None = None
    filter: Mapping[str, Any] | None = None
    mandatory: Mapping[str, Any] | None = None
    must_contain: tuple[str, ...] = ()
    evidence: EvidenceOptions = field(default_factory=EvidenceOptions)
    group_by: GroupBy | None = None
    facets: tuple[FacetOptions, ...] = ()
    rerank: RerankOptions = field(default_factory=RerankOptions)
    novelty: float = 0.0
    repetitions: bool = True
    min_relevance: float | None = None
    profile: str = DEFAULT_PROFILE
    fields: tuple[str, ...] | None = None
    offset_unit: OffsetUnit = "codepoint"
    explain: bool = False
    request_id: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.query, str) or not self.query.strip():
            raise InvalidInputError("the query is empty; ask for something")
        _check_range("limit", self.limit, 1, MAX_LIMIT)
        _check_among("offset_unit", self.offset_unit, _UNITS)
        if not 0 <= self.novelty <= 1:
            raise InvalidInputError(f"novelty is {self.novelty}; it is a share, 0 to 1")
        if self.min_relevance is not None and not 0 <= self.min_relevance <= 1:
            raise InvalidInputError(f"min_relevance is {self.min_relevance}; it is a probability, 0 to 1")
        if any(not phrase.strip('" \t\n') for phrase in self.must_contain):
            raise InvalidInputError("must_contain holds an empty phrase")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Which documents a list shows, by id.

    Attributes:
        cursor: where an earlier page ended.
        coverage_lt: only documents of whose tokens a smaller share is embedded; 1 finds all
            that are not fully searchable.
        mandatory: a filter that holds in any case.
    """

    limit: int = 100
    cursor: str | None = None
    filter: Mapping[str, Any] | None = None
    mandatory: Mapping[str, Any] | None = None
    coverage_lt: float | None = None

    def __post_init__(self) -> None:
        _check_range("limit", self.limit, 1, 10_000)


def search_options(
    query: str,
    *,
    limit: int = 10,
    cursor: str | None = None,
    filter: Mapping[str, Any] | None = None,  # noqa: A002  # the word of the field
    mandatory: Mapping[str, Any] | None = None,
    must_contain: Sequence[str] = (),
    evidence: int | EvidenceOptions | Mapping[str, Any] = 3,
    group_by: str | GroupBy | Mapping[str, Any] | None = None,
    facets: Sequence[str | FacetOptions | Mapping[str, Any]] = (),
    rerank: RerankMethod | RerankOptions | Mapping[str, Any] = "none",
    novelty: float = 0.0,
    repetitions: bool = True,
    min_relevance: float | None = None,
    profile: str = DEFAULT_PROFILE,
    fields: Sequence[str] | None = None,
    offset_unit: OffsetUnit = "codepoint",
    explain: bool = False,
) -> SearchOptions:
    """Write out the short forms that a search call allows, checking every value.

    What has options of its own may be given as a mapping too, as JSON has it.

    Raises:
        InvalidInputError: a value out of range; the message names it.
    """
    if isinstance(must_contain, str) or isinstance(facets, str) or isinstance(fields, str):
        raise TypeError("must_contain, facets and fields take lists of strings; put the one into a list")
    return SearchOptions(
        query=query,
        limit=limit,
        cursor=cursor,
        filter=filter,
        mandatory=mandatory,
        must_contain=tuple(must_contain),
        evidence=_made(EvidenceOptions, "limit", evidence),
        group_by=None if group_by is None else _made(GroupBy, "field", group_by),
        facets=tuple(_made(FacetOptions, "field", one) for one in facets),
        rerank=_made(RerankOptions, "method", rerank),
        novelty=novelty,
        repetitions=repetitions,
        min_relevance=min_relevance,
        profile=profile,
        fields=None if fields is None else tuple(fields),
        offset_unit=offset_unit,
        explain=explain,
    )


def _made(kind: type[T], short: str, given: Any) -> T:
    """Make options of the value of their one usual field, of a mapping, or of themselves."""
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        return kind(**{short: given})
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise InvalidInputError(f"{kind.__name__}: {error}") from error


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or not low <= value <= high:
        raise InvalidInputError(f"{name} is {value!r}; it can be {low} to {high:,}", **{name: value})


def _check_among(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInputError(f"{name} is {value!r}; it can be {', '.join(known)}")
