"""Errors of searching and of talking to a store's process.

    StorageError
    ├── OwnerStartError      the process that owns the store could not be started
    ├── OwnerLostError       it ended in the middle of a call; what it acknowledged is safe
    └── OwnerVersionError    it belongs to another version of this library

The tree begins in `encoders.errors` and `indexers.errors`.
"""

from __future__ import annotations

from indexers.errors import StorageError


class OwnerStartError(StorageError):
    """The process that owns the store could not be started; the message holds its last words."""

    code = "owner_start"


class OwnerLostError(StorageError):
    """The store's process ended during a call. Try again: it starts anew and replays its log."""

    code = "owner_lost"


class OwnerVersionError(StorageError):
    """The store's process is of another version and is busy."""

    code = "owner_version"
