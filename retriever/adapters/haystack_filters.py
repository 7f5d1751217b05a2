"""Haystack's filters in the Mongo form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPARISONS = {
    "==": "$eq",
    "!=": "$ne",
    ">": "$gt",
    ">=": "$gte",
    "<": "$lt",
    "<=": "$lte",
    "in": "$in",
    "not in": "$nin",
}
_ALL_KEYS = {"operator", "conditions", "field", "value"}


def mongo_filter(filters: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Translate a filter of Haystack; one that is in the Mongo form already is returned as it is.

    ``meta.NAME`` becomes ``metadata.NAME``; other fields keep their name.

    Raises:
        InvalidInputError: an operator that Haystack does not have, or a part that is missing.
    """
    if filters is None or "operator" not in filters:
        return filters or None
    return _translate(filters)


def _translate(part: Mapping[str, Any]) -> dict[str, Any]:
    operator, unknown = part.get("operator"), part.keys() - _ALL_KEYS
    if unknown:
        raise InvalidInputError(f"a filter of Haystack has no {sorted(unknown)}: {part}")
    if operator in ("AND", "OR", "NOT"):
        if not part.get("conditions"):
            raise InvalidInputError(f"{operator} needs conditions: {part}")
        inner = [_translate(one) for one in part["conditions"]]
        return {"$not": {"$and": inner}} if operator == "NOT" else {f"${operator.lower()}": inner}
    if operator not in _COMPARISONS:
        raise InvalidInputError(
            f"no operator {operator!r}; there are AND, OR, NOT, {', '.join(_COMPARISONS)}"
        )
    if "field" not in part or "value" not in part:
        raise InvalidInputError(f"a comparison needs field and value: {part}")
    field = part["field"]
    name = f"metadata.{field.removeprefix('meta.')}" if field.startswith("meta.") else field
    return {name: {_COMPARISONS[operator]: part["value"]}}
