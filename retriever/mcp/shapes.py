"""What the tools answer with. ``search`` and ``fetch`` have the shapes that connectors expect."""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic reads typing's own from Python 3.12 on
)

from typing_extensions import TypedDict


class Found(TypedDict):
    """One result of ``search``; ``id`` goes to ``fetch``."""

    id: str
    title: str
    url: str


class SearchAnswer(TypedDict):
    """The results, the best first."""

    results: list[Found]
    warnings: NotRequired[list[str]]


class FetchAnswer(TypedDict):
    """A document, or a page of a long one.

    ``metadata`` holds ``document_id``, ``version``, ``start`` and ``end`` of the page in code
    points, ``characters`` of the document, ``next`` and ``previous``: ids of the neighbouring
    pages for ``fetch``, ``evidence_start`` and ``evidence_end`` when the page was asked for by a
    search result, and ``metadata``: the document's own.
    """

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, Any]


class Cited(TypedDict):
    """A passage of the text; ``start`` and ``end`` are code points of the document."""

    label: str
    document_id: str
    title: str
    url: str
    start: int
    end: int


class ContextAnswer(TypedDict):
    """Passages with their labels; ``left_out`` counts what was found and did not fit or repeated."""

    text: str
    tokens: int
    citations: list[Cited]
    left_out: int


class Listed(TypedDict):
    """A document of the list; ``share_searchable`` is 1.0 when all of its text is in the index."""

    id: str
    title: str
    url: str
    version: int
    characters: int
    updated_at: str
    share_searchable: float


class ListAnswer(TypedDict):
    """Documents by id; ``next`` goes to ``after``, and is null at the end."""

    documents: list[Listed]
    total: int
    next: str | None


class AddAnswer(TypedDict):
    """What became of the document: added, updated, unchanged, skipped or failed, and why."""

    id: str
    outcome: str
    reason: str


class DeleteAnswer(TypedDict):
    """Which were deleted and which were not there."""

    deleted: list[str]
    missing: list[str]
