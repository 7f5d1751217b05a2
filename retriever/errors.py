"""Errors of searching and of talking to a store's process.

    StorageError
    ├── OwnerStartError      the process that owns the store could not be started
    ├── OwnerLostError       it ended in the middle of a call; what it acknowledged is safe
    └── OwnerVersionError    it belongs to another version of this library
    ServiceError             what only a service over HTTP says
    ├── AuthenticationError      no key, or one that is not known
    ├── PermissionDeniedError    the key may not do this
    ├── OverloadedError          too much waits already; try again later
    ├── DeadlineError            it took longer than the service allows
    ├── TooLargeError            a body, file or list over the service's limit
    ├── NotFoundError            what the call names is not there, or not for this key
    ├── IdempotencyError         the Idempotency-Key was used for another request, or is in use
    ├── UnreachableError         no answer at any attempt
    └── NotOfferedError          what only the embedded retriever does
    InvalidInputError
    ├── CursorExpiredError   the answer that the cursor belongs to cannot be made again
    ├── ProfileNotFoundError no search profile of that name
    ├── ProfileUnreadableError  a search profile that is kept cannot be read
    └── AnswerNotKnownError  the answer that is judged is not remembered

The tree begins in `encoders.errors` and `indexers.errors`.
"""

from __future__ import annotations

from encoders.errors import InvalidInputError, RetrievalError
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


class ServiceError(RetrievalError):
    """Said by a service, never by a store that is opened on this machine."""

    code = "service"


class AuthenticationError(ServiceError):
    """A key is needed and none was given, or one that is unknown, expired or revoked."""

    code = "unauthenticated"


class PermissionDeniedError(ServiceError):
    """The key may not do this."""

    code = "forbidden"


class OverloadedError(ServiceError):
    """Too much waits already; ``details`` holds ``retry_after_s``."""

    code = "overloaded"


class DeadlineError(ServiceError):
    """The call took longer than the service allows."""

    code = "deadline_exceeded"


class TooLargeError(ServiceError):
    """A body, a file or a list is over a limit of the service, which ``details`` names."""

    code = "too_large"


class NotFoundError(ServiceError):
    """What the call names is not there, or not for this key."""

    code = "not_found"


class IdempotencyError(ServiceError):
    """The Idempotency-Key was used for another request, or its first request is still at work."""

    code = "idempotency_conflict"


class CursorExpiredError(InvalidInputError):
    """The answer that a cursor belongs to is no longer kept and cannot be made again; search anew."""

    code = "cursor_expired"


class ProfileNotFoundError(InvalidInputError):
    """The collection has no search profile of that name."""

    code = "profile_not_found"


class ProfileUnreadableError(InvalidInputError):
    """A kept search profile cannot be read; save it anew or delete it."""

    code = "profile_unreadable"


class AnswerNotKnownError(InvalidInputError):
    """The answer that feedback is about is not remembered, or another process gave it."""

    code = "answer_not_known"


class UnreachableError(ServiceError):
    """The service gave no answer at any attempt; whether a change was made is not known."""

    code = "unreachable"


class NotOfferedError(ServiceError):
    """A service does not do this over HTTP; the message says who does."""

    code = "not_offered"
