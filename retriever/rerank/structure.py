"""How an endpoint is held to the form of a ranking, where it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from retriever.rerank.prompts import AnswerForm

Structure: TypeAlias = Literal["auto", "json_schema", "json_object", "grammar", "regex", "text"]
"""``json_schema``: OpenAI's ``response_format``, also vLLM's and Ollama's; ``json_object``: that of
llama-cpp-python; ``grammar``: llama.cpp's GBNF; ``regex``: vLLM's ``structured_outputs``; ``text``: by
the prompt alone; ``auto``: ``json_schema``, and ``text`` from the first refusal on.

The form does not make a permutation: a grammar that counts every identifier once
grows with their factorial. So all answers are checked alike."""

_Field: TypeAlias = Callable[[int, int], Mapping[str, Any]]


def structure_fields(structure: Structure, *, size: int, wanted: int) -> Mapping[str, Any]:
    """Return the fields of a chat request that ask for ``wanted`` identifiers of ``1`` to ``size``."""
    return _FIELDS[structure](size, wanted)


def answer_form(structure: Structure) -> AnswerForm:
    """Return the form that the prompt must ask for."""
    return "json" if structure in ("auto", "json_schema", "json_object") else "chain"


def _schema(size: int, wanted: int) -> dict[str, Any]:
    ids = {"type": "integer", "minimum": 1, "maximum": size}
    ranking = {"type": "array", "items": ids, "minItems": wanted, "maxItems": wanted}
    return {
        "type": "object",
        "properties": {"ranking": ranking},
        "required": ["ranking"],
        "additionalProperties": False,
    }


def _json_schema(size: int, wanted: int) -> Mapping[str, Any]:
    named = {"name": "ranking", "strict": True, "schema": _schema(size, wanted)}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _json_object(size: int, wanted: int) -> Mapping[str, Any]:
    return {"response_format": {"type": "json_object", "schema": _schema(size, wanted)}}


def _grammar(size: int, wanted: int) -> Mapping[str, Any]:
    ids = " | ".join(f'"[{number}]"' for number in range(1, size + 1))
    chain = " ".join(["id", *['" > " id'] * (wanted - 1)])
    return {"grammar": f"root ::= {chain}\nid ::= {ids}"}


def _regex(size: int, wanted: int) -> Mapping[str, Any]:
    ids = "|".join(str(number) for number in range(size, 0, -1))
    return {"structured_outputs": {"regex": rf"\[({ids})\]( > \[({ids})\]){{{wanted - 1}}}"}}


def _nothing(size: int, wanted: int) -> Mapping[str, Any]:
    return {}


_FIELDS: Final[dict[Structure, _Field]] = {
    "auto": _json_schema,
    "json_schema": _json_schema,
    "json_object": _json_object,
    "grammar": _grammar,
    "regex": _regex,
    "text": _nothing,
}
