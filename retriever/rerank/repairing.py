"""Turns the identifiers that a model wrote into a permutation, and counts what was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retriever.rerank.types import RankingCounts, RerankStatus

if TYPE_CHECKING:
    from retriever.rerank.parsing import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A permutation of a window; see `retriever.rerank.types.WindowRanking` for the fields."""

    order: tuple[int, ...]
    ranked: int
    status: RerankStatus
    counts: RankingCounts
    reason: str = ""


def repair(reading: Reading, *, size: int, wanted: int) -> Repaired:
    """Make a permutation of ``range(size)`` from identifiers that count from 1.

    The first mention of an identifier counts, unknown ones are left out, and what
    is missing follows in first-stage order. A complete ranking that counts from 0
    is read as that; a 0 in any other is a reason not to trust the list at all.

    Args:
        reading: what stands in the text.
        size: passages in the window.
        wanted: identifiers asked for, at most ``size``.
    """
    ids = reading.ids
    from_zero = bool(ids) and sorted(ids) == list(range(size)) and size > 1
    if from_zero:
        ids = tuple(number + 1 for number in ids)
    chosen = list(dict.fromkeys(number - 1 for number in ids if 1 <= number <= size))
    counts = _count(reading, ids, chosen, size=size, wanted=wanted)
    reason = reading.reason or _distrust(ids, chosen, size)
    if reason:
        return Repaired(order=tuple(range(size)), ranked=0, status="fallback", counts=counts, reason=reason)
    listed = set(chosen)
    order = (*chosen, *(place for place in range(size) if place not in listed))
    reason = "it counts from 0" if from_zero else _faults(counts)
    return Repaired(
        order=order,
        ranked=len(chosen),
        status="repaired" if reason else "ok",
        counts=counts,
        reason=f"the ranking was repaired: {reason}" if reason else "",
    )


def _count(
    reading: Reading, ids: tuple[int, ...], chosen: list[int], *, size: int, wanted: int
) -> RankingCounts:
    unknown = sum(not 1 <= number <= size for number in ids)
    return RankingCounts(
        wanted=wanted,
        listed=len(ids),
        missing=max(0, wanted - len(chosen)),
        repeated=len(ids) - unknown - len(chosen),
        unknown=unknown,
        cut_short=int(reading.cut_short),
        lists=reading.lists,
    )


def _distrust(ids: tuple[int, ...], chosen: list[int], size: int) -> str:
    if not chosen:
        return f"the answer names none of the {size} passages"
    if 0 in ids:
        return "the answer names passage 0, so that every number in it may be off by one"
    return ""


def _faults(counts: RankingCounts) -> str:
    faults = [
        f"{number} {name}"
        for number, name in (
            (counts.missing, "missing"),
            (counts.repeated, "repeated"),
            (counts.unknown, "unknown"),
        )
        if number
    ]
    if counts.cut_short and counts.missing:
        faults.append("cut short")
    if counts.lists > 1:
        faults.append(f"the last of {counts.lists} different rankings")
    return ", ".join(faults)
