"""Documents in bodies of a bounded size, and the reports of several calls as one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import msgspec

from indexers.documents import checked, printable
from indexers.errors import InvalidDocumentError
from retriever.types import IndexReport, ItemOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from encoders.types import Document

MAX_DOCUMENTS = 100
MAX_BYTES = 4_000_000
_TWICE = "the id was given twice in this run; the first one was kept"
_LISTS = ("added", "updated", "unchanged", "skipped", "failed", "incomplete")


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents for one call, as JSON, and what before them could not be sent."""

    documents: tuple[msgspec.Raw, ...]
    ids: tuple[str, ...]
    failed: tuple[ItemOutcome, ...]


def batches(documents: Iterable[Document]) -> Iterator[Batch]:
    """Cut documents into calls; bad ones, and an id that was there, are failures as anywhere."""
    seen: set[str] = set()
    ready: list[msgspec.Raw] = []
    ids: list[str] = []
    failed: list[ItemOutcome] = []
    size = 0
    for document in documents:
        outcome = _encoded(document, seen)
        if isinstance(outcome, ItemOutcome):
            failed.append(outcome)
            continue
        if ready and (len(ready) == MAX_DOCUMENTS or size + len(outcome) > MAX_BYTES):
            yield Batch(tuple(ready), tuple(ids), tuple(failed))
            ready, ids, failed, size = [], [], [], 0
        ready.append(msgspec.Raw(outcome))
        ids.append(document.id)
        size += len(outcome)
    if ready or failed:
        yield Batch(tuple(ready), tuple(ids), tuple(failed))


def joined(reports: Sequence[IndexReport], *, seconds: float) -> IndexReport:
    """Add up the reports of calls that together did one run."""
    lists: dict[str, Any] = {
        name: tuple(one for report in reports for one in getattr(report, name)) for name in _LISTS
    }
    coverage = IndexReport().coverage
    for report in reports:
        coverage = coverage + report.coverage
    rest = {field.name for field in fields(IndexReport)} - {*_LISTS, "coverage", "seconds"}
    sums = {name: sum(getattr(report, name) for report in reports) for name in rest}
    return IndexReport(**lists, **sums, coverage=coverage, seconds=seconds)


def _encoded(document: Document, seen: set[str]) -> bytes | ItemOutcome:
    try:
        ready = checked(document)
    except InvalidDocumentError as error:
        return ItemOutcome(id=printable(str(document.id)), reason=str(error))
    if document.id in seen:
        return ItemOutcome(id=document.id, reason=_TWICE)
    seen.add(document.id)
    plain = {
        field.name: value
        for field in fields(ready)
        if (value := getattr(ready, field.name)) or field.name in ("id", "text")
    }
    return msgspec.json.encode(plain)
