"""Errors of storing and finding.

    RetrievalError
    └── StorageError
        ├── StoreLockedError            another process has the store open
        ├── ClosedError                 it was closed, and is asked for something
        ├── StoreFormatError            the folder is not a store, or of another format
        ├── CollectionNotFoundError     no collection of that name
        ├── AliasNotFoundError          no alias of that name
        ├── AliasConflictError          an alias and a collection are in each other's way
        ├── DocumentNotFoundError       no document of that id
        ├── VersionMismatchError        the document changed since the caller saw it
        ├── FingerprintMismatchError    the collection was made with another encoder
        ├── DiskSpaceError              too little room to write safely
        ├── StoreReadOnlyError          the store's file system cannot be written
        ├── IndexUnavailableError       the Qdrant server does not answer
        ├── StoreBusyError              another process writes the collection
        ├── LeaseLostError              this process may not write any more
        └── CorruptTextError            stored text does not match its hash
    InvalidInputError
    ├── InvalidDocumentError            id, text or metadata cannot be stored
    └── InvalidFilterError              a filter that cannot be understood
        └── UnknownFieldError           a field that no document has

The tree begins in `encoders.errors`.
"""

from __future__ import annotations

from encoders.errors import InvalidInputError, RetrievalError


class StorageError(RetrievalError):
    """The store cannot do what was asked."""

    code = "storage"


class StoreLockedError(StorageError):
    """Another process has the store open; ``details`` names it."""

    code = "store_locked"


class ClosedError(StorageError):
    """What was closed is asked for something; open it again."""

    code = "closed"


class StoreFormatError(StorageError):
    """The folder is no store, or one of a format that this version cannot read."""

    code = "store_format"


class CollectionNotFoundError(StorageError):
    """The store has no collection of that name."""

    code = "collection_not_found"


class AliasNotFoundError(StorageError):
    """The store has no alias of that name."""

    code = "alias_not_found"


class AliasConflictError(StorageError):
    """One name for an alias and a collection, or a collection that goes while an alias means it."""

    code = "alias_conflict"


class DocumentNotFoundError(StorageError):
    """The collection has no document of that id."""

    code = "document_not_found"


class VersionMismatchError(StorageError):
    """The document is not at the version that the caller named; ``details`` say where it is."""

    code = "version_mismatch"


class FingerprintMismatchError(StorageError):
    """The collection's vectors come from another encoder than the one given."""

    code = "fingerprint_mismatch"


class DiskSpaceError(StorageError):
    """Writing would leave too little free disk; nothing was written."""

    code = "disk_space"


class IndexUnavailableError(StorageError):
    """The Qdrant server did not answer for as long as was waited; what it acknowledged is safe."""

    code = "index_unavailable"


class StoreBusyError(StorageError):
    """Another process is writing the collection; ``details`` names it."""

    code = "store_busy"


class LeaseLostError(StorageError):
    """This process lost the right to write a shared collection; what it committed is safe."""

    code = "lease_lost"


class StoreReadOnlyError(StorageError):
    """The store lies on a file system that is mounted read-only; nothing was written."""

    code = "store_read_only"


class CorruptTextError(StorageError):
    """A stored page is missing or does not match its hash."""

    code = "corrupt_text"


class InvalidDocumentError(InvalidInputError):
    """A document that cannot be stored; the message says which part."""

    code = "invalid_document"


class InvalidFilterError(InvalidInputError):
    """A filter that cannot be understood."""

    code = "invalid_filter"


class UnknownFieldError(InvalidFilterError):
    """A filter names a field that no document has; ``details`` lists the known ones."""

    code = "unknown_field"
