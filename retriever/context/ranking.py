"""Which evidence comes first: of one query over all its documents, and of several queries together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.types import DocumentHit, Evidence, SearchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Evidence with its document; ``worth`` orders the evidence of one query."""

    hit: DocumentHit
    evidence: Evidence
    query: int
    worth: float


def by_worth(result: SearchResult, query: int) -> list[Found]:
    """Order the evidence of all documents of an answer (`SearchResult.spans`)."""
    return [
        Found(hit=hit, evidence=evidence, query=query, worth=hit.score + evidence.score)
        for hit, evidence in result.spans()
    ]


def cut_at_gap(found: Sequence[Found], gap: float | None) -> tuple[list[Found], list[Found]]:
    """Return what comes before the first fall of worth by more than ``gap``, and the rest."""
    if gap is not None:
        for place in range(1, len(found)):
            if found[place - 1].worth - found[place].worth > gap:
                return list(found[:place]), list(found[place:])
    return list(found), []


def take_turns(lists: Sequence[Sequence[Found]]) -> list[Found]:
    """Take the best of every query, then the second best, and so on; what came before is not taken again."""
    taken: dict[str, Found] = {}
    for place in range(max(map(len, lists), default=0)):
        for one in lists:
            if place < len(one):
                taken.setdefault(one[place].evidence.id, one[place])
    return list(taken.values())
