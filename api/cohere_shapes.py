"""What Cohere's and Jina's clients send to the rerank and embed routes and read from them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, Field

from api.shapes import Body


class RerankRequest(Body):
    """A query and the texts to order by it, as of Cohere's v1 and v2 and Jina."""

    model: str | None = Field(default=None, examples=["default"])
    query: str = Field(min_length=1, examples=["who pays the rent?"])
    documents: list[str | dict[str, Any]] = Field(
        min_length=1,
        description="Texts, or objects with a `text`.",
        examples=[["the tenant pays the rent", "a recipe for bread"]],
    )
    top_n: int | None = Field(default=None, ge=1)
    return_documents: bool | None = None
    rank_fields: list[str] | None = Field(
        default=None, description="Which fields of objects are read; `text` by default."
    )
    max_chunks_per_doc: int | None = Field(default=None, ge=1, description="Accepted; texts are read whole.")
    max_tokens_per_doc: int | None = Field(default=None, ge=1, description="Accepted; texts are read whole.")
    priority: int | None = None

    def texts(self) -> list[str]:
        """Return the text of each document.

        Raises:
            KeyError: an object without the fields that are to be read.
        """
        names = self.rank_fields or ["text"]
        return [
            one if isinstance(one, str) else "\n".join(str(one[name]) for name in names)
            for one in self.documents
        ]


class RerankedDocument(BaseModel):
    """A document by its place in the request; ``relevance_score`` is 0 to 1 and orders this answer only."""

    index: int
    relevance_score: float
    document: dict[str, Any] | None = None


class ApiVersion(BaseModel):
    """Which version of Cohere's API this follows."""

    version: str


class BilledUnits(BaseModel):
    """Nothing is billed; these are counts."""

    input_tokens: int | None = None
    search_units: int | None = None


class Meta(BaseModel):
    """About the call."""

    api_version: ApiVersion
    billed_units: BilledUnits


class RerankUsage(BaseModel):
    """Jina's count."""

    total_tokens: int


class RerankResponse(BaseModel):
    """The best documents first; ``model`` says how they were scored."""

    id: str
    model: str
    results: list[RerankedDocument]
    meta: Meta
    usage: RerankUsage


class EmbedRequest(Body):
    """Texts to embed, as of Cohere's v2."""

    model: str = Field(examples=["default"])
    input_type: Literal["search_document", "search_query", "classification", "clustering"] = Field(
        examples=["search_document"]
    )
    texts: list[str] = Field(min_length=1, examples=[["the tenant pays the rent"]])
    embedding_types: list[Literal["float", "base64"]] | None = None
    output_dimension: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1, description="Accepted; texts are read whole.")
    truncate: Literal["NONE", "START", "END"] | None = Field(
        default=None, description="Accepted; texts are read whole, nothing is cut."
    )
    priority: int | None = None


Numbers: TypeAlias = list[float]  # in the class below `float` is a field


class EmbeddingsByType(BaseModel):
    """Vectors in the forms that were asked for."""

    float: list[Numbers] | None = None
    base64: list[str] | None = None


class EmbedResponse(BaseModel):
    """Vectors in the order of the texts."""

    id: str
    response_type: Literal["embeddings_by_type"] = "embeddings_by_type"
    embeddings: EmbeddingsByType
    texts: list[str]
    meta: Meta


class CohereError(BaseModel):
    """Cohere's shape of an error."""

    id: str | None = None
    message: str
