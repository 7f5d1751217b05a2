"""Filters in the form of `qdrant_client`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_client import models

from indexers.filters import And, Condition, Filter, Ids, Not, Or, Scalar, as_time

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXACT_INTEGERS = 1 << 53


def compile_filter(where: Filter) -> models.Filter:
    """Turn a filter into the client's form."""
    match where:
        case And(parts):
            return models.Filter(must=[compile_filter(part) for part in parts])
        case Or(parts):
            return _any_of([compile_filter(part) for part in parts])
        case Not(part):
            return models.Filter(must_not=[compile_filter(part)])
        case Ids(ids):
            return models.Filter(must=[models.HasIdCondition(has_id=list(ids))])
        case Condition(field, "$in", tuple() as values):
            return _among(field, values)
        case Condition(field, "$exists", _):
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=field))
            return models.Filter(must_not=[empty])
        case Condition(field, "$prefix", str() as prefix):
            return models.Filter(must=[_match(field, models.MatchPrefix(prefix=prefix))])
        case Condition(field, operator, value):
            return models.Filter(must=[models.FieldCondition(key=field, range=_range(operator[1:], value))])


def _among(field: str, values: Sequence[Scalar]) -> models.Filter:
    strings = [value for value in values if isinstance(value, str)]
    if len(strings) > 1 and len(strings) == len(values):  # thousands of generations stay one condition
        return models.Filter(must=[_match(field, models.MatchAny(any=strings))])
    return _any_of([one for value in values for one in _equal(field, value)])


def _any_of(conditions: Sequence[Any]) -> models.Filter:
    if conditions:
        return models.Filter(should=list(conditions))
    return models.Filter(must=[models.HasIdCondition(has_id=[])])  # an empty `should` matches everything


def _equal(field: str, value: Scalar) -> list[models.FieldCondition]:
    if isinstance(value, bool | str):
        return [_match(field, models.MatchValue(value=value))]
    if abs(value) < _EXACT_INTEGERS:  # a range, because that is what the index of a field of numbers answers
        same = models.Range(gte=float(value), lte=float(value))
        return [models.FieldCondition(key=field, range=same)]
    if float(value).is_integer() and abs(value) < 1 << 63:
        return [_match(field, models.MatchValue(value=int(value)))]
    return []


def _match(field: str, match: Any) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=match)


def _range(bound: str, value: Any) -> models.Range | models.DatetimeRange:
    if isinstance(value, str):
        return models.DatetimeRange(**{bound: as_time(value)})
    return models.Range(**{bound: float(value)})
