"""In which order the sources of a context are read. The set is never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.context.types import Order

T = TypeVar("T")


def lay_out(ranked: Sequence[T], order: Order, places: Sequence[tuple[int, int]]) -> list[T]:
    """Order items that come by rank, the best first.

    ``score`` leaves them so. ``edges`` puts the best first, the second best last, and so
    on to the worst in the middle. ``document`` keeps a document's parts together and in
    the order of its text, the documents by their best part.

    Args:
        ranked: the best first.
        order: which.
        places: document and offset of each item.
    """
    if order == "edges":
        laid: list[T | None] = [None] * len(ranked)
        for rank, item in enumerate(ranked, start=1):
            laid[edge_position(rank, len(ranked)) - 1] = item
        return [item for item in laid if item is not None]
    if order == "document":
        first = {document: place for place, (document, _) in reversed(list(enumerate(places)))}
        by_place = sorted(range(len(ranked)), key=lambda one: (first[places[one][0]], places[one][1]))
        return [ranked[one] for one in by_place]
    return list(ranked)


def edge_position(rank: int, count: int) -> int:
    """Return the place, from 1, of the item of a rank among ``count``.

    Odd ranks count from the front, even ones from the back; the best is always first.

    Source:
        Jin et al. 2024, "Long-Context LLMs Meet RAG", arXiv:2410.05983, algorithm 2.
    """
    return (rank + 1) // 2 if rank % 2 else count + 1 - rank // 2
