"""Errors of the whole house start here.

    RetrievalError
    ├── InvalidInputError        the caller's value cannot be used
    │   ├── InputTooLongError    longer than the model reads, under the policy "error"
    │   └── EmptySpanError       a span that covers no token
    ├── MissingDependencyError   an optional library is not installed
    └── ModelError               the model cannot do what was asked, or is broken

`indexers.errors` and `retriever.errors` continue the tree.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

Detail: TypeAlias = str | int | float | bool | list[str] | None


class RetrievalError(Exception):
    """Root of all errors; ``details`` holds the facts that the message states, as JSON values."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: Detail) -> None:
        super().__init__(message)
        self.details = details

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), str(self), self.details))


def _rebuild(kind: type[RetrievalError], message: str, details: dict[str, Detail]) -> RetrievalError:
    return kind(message, **details)


class InvalidInputError(RetrievalError):
    """A value that cannot be used; the message says which and what to do."""

    code = "invalid_input"


class InputTooLongError(InvalidInputError):
    """A text is longer than the model reads and the policy is ``error``."""

    code = "input_too_long"


class EmptySpanError(InvalidInputError):
    """A span covers no token."""

    code = "empty_span"


class MissingDependencyError(RetrievalError):
    """An optional library is needed and not installed."""

    code = "missing_dependency"


class ModelError(RetrievalError):
    """A model cannot do what was asked of it, or gives broken vectors."""

    code = "model"
