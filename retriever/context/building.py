"""From a caller's wishes to a context: search, gather, pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from encoders.errors import InvalidInputError
from retriever.context.gathering import gather_found, gather_named
from retriever.options import EvidenceOptions, FacetOptions, GroupBy, RerankOptions, search_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexers.collection import Collection
    from retriever.context.material import Material
    from retriever.context.types import ContextOptions
    from retriever.options import SearchOptions
    from retriever.types import SearchResult

_SHAPES: Final[dict[str, Any]] = {
    "evidence": EvidenceOptions,
    "group_by": GroupBy,
    "rerank": RerankOptions,
    "facets": tuple[str | FacetOptions, ...],
}
_DOCUMENTS: Final = 20
_EVIDENCE: Final = EvidenceOptions(limit=10, max_chars=8_000)


def gather(
    collection: Collection,
    name: str,
    options: ContextOptions,
    search: Callable[[SearchOptions], SearchResult],
) -> Material:
    """Search for every query, or look evidence up by its ids, and read the text around it.

    Raises:
        InvalidInputError: a search option that there is not, or no evidence id.
    """
    if options.evidence_ids is not None:
        allowed = collection.parse_filter(
            options.search.get("filter"), mandatory=options.search.get("mandatory")
        )
        return gather_named(collection, name, options, options.evidence_ids, allowed)
    return gather_found(collection, name, options, [search(one) for one in _searches(options)])


def _searches(options: ContextOptions) -> list[SearchOptions]:
    wishes: dict[str, Any] = {"limit": _DOCUMENTS, "evidence": _EVIDENCE, **options.search}
    try:
        for name, kind in _SHAPES.items():
            if isinstance(wishes.get(name), dict | list | tuple):  # as JSON, where a wire brought it
                wishes[name] = msgspec.convert(wishes[name], kind, strict=False)
        return [search_options(query, **wishes) for query in options.queries]
    except (TypeError, msgspec.ValidationError) as error:
        raise InvalidInputError(f"search: {error}") from error
