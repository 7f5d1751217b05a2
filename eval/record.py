"""The JSON record of a measurement: figures with intervals, per query, and how they were made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from eval.errors import DataError
from eval.machine import machine, versions
from eval.measuring import figures_with_intervals, ids_by_origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from eval.jsonl import JSONObject
    from eval.measuring import Measurement
    from eval.types import Dataset

FORMAT = 1
ALL = "all"
"""Name of the figures over the queries of all sets together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecord:
    """One system's figures as read back from a record.

    Attributes:
        name: of the system.
        per_query: ``<set>/<query id within the set>`` -> metric -> value.
    """

    name: str
    per_query: Mapping[str, Mapping[str, float]]


def created_at() -> str:
    """Return the present time in RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make_record(
    kind: str,
    dataset: Dataset,
    measurements: Sequence[Measurement],
    *,
    settings: Mapping[str, object],
    costs: Mapping[str, object],
    extra: Mapping[str, object] | None = None,
) -> JSONObject:
    """Put a measurement into JSON values.

    Args:
        kind: the command that made it.
        dataset: what was asked.
        measurements: one per system; ours comes first.
        settings: everything a reader needs to repeat it.
        costs: times, memory and coverage.
        extra: further parts, by name.
    """
    return {
        "format": FORMAT,
        "kind": kind,
        "created_at": created_at(),
        "dataset": _dataset(dataset),
        "settings": dict(settings),
        "versions": versions(),
        "machine": machine(),
        "costs": dict(costs),
        "systems": [_system(measurement, dataset) for measurement in measurements],
        **(extra or {}),
    }


def write_record(path: Path, record: Mapping[str, object]) -> None:
    """Write a record as indented JSON."""
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_record(path: Path) -> JSONObject:
    """Read a record of this format.

    Raises:
        DataError: the file is missing, is no record, or is of another format.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing", path=str(path)) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no JSON: {error}", path=str(path)) from error
    if not isinstance(record, dict) or "kind" not in record or "format" not in record:
        raise DataError(
            f"{path} is no record of an evaluation; make one with: longdoc eval run --json FILE",
            path=str(path),
        )
    if record["format"] != FORMAT:
        raise DataError(f"{path} has format {record['format']}, this version reads {FORMAT}", path=str(path))
    return record


def systems_of(record: JSONObject) -> list[SystemRecord]:
    """Return the systems of a record, ours first; empty where a record has no per-query figures."""
    found = record.get("systems", [])
    if not isinstance(found, list):
        raise DataError(f"'systems' of a record is a list, found {type(found).__name__}")
    return [
        SystemRecord(
            name=system["name"],
            per_query={
                f"{origin}/{local_id}": figures
                for origin, queries in system["per_query"].items()
                for local_id, figures in queries.items()
            },
        )
        for system in found
    ]


def _dataset(dataset: Dataset) -> JSONObject:
    return {
        "name": dataset.name,
        "origins": list(dataset.origins),
        "documents": len(dataset.documents),
        "characters": sum(len(document.text) for document in dataset.documents),
        "queries": {origin: len(ids) for origin, ids in ids_by_origin(dataset).items()},
        "queries_with_gold_spans": sum(query.id in dataset.spans for query in dataset.queries),
        "queries_without_relevant_document": len(dataset.unjudged),
    }


def _system(measurement: Measurement, dataset: Dataset) -> JSONObject:
    groups: dict[str, Sequence[str]] = {ALL: [query.id for query in dataset.queries]}
    groups |= ids_by_origin(dataset) if len(dataset.origins) > 1 else {}
    per_query: dict[str, dict[str, Mapping[str, float]]] = {}
    for query in dataset.queries:
        per_query.setdefault(query.origin, {})[query.local_id] = measurement.per_query[query.id]
    return {
        "name": measurement.system,
        "figures": {
            group: {name: asdict(one) for name, one in figures_with_intervals(measurement, ids).items()}
            for group, ids in groups.items()
        },
        "per_query": per_query,
    }
