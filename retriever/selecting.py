"""Documents chosen by filter, counted by value, and held apart by group."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from indexers.catalogue import shared_payload
from indexers.errors import UnknownFieldError
from indexers.filters import matches, values_at
from indexers.identifiers import document_point
from retriever.types import FacetValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter, Scalar
    from retriever.options import FacetOptions, GroupBy


def allows(where: Filter | None, entry: Entry) -> bool:
    """Tell whether a document matches."""
    return where is None or matches(where, shared_payload(entry), point_id=document_point(entry.doc_id))


def matching_entries(collection: Collection, where: Filter | None) -> list[Entry]:
    """Return the live documents that match, by id."""
    entries = dict(collection.entries)
    return [entry for doc_id, entry in sorted(entries.items()) if allows(where, entry)]


def count_facets(
    collection: Collection, facets: Sequence[FacetOptions], where: Filter | None
) -> dict[str, tuple[FacetValue, ...]]:
    """Count the matching documents per value, the most frequent values first.

    A document with a list of values counts once for each of them.

    Raises:
        UnknownFieldError: a field that no document has.
    """
    if not facets:
        return {}
    for facet in facets:
        check_field(collection, facet.field)
    entries = matching_entries(collection, where)
    return {facet.field: _counted(entries, facet) for facet in facets}


def check_field(collection: Collection, field: str) -> None:
    """Refuse a field that no document has.

    Raises:
        UnknownFieldError: the message names those there are.
    """
    if field not in collection.fields:
        known = sorted(collection.fields)
        raise UnknownFieldError(
            f"no document has a field {field!r}; known fields: {', '.join(known)}", field=field, known=known
        )


def values_of(entry: Entry, field: str) -> tuple[Scalar, ...]:
    """Return the values that a document has under a field."""
    return tuple(values_at(shared_payload(entry), "doc_id" if field == "id" else field))


def group_of(entry: Entry, group_by: GroupBy) -> Scalar | None:
    """Return the one value that a document is grouped by; None when it has none.

    Raises:
        InvalidInputError: it has several.
    """
    values = values_of(entry, group_by.field)
    if len(values) > 1:
        raise InvalidInputError(
            f"{entry.doc_id!r} has {len(values)} values of {group_by.field!r}; group by a field with one",
            field=group_by.field,
        )
    return values[0] if values else None


def first_of_groups(positions: Iterable[int], entries: Sequence[Entry], group_by: GroupBy) -> list[int]:
    """Keep the first documents of each group; a document without a value is a group of its own."""
    seen: Counter[tuple[str, Scalar]] = Counter()
    kept = []
    for position in positions:
        value = group_of(entries[position], group_by)
        key = (type(value).__name__, value) if value is not None else None
        if key is None or seen[key] < group_by.limit:
            kept.append(position)
        if key is not None:
            seen[key] += 1
    return kept


def _counted(entries: Iterable[Entry], facet: FacetOptions) -> tuple[FacetValue, ...]:
    counts: Counter[tuple[str, Scalar]] = Counter()
    for entry in entries:
        counts.update({(type(value).__name__, value) for value in values_of(entry, facet.field)})
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], str(item[0][1])))
    return tuple(FacetValue(value=value, documents=count) for (_, value), count in ranked[: facet.limit])
