"""Errors of reranking.

    RerankError
    ├── BudgetError              the passages do not fit the model, however short they are cut
    ├── NoAnswerError            the model gave no answer: transport, time, or a body of another kind
    │   ├── RejectedError        the endpoint refused the request; asking again does not help
    │   └── ContextLengthError   the endpoint says that the prompt is too long
    └── RankingFailedError       no ranking, under the setting ``on_failure="raise"``

The tree begins in `encoders.errors`.
"""

from __future__ import annotations

from encoders.errors import RetrievalError


class RerankError(RetrievalError):
    """A list cannot be reranked."""

    code = "rerank"


class BudgetError(RerankError):
    """The passages do not fit the model's context."""

    code = "rerank_budget"


class NoAnswerError(RerankError):
    """No answer came, or one that no model wrote; ``details`` holds the attempts."""

    code = "rerank_no_answer"


class RejectedError(NoAnswerError):
    """The endpoint refused the request: key, model name or settings are wrong."""

    code = "rerank_rejected"


class ContextLengthError(NoAnswerError):
    """The endpoint says that the prompt is longer than its model reads."""

    code = "rerank_context_length"


class RankingFailedError(RerankError):
    """No model ranked the list and the caller wants an error instead of the first-stage order."""

    code = "rerank_failed"
