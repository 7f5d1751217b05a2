"""Errors of this room.

    RetrievalError
    └── EvaluationError          a measurement cannot be made
        ├── DataError            a data set is missing, malformed or contradicts itself
        └── TargetError          the system that is measured does not answer as it should

The upper part of the tree is in `encoders.errors`.
"""

from __future__ import annotations

from encoders.errors import RetrievalError


class EvaluationError(RetrievalError):
    """A measurement cannot be made as asked."""

    code = "evaluation"


class DataError(EvaluationError):
    """A data set cannot be used; the message names the file, the line and the remedy."""

    code = "evaluation_data"


class TargetError(EvaluationError):
    """The system that is measured fails or answers with something that is not an answer."""

    code = "evaluation_target"
