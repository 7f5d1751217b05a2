"""Finds the model that a caller names: an endpoint, or a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from encoders.optional import require
from retriever.rerank.reranker import ListwiseReranker
from retriever.rerank.scoring import ScoringOptions, ScoringReranker

if TYPE_CHECKING:
    from retriever.rerank.planning import RerankOptions
    from retriever.rerank.protocols import RankingModel, Reranker, TextScorer
    from retriever.rerank.structure import Structure
    from retriever.rerank.types import RerankerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """Which model ranks.

    Attributes:
        model: its name at the endpoint; without ``url`` the name or folder of a model.
        kind: what it is, and so how it is asked.
        url: of an OpenAI-compatible endpoint, such as ``http://localhost:11434/v1``; of kind ``endpoint``
            the whole address, such as ``https://api.cohere.com/v2/rerank``.
        context_tokens: what it reads; by default 32,768 for an endpoint, a folder's model says it itself.
        list_limit: the longest list to rank in one call under ``auto``; by default 20, or what a trained
            model's folder says.
        structure: how an endpoint is held to the form.
    """

    model: str
    kind: RerankerKind = "listwise"
    url: str | None = None
    context_tokens: int | None = None
    list_limit: int | None = None
    structure: Structure = "auto"


def load_reranker(choice: ModelChoice, options: RerankOptions | None = None) -> Reranker:
    """Build a reranker; a local model is read from its folder, an endpoint is not yet asked.

    Args:
        choice: the model.
        options: of those a model that scores each text by itself heeds deadline and failure only.

    Raises:
        InvalidInputError: the kind and the address do not go together.
        MissingDependencyError: httpx, transformers or sentence-transformers is needed and not installed.
        ModelError: the model cannot be read.
    """
    if choice.kind == "listwise":
        return ListwiseReranker(load_ranking_model(choice), options)
    heeded = (
        ScoringOptions(deadline_s=options.deadline_s, on_failure=options.on_failure)
        if options is not None
        else None
    )
    return ScoringReranker(_scorer(choice), heeded)


def load_ranking_model(choice: ModelChoice) -> RankingModel:
    """Build the model alone, for example as a teacher; see `load_reranker`."""
    return _endpoint(choice) if choice.url is not None else _local(choice)


def _scorer(choice: ModelChoice) -> TextScorer:
    if (choice.kind == "endpoint") != (choice.url is not None):
        raise InvalidInputError(f"kind {choice.kind!r} and url {choice.url!r} do not go together")
    if choice.url is not None:
        require("httpx", extra="local")
        from retriever.rerank.http_scoring import EndpointScorer, ScoringSettings

        return EndpointScorer(ScoringSettings(url=choice.url, model=choice.model))
    require("sentence_transformers", extra="local")
    from retriever.rerank.torch_scoring import load_cross_encoder, load_late_interaction

    load = load_cross_encoder if choice.kind == "cross_encoder" else load_late_interaction
    return load(choice.model)


def _endpoint(choice: ModelChoice) -> RankingModel:
    require("httpx", extra="local")
    from retriever.rerank.chat import ChatModel, ChatSettings

    defaults = ChatSettings(url=choice.url or "", model=choice.model)
    return ChatModel(
        ChatSettings(
            url=defaults.url,
            model=choice.model,
            context_tokens=choice.context_tokens or defaults.context_tokens,
            list_limit=choice.list_limit or defaults.list_limit,
            structure=choice.structure,
        )
    )


def _local(choice: ModelChoice) -> RankingModel:
    require("transformers", extra="local")

    from retriever.rerank.torch_model import load_local_model, read_settings

    settings = read_settings(Path(choice.model))
    settings = replace(
        settings,
        context_tokens=choice.context_tokens or settings.context_tokens,
        list_limit=choice.list_limit or settings.list_limit,
    )
    return load_local_model(choice.model, settings=settings)
