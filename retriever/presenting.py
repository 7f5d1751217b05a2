"""How what is stored looks to callers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retriever.types import DocumentInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.protocols import Encoder
    from indexers.catalogue import Entry
    from retriever.options import SearchOptions


def effective_filter(options: SearchOptions) -> dict[str, Any] | None:
    """Return the filter that holds: the caller's and the mandatory one."""
    parts = [dict(part) for part in (options.filter, options.mandatory) if part]
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"$and": parts}


def encoder_name(encoder: Encoder) -> str:
    """Return model and revision."""
    facts = encoder.fingerprint
    return f"{facts.get('model')}@{facts['revision']}" if facts.get("revision") else str(facts.get("model"))


def document_info(entry: Entry, fields: Sequence[str] | None = None) -> DocumentInfo:
    """Return what callers see of a stored document.

    Args:
        entry: its row.
        fields: of metadata only these, such as ``metadata.year``; ``metadata`` for all,
            and all when None.
    """
    return DocumentInfo(
        id=entry.doc_id,
        version=entry.version,
        content_hash=entry.content_hash,
        title=entry.title,
        source=entry.source,
        media_type=entry.media_type,
        characters=entry.characters,
        updated_at=entry.updated_at,
        metadata=entry.metadata if fields is None else _chosen(entry.metadata, fields),
        coverage=entry.coverage,
        notes=entry.all_notes,
        revision=entry.revision,
    )


def _chosen(metadata: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    if "metadata" in fields:
        return metadata
    chosen: dict[str, Any] = {}
    for name in fields:
        first, *path = name.split(".")
        if first == "metadata":
            _copy(metadata, chosen, path)
    return chosen


def _copy(source: dict[str, Any], target: dict[str, Any], path: Sequence[str]) -> None:
    head, *rest = path
    if head not in source:
        return
    if not rest:
        target[head] = source[head]
    elif isinstance(source[head], dict):
        _copy(source[head], target.setdefault(head, {}), rest)
