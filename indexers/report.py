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
class UnreadItem:
    """A file of which nothing is searchable, because it could not be read.

    Attributes:
        reason: encrypted, damaged, a scan without OCR, empty, too large, and so on.
        source: where it lies.
        at: when this was found.
    """

    id: str
    reason: str
    source: str = ""
    at: str = ""


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
class Estimate:
    """What indexing will take, as if nothing of it were indexed yet.

    Attributes:
        files: files that would be read.
        left_out: files and folders that would be passed over before they are read.
        known: files whose document is in the collection; unchanged ones will cost next to nothing.
        sampled: files that were read for this estimate; the others are taken to be like them.
        failed: of these, the ones that hold no text or cannot be read.
        size_bytes: size of all files.
        characters: of their text.
        tokens: tokens the encoder will read, left context and special tokens included.
        segments: segments to be written.
        tokens_per_s: speed of the encoder, measured now.
        seconds: how long it will take.
        disk_bytes: how much the store will grow.
        free_bytes: how much its disk has free.
        needed_bytes: ``disk_bytes`` and what must stay free.
    """

    files: int
    left_out: int
    known: int
    sampled: int
    failed: int
    size_bytes: int
    characters: int
    tokens: int
    segments: int
    tokens_per_s: float
    seconds: float
    disk_bytes: int
    free_bytes: int
    needed_bytes: int

    @property
    def fits(self) -> bool:
        """Tell whether the disk has room for it."""
        return self.needed_bytes <= self.free_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What was copied into another store.

    Attributes:
        collections: their names.
        aliases: further names of theirs.
        documents: documents copied.
        unchanged: documents that were there already.
        removed: documents that were there and are not in the source.
        points: points written.
    """

    collections: tuple[str, ...]
    aliases: tuple[str, ...]
    documents: int
    unchanged: int
    removed: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long earlier versions of documents are kept; None sets no limit.

    Attributes:
        versions: so many of each document beside the live one.
        days: since they were replaced or deleted.
    """

    versions: int | None = None
    days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GarbageReport:
    """What was removed because nothing pointed at it.

    Attributes:
        pages: compressed pages of text.
        size_bytes: of these files.
        left: pages that are needed.
        index_bytes: how many fewer the files of the indexes take since they were written anew.
    """

    pages: int
    size_bytes: int
    left: int
    index_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReceipt:
    """What was removed for good; it holds no text.

    Attributes:
        at: when, in RFC 3339.
        documents: ids that were there, live or as an earlier version.
        unknown: ids of which nothing was found.
        versions: versions removed, live ones included.
        segments: points of segments removed.
        pages: files of text removed, what nothing else pointed at anyway included.
        page_bytes: size of these files.
        shared_texts: texts of these documents that are kept, because another document or
            version has exactly the same.
    """

    at: str
    documents: tuple[str, ...]
    unknown: tuple[str, ...]
    versions: int
    segments: int
    pages: int
    page_bytes: int
    shared_texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """What became of a collection that was embedded anew.

    Attributes:
        collection: its name.
        now: the collection that has the new vectors.
        was: the one that has the old ones.
        switched: whether the name means the new one.
        documents: how many it has.
        tokens_read: tokens the encoder read in this run.
        seconds: how long this run took.
    """

    collection: str
    now: str
    was: str
    switched: bool
    documents: int
    tokens_read: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup holds.

    Attributes:
        files: how many files were written or restored.
        size_bytes: size of the backup file.
    """

    files: int
    size_bytes: int
