"""Compares two records query by query."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from eval.errors import DataError
from eval.machine import versions
from eval.record import ALL, FORMAT, created_at, read_record, systems_of
from eval.statistics import paired_difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from eval.jsonl import JSONObject
    from eval.record import SystemRecord
    from eval.types import Interval

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """One metric of two systems over the queries that both have.

    Attributes:
        origin: the set, or ``all``.
        difference: second minus first.
    """

    origin: str
    metric: str
    first: float
    second: float
    difference: Interval

    @property
    def verdict(self) -> str:
        """Say in words whether the difference is real, at the 5 % level of the randomisation test."""
        p = self.difference.p
        if p is None or p >= SIGNIFICANT:
            return "no difference shown"
        return "second is better" if self.difference.mean > 0 else "first is better"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two systems side by side.

    Attributes:
        only_first: queries that the second record lacks; they are not compared.
        only_second: queries that the first record lacks.
    """

    first: str
    second: str
    metrics: tuple[MetricComparison, ...]
    shared: int
    only_first: int
    only_second: int


def compare(first: SystemRecord, second: SystemRecord) -> Comparison:
    """Compare two systems on the queries they share, in all and by set.

    Raises:
        DataError: no query is in both.
    """
    shared = sorted(first.per_query.keys() & second.per_query.keys())
    if not shared:
        raise DataError(
            f"the records share no query: the first has {len(first.per_query)}, the second "
            f"{len(second.per_query)}; both must come from the same sets (folder names count)"
        )
    origins = sorted({query_id.partition("/")[0] for query_id in shared})
    groups = {ALL: shared}
    if len(origins) > 1:
        groups |= {o: [one for one in shared if one.partition("/")[0] == o] for o in origins}
    return Comparison(
        first=first.name,
        second=second.name,
        metrics=tuple(one for name, ids in groups.items() for one in _metrics(name, ids, first, second)),
        shared=len(shared),
        only_first=len(first.per_query) - len(shared),
        only_second=len(second.per_query) - len(shared),
    )


def comparison_record(comparison: Comparison) -> JSONObject:
    """Put a comparison into JSON values, verdicts included."""
    metrics = [{**asdict(one), "verdict": one.verdict} for one in comparison.metrics]
    return {
        "format": FORMAT,
        "kind": "compare",
        "created_at": created_at(),
        "versions": versions(),
        **asdict(comparison),
        "metrics": metrics,
    }


def systems_to_compare(
    paths: tuple[Path, Path], names: tuple[str | None, str | None]
) -> tuple[SystemRecord, SystemRecord]:
    """Read the systems of two records, named after their files where both are called the same.

    Raises:
        DataError: a file is no record, or lacks the system.
    """
    one, two = (system_of(read_record(path), name) for path, name in zip(paths, names, strict=True))
    if one.name != two.name:
        return one, two
    short, whole = [path.stem for path in paths], [str(path) for path in paths]
    first, second = short if short[0] != short[1] else whole
    return replace(one, name=first), replace(two, name=second)


def system_of(record: JSONObject, name: str | None) -> SystemRecord:
    """Return a system of a record: the named one, or ours.

    Raises:
        DataError: the record has no such system.
    """
    systems = systems_of(record)
    names = [system.name for system in systems]
    if not names or (name is not None and name not in names):
        raise DataError(f"the record has no system {name or 'at all'}; it has {', '.join(names) or 'none'}")
    return systems[names.index(name) if name else 0]


def _metrics(
    origin: str, ids: list[str], first: SystemRecord, second: SystemRecord
) -> Iterator[MetricComparison]:
    names = dict.fromkeys(name for one in ids for name in first.per_query[one])
    for metric in names:
        left, right = _column(first.per_query, ids, metric), _column(second.per_query, ids, metric)
        both = left.keys() & right.keys()
        if both:
            yield MetricComparison(
                origin=origin,
                metric=metric,
                first=sum(left[one] for one in both) / len(both),
                second=sum(right[one] for one in both) / len(both),
                difference=paired_difference(right, left),
            )


def _column(per_query: Mapping[str, Mapping[str, float]], ids: list[str], metric: str) -> dict[str, float]:
    return {one: per_query[one][metric] for one in ids if metric in per_query[one]}
