"""Filters over documents: parsed from the Mongo form, checked, and evaluated.

A filter is a JSON object. `parse_filter` turns it into a small tree; each index
compiles the tree to its engine, and `matches` evaluates it in plain Python, which
is what the engines are tested against.

Semantics, the same everywhere: a condition on a list holds when it holds for one
element; a missing field satisfies only ``$ne``, ``$nin`` and ``{"$exists": false}``;
``1`` equals ``1.0``; ``true`` is no number; strings order as RFC 3339 times.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from indexers.errors import InvalidFilterError, UnknownFieldError

Operator: TypeAlias = Literal["$in", "$exists", "$prefix", "$gt", "$gte", "$lt", "$lte"]
Scalar: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One field against one operator; ``$eq`` and friends are ``$in`` of one value."""

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; true when empty."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; false when empty."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Ids:
    """The point has one of these ids."""

    ids: tuple[str, ...]


Filter: TypeAlias = Condition | And | Or | Not | Ids

OPERATORS = tuple("$eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $and $or $not".split())
_SCALARS = (str, int, float, bool)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?)?$")


def equals(field: str, value: Scalar) -> Condition:
    """Build the filter ``field == value``."""
    return Condition(field, "$in", (value,))


def all_of(*parts: Filter | None) -> Filter | None:
    """Join filters by *and*, leaving out those that are None."""
    present = tuple(part for part in parts if part is not None)
    if len(present) < 2:
        return present[0] if present else None
    return And(present)


def parse_filter(source: Mapping[str, Any], *, fields: Mapping[str, frozenset[str]]) -> Filter:
    """Parse a filter in the Mongo form.

    Args:
        source: such as ``{"metadata.year": {"$gte": 2021}, "source": {"$prefix": "s3://"}}``.
        fields: the known fields, each with the types of value it holds
            (``string``, ``number``, ``boolean``).

    Raises:
        InvalidFilterError: an unknown operator, a value the operator cannot take, or
            a value of a type that the field never holds.
        UnknownFieldError: a field that no document has.
    """
    if not isinstance(source, Mapping):
        raise InvalidFilterError(f"a filter is a JSON object, got {type(source).__name__}")
    return And(tuple(_clause(key, value, fields) for key, value in source.items()))


class AnyField(Mapping[str, frozenset[str]]):
    """Fields for filters that are set by an administrator: any name, any type of value.

    A document without the field does not match a condition on it.
    """

    def __getitem__(self, name: str) -> frozenset[str]:
        return frozenset({"string", "number", "boolean"})

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _clause(key: str, value: Any, fields: Mapping[str, frozenset[str]]) -> Filter:
    if key in ("$and", "$or"):
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise InvalidFilterError(f"{key} takes a list with at least one filter", operator=key)
        parts = tuple(parse_filter(part, fields=fields) for part in value)
        return And(parts) if key == "$and" else Or(parts)
    if key == "$not":
        return Not(parse_filter(value, fields=fields))
    if key.startswith("$"):
        raise InvalidFilterError(f"unknown operator {key}; known: {', '.join(OPERATORS)}", operator=key)
    if key not in fields:
        known = sorted(fields)
        raise UnknownFieldError(
            f"no document has a field {key!r}; known fields: {', '.join(known)}", field=key, known=known
        )
    if not isinstance(value, Mapping):
        return _comparison(key, "$eq", value, fields[key])
    if not value:
        raise InvalidFilterError(f"the condition on {key!r} is empty", field=key)
    return And(tuple(_comparison(key, name, operand, fields[key]) for name, operand in value.items()))


