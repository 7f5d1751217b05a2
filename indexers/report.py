"""What indexing tells while it runs and when it is done. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field

from encoders.types import Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOutcome:
    """What became of one item that was not indexed, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What an indexing run did. Every item it was given is in exactly one of the five lists.

    Attributes:
        added: ids of new documents.
        updated: ids whose content, title, source, metadata or recipe changed.
        unchanged: ids already stored like this; nothing was embedded.
        skipped: items that hold no text to index (binary, empty).
        failed: items that could not be read or stored.
        coverage: the ledger of all documents that were embedded in this run.
        incomplete: ids of embedded documents that are not covered completely.
        tokens_read: tokens the encoder read, left context and special tokens included.
        segments_reused: segments whose vector an earlier version or a document of the same
            content had; they were not embedded.
        seconds: wall time.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    skipped: tuple[ItemOutcome, ...] = ()
    failed: tuple[ItemOutcome, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    incomplete: tuple[str, ...] = ()
    tokens_read: int = 0
    segments_reused: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an indexing run is.

    Attributes:
        items: items finished: committed, unchanged, skipped or failed.
        tokens_read: tokens the encoder has read.
        total: items of the run, None when they are not counted beforehand.
        current: id of the item that was last taken up.
    """

    items: int
    total: int | None
    tokens_read: int
    current: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup holds.

    Attributes:
        files: how many files were written or restored.
        size_bytes: size of the backup file.
    """

    files: int
    size_bytes: int
