"""A LlamaIndex retriever and a node postprocessor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict
from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import (
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)

from encoders.errors import InvalidInputError
from retriever.adapters.spans import Passage, rerank, search, search_async

_FOR_MODELS = {"title", "page", "heading", "symbol", "speaker"}


class LongdocRetriever(BaseRetriever):
    """Returns the evidence of a search, one node for each span.

    A node's ``start_char_idx`` and ``end_char_idx`` are code points of the document, which is
    its ``SOURCE``. Of the metadata a language model is shown only title, page, heading, symbol
    and speaker; the rest is for citations.

    Args:
        retriever: a `Retriever` or `Client`, or, for ``aretrieve``, an `AsyncRetriever` or
            `AsyncClient`. It stays the caller's to close.
        limit: documents wanted.
        evidence: at most so many spans of each.
        max_tokens: return the sources of a context of this size instead: spans joined with their
            neighbours, completed to sentences, without what nearly repeats; see `Retriever.context`.
        where: a filter in the Mongo form.
        search_kwargs: more of what `Retriever.search` takes.
        callback_manager: LlamaIndex's own.
    """

    def __init__(
        self,
        retriever: Any,
        *,
        limit: int = 5,
        evidence: int = 2,
        max_tokens: int | None = None,
        where: Mapping[str, Any] | None = None,
        search_kwargs: Mapping[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self._retriever = retriever
        self._options = {
            "limit": limit,
            "evidence": evidence,
            "filter": where,
            "max_tokens": max_tokens,
            **(search_kwargs or {}),
        }

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = search(self._retriever, query_bundle.query_str, **self._options)
        return [_node(passage) for passage in found]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = await search_async(self._retriever, query_bundle.query_str, **self._options)
        return [_node(passage) for passage in found]


class LongdocRerank(BaseNodePostprocessor):
    """Puts nodes into the order of a reranker that sees the whole list, and keeps the best.

    A node's new score tells its rank and nothing more; the old one is in its metadata as
    ``retrieval_score``. ``rerank_status`` is ``ok`` or ``repaired`` when the order is the
    model's, ``fallback`` or ``failed`` when it is, wholly or in part, the one that was given.

    Attributes:
        reranker: made by `retriever.rerank.loading.load_reranker`.
        top_n: how many to keep; all when None.
    """

    reranker: Any
    top_n: int | None = 5

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex knows it."""
        return "LongdocRerank"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise InvalidInputError("reranking needs the query; pass query_str or query_bundle")
        if not nodes:
            return []
        texts = [one.node.get_content(metadata_mode=MetadataMode.NONE) for one in nodes]
        status, order = rerank(self.reranker, query_bundle.query_str, texts, self.top_n)
        return [_reranked(nodes[item.index], item.score, status) for item in order]


def _node(passage: Passage) -> NodeWithScore:
    node = TextNode(
        id_=passage.id,
        text=passage.text,
        metadata=passage.metadata,
        start_char_idx=passage.metadata["start"],
        end_char_idx=passage.metadata["end"],
        excluded_llm_metadata_keys=sorted(passage.metadata.keys() - _FOR_MODELS),
        excluded_embed_metadata_keys=sorted(passage.metadata.keys() - _FOR_MODELS),
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(
                node_id=passage.metadata["document_id"], metadata={"version": passage.metadata["version"]}
            )
        },
    )
    return NodeWithScore(node=node, score=passage.score)


def _reranked(old: NodeWithScore, score: float | None, status: str) -> NodeWithScore:
    node = old.node.model_copy()
    told = {"rerank_status": status, "retrieval_score": old.score}
    node.metadata = old.node.metadata | told
    node.excluded_llm_metadata_keys = sorted({*node.excluded_llm_metadata_keys, *told})
    node.excluded_embed_metadata_keys = sorted({*node.excluded_embed_metadata_keys, *told})
    return NodeWithScore(node=node, score=score)