def _comparison(field: str, operator: str, value: Any, types: frozenset[str]) -> Filter:
    match operator:
        case "$not":
            if not isinstance(value, Mapping):
                raise InvalidFilterError(f"$not on {field!r} takes a condition", field=field)
            return Not(_clause(field, value, {field: types}))
        case "$eq" | "$ne" if value is None:
            missing = Not(Condition(field, "$exists", True))
            return missing if operator == "$eq" else Not(missing)
        case "$eq":
            return Condition(field, "$in", (_checked(field, operator, value, types),))
        case "$ne":
            return Not(Condition(field, "$in", (_checked(field, operator, value, types),)))
        case "$in" | "$nin":
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise InvalidFilterError(f"{operator} on {field!r} takes a list", field=field)
            among = Condition(field, "$in", tuple(_checked(field, operator, one, types) for one in value))
            return among if operator == "$in" else Not(among)
        case "$exists":
            if not isinstance(value, bool):
                raise InvalidFilterError(f"$exists on {field!r} takes true or false", field=field)
            present = Condition(field, "$exists", True)
            return present if value else Not(present)
        case "$prefix":
            if not isinstance(value, str) or not value:
                raise InvalidFilterError(f"$prefix on {field!r} takes a non-empty string", field=field)
            return Condition(field, "$prefix", str(_checked(field, operator, value, types)))
        case "$gt" | "$gte" | "$lt" | "$lte":
            _checked(field, operator, value, types)
            if isinstance(value, bool) or (isinstance(value, str) and as_time(value) is None):
                raise InvalidFilterError(
                    f"{operator} on {field!r} takes a number or an RFC 3339 time, got {value!r}", field=field
                )
            return Condition(field, operator, value)
        case _:
            raise InvalidFilterError(
                f"unknown operator {operator} on {field!r}; known: {', '.join(OPERATORS)}", field=field
            )


def _checked(field: str, operator: str, value: Any, types: frozenset[str]) -> Scalar:
    if not isinstance(value, _SCALARS):
        raise InvalidFilterError(f"{operator} on {field!r} cannot take {type(value).__name__}", field=field)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidFilterError(f"{operator} on {field!r} cannot take {value}", field=field)
    if (kind := value_type(value)) not in types:
        raise InvalidFilterError(
            f"{field!r} holds {' or '.join(sorted(types))}, the filter compares with a {kind}: {value!r}",
            field=field,
        )
    return value


def value_type(value: Scalar) -> str:
    """Name the type of a metadata value as filters see it."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def as_time(value: str) -> datetime | None:
    """Read an RFC 3339 date or time; None for any other string. Without a zone it is UTC."""
    if not _DATE.match(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def matches(where: Filter, payload: Mapping[str, Any], *, point_id: str = "") -> bool:
    """Evaluate a filter on one payload: the meaning that every index must reproduce."""
    match where:
        case And(parts):
            return all(matches(part, payload, point_id=point_id) for part in parts)
        case Or(parts):
            return any(matches(part, payload, point_id=point_id) for part in parts)
        case Not(part):
            return not matches(part, payload, point_id=point_id)
        case Ids(ids):
            return point_id in ids
        case Condition(field, operator, value):
            return any(_HOLDS[operator](held, value) for held in values_at(payload, field))


def values_at(payload: Mapping[str, Any], field: str) -> Iterator[Scalar]:
    """Yield the scalars under a dotted field, those inside lists one by one."""
    head, _, rest = field.partition(".")
    if head not in payload:
        return
    for value in _elements(payload[head]):
        if rest and isinstance(value, Mapping):
            yield from values_at(value, rest)
        elif not rest and isinstance(value, _SCALARS):
            yield value


def _elements(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _same(held: Scalar, value: Scalar) -> bool:
    return value_type(held) == value_type(value) and held == value


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(held: Any, value: Any) -> bool:
        if isinstance(held, bool) or isinstance(held, str) != isinstance(value, str):
            return False
        if isinstance(held, str):
            moment = as_time(held)
            return moment is not None and compare(moment, as_time(value))
        return compare(held, value)

    return holds


_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "$in": lambda held, values: any(_same(held, value) for value in values),
    "$exists": lambda held, value: True,
    "$prefix": lambda held, value: isinstance(held, str) and held.startswith(value),
    "$gt": _ordered(lambda a, b: a > b),
    "$gte": _ordered(lambda a, b: a >= b),
    "$lt": _ordered(lambda a, b: a < b),
    "$lte": _ordered(lambda a, b: a <= b),
}
