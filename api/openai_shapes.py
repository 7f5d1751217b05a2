"""What OpenAI's clients send to ``/v1/embeddings`` and read from it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, field_validator

from api.shapes import Body


class EmbeddingsRequest(Body):
    """Texts or token ids to embed. ``late_chunking``, ``input_type`` and ``task`` are ours and Jina's."""

    input: str | list[str] | list[int] | list[list[int]] = Field(
        description="A text, several, or ids of this model's own tokenizer.",
        examples=[["who pays the rent?"]],
    )
    model: str = Field(examples=["default"])
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1, description="Cut the vectors to so many dimensions.")
    user: str | None = None
    input_type: Literal["query", "document", "passage"] = "document"
    task: str | None = Field(default=None, description="Jina's word: `retrieval.query` embeds queries.")
    late_chunking: bool = Field(
        default=False, description="Read the inputs as parts of one document, each in the context of all."
    )

    @field_validator("input")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if isinstance(value, list) and (not value or any(one == [] for one in value)):
            raise ValueError("there is nothing to embed")
        return value

    @property
    def kind(self) -> Literal["query", "document"]:
        """Which side of a search the texts stand on."""
        return "query" if self.input_type == "query" or self.task == "retrieval.query" else "document"

    @property
    def texts(self) -> list[str]:
        """The texts, empty when ids were sent."""
        if isinstance(self.input, str):
            return [self.input]
        return [one for one in self.input if isinstance(one, str)]

    @property
    def tokens(self) -> list[list[int]]:
        """The ids, empty when texts were sent."""
        if isinstance(self.input, str):
            return []
        if self.input and isinstance(self.input[0], int):
            return [[one for one in self.input if isinstance(one, int)]]
        return [one for one in self.input if isinstance(one, list)]


class Embedding(BaseModel):
    """One vector; base64 holds little-endian 32-bit floats."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """Tokens of the texts, special tokens excluded."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """Vectors in the order of the input.

    ``split`` lists the inputs longer than the model reads, which were read in parts and
    averaged; ``incomplete`` those of which something could not be embedded.
    """

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    split: list[int]
    incomplete: list[int]


class Model(BaseModel):
    """The encoder that the service runs."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "longdoc"
    dimensions: int
    max_tokens: int


class Models(BaseModel):
    """All models: the one encoder."""

    object: Literal["list"] = "list"
    data: list[Model]


class OpenAIError(BaseModel):
    """OpenAI's shape of an error."""

    class Fault(BaseModel):
        """What went wrong."""

        message: str
        type: str
        param: str | None = None
        code: str | None = None

    error: Fault
