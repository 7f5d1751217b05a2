"""Haystack components: a retriever and a ranker.

Loading a saved pipeline that holds them, Haystack wants to be told that our package is
meant: ``Pipeline.loads(text, allowed_modules=["retriever.*"])``.
"""

from __future__ import annotations

import asyncio
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.core.errors import SerializationError
from haystack.utils import Secret

from encoders.errors import InvalidInputError
from retriever.adapters.haystack_filters import mongo_filter
from retriever.adapters.spans import Passage, rerank, search, search_async
from retriever.client import Client
from retriever.embedded import BUNDLED, BaseRetriever, Retriever

_KEY = Secret.from_env_var("LONGDOC_API_KEY", strict=False)


@component
class LongdocRetriever:
    """Returns the evidence of a search, one Haystack document for each span.

    Args:
        retriever: a `Retriever` or `Client` that is open, and stays the caller's to close. A
            pipeline with one cannot be saved.
        store: in place of ``retriever``, the folder of a store, opened by the first use.
        url: or the address of a service.
        api_key: for ``url``.
        collection: of the store or service.
        encoder: for a store, the name or folder of a model.
        top_k: documents wanted.
        evidence: at most so many spans of each.
        max_tokens: return the sources of a context of this size instead: spans joined with their
            neighbours, completed to sentences, without what nearly repeats; see `Retriever.context`.
        filters: in Haystack's form or in the Mongo form; those of a run take their place.
        search_kwargs: more of what `Retriever.search` takes.
    """

    def __init__(
        self,
        retriever: Any = None,
        *,
        store: str | None = None,
        url: str | None = None,
        api_key: Secret = _KEY,
        collection: str = "default",
        encoder: str = BUNDLED,
        top_k: int = 5,
        evidence: int = 2,
        max_tokens: int | None = None,
        filters: dict[str, Any] | None = None,
        search_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if sum(given is not None for given in (retriever, store, url)) != 1:
            raise InvalidInputError(
                "give an open retriever, the folder of a store or a url, one of the three"
            )
        self.store = store
        self.url = url
        self.api_key = api_key
        self.collection = collection
        self.encoder = encoder
        self.top_k = top_k
        self.evidence = evidence
        self.max_tokens = max_tokens
        self.filters = filters
        self.search_kwargs = search_kwargs or {}
        self._given = retriever
        self._opened: Any = None

    def warm_up(self) -> None:
        """Open the store, or the connection."""
        self._source()

    def close(self) -> None:
        """Let go of the store; the next run opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def to_dict(self) -> dict[str, Any]:
        """Describe the component.

        Raises:
            SerializationError: it was made of an open retriever, or ``api_key`` is no environment variable.
        """
        if self._given is not None:
            raise SerializationError(
                "an open retriever cannot be saved; make the component with store= or url="
            )
        described: dict[str, Any] = default_to_dict(
            self,
            store=self.store,
            url=self.url,
            api_key=self.api_key.to_dict(),
            collection=self.collection,
            encoder=self.encoder,
            top_k=self.top_k,
            evidence=self.evidence,
            max_tokens=self.max_tokens,
            filters=self.filters,
            search_kwargs=self.search_kwargs,
        )
        return described

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LongdocRetriever:
        """Make the component that `to_dict` described."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Search.

        Args:
            query: a question, words, or a longer text.
            filters: in place of the component's own.
            top_k: likewise.

        Returns:
            ``documents``: the best document's spans first.
        """
        found = search(self._source(), query, **self._options(filters, top_k))
        return {"documents": [_document(passage) for passage in found]}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Search without blocking the event loop; see `run`."""
        source = self._given or self._opened or await asyncio.to_thread(self._source)
        found = await search_async(source, query, **self._options(filters, top_k))
        return {"documents": [_document(passage) for passage in found]}

    def _options(self, filters: dict[str, Any] | None, top_k: int | None) -> dict[str, Any]:
        where = mongo_filter(self.filters if filters is None else filters)
        limit = self.top_k if top_k is None else top_k
        fixed = {"limit": limit, "evidence": self.evidence, "filter": where, "max_tokens": self.max_tokens}
        return {**fixed, **self.search_kwargs}

    def _source(self) -> Any:
        if self._given is not None:
            return self._given
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> BaseRetriever:
        if self.url is not None:
            return Client(self.url, collection=self.collection, api_key=self.api_key.resolve_value())
        return Retriever.open(str(self.store), collection=self.collection, encoder=self.encoder)


@component
class LongdocRanker:
    """Puts documents into the order of a language model that sees the whole list.

    A document's new score tells its rank and nothing more; the old one is in its meta as
    ``retrieval_score``. ``rerank_status`` is ``ok`` or ``repaired`` when the order is the
    model's, ``fallback`` or ``failed`` when it is, wholly or in part, the one that was given.
    The key of an endpoint is read from ``LONGDOC_LLM_KEY``.

    Args:
        model: its name at the endpoint; without ``url`` the name or folder of a causal model.
        url: of an OpenAI-compatible endpoint.
        top_k: how many to keep; all when None.
        reranker: in place of ``model``, one made by `retriever.rerank.loading.load_reranker`.
            A pipeline with one cannot be saved.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        url: str | None = None,
        top_k: int | None = 5,
        reranker: Any = None,
    ) -> None:
        if (model is None) == (reranker is None):
            raise InvalidInputError("give the name of a model or a reranker, one of the two")
        self.model = model
        self.url = url
        self.top_k = top_k
        self._given = reranker
        self._reranker = reranker

    def warm_up(self) -> None:
        """Load the model."""
        if self._reranker is None:
            from retriever.rerank.loading import ModelChoice, load_reranker

            self._reranker = load_reranker(ModelChoice(model=str(self.model), url=self.url))

    def to_dict(self) -> dict[str, Any]:
        """Describe the component.

        Raises:
            SerializationError: it was made of a reranker.
        """
        if self._given is not None:
            raise SerializationError("a reranker cannot be saved; make the component with model=...")
        described: dict[str, Any] = default_to_dict(self, model=self.model, url=self.url, top_k=self.top_k)
        return described

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LongdocRanker:
        """Make the component that `to_dict` described."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Rank.

        Args:
            query: what is looked for.
            documents: in the order of the first stage.
            top_k: in place of the component's own.

        Returns:
            ``documents``: the best first.

        Raises:
            InvalidInputError: a document without text.
        """
        if not documents:
            return {"documents": []}
        self.warm_up()
        limit = self.top_k if top_k is None else top_k
        status, order = rerank(self._reranker, query, [_text(one) for one in documents], limit)
        return {"documents": [_reranked(documents[item.index], item.score, status) for item in order]}


def _document(passage: Passage) -> Document:
    return Document(id=passage.id, content=passage.text, meta=passage.metadata, score=passage.score)


def _text(document: Document) -> str:
    if document.content is None:
        raise InvalidInputError(f"document {document.id!r} has no text to rank by")
    return str(document.content)


def _reranked(old: Document, score: float | None, status: str) -> Document:
    fields = {name: getattr(old, name) for name in ("id", "content", "blob", "embedding", "sparse_embedding")}
    meta = old.meta | {"rerank_status": status, "retrieval_score": old.score}
    return Document(**fields, meta=meta, score=score)
