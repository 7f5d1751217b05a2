"""Request bodies made of the library's own types, so that no field is written twice.

Pydantic reads a dataclass but would pass over fields it does not know. `body_model`
mirrors it as a model that refuses them, at every depth.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel, ConfigDict, Field, create_model

from encoders.errors import InvalidInputError

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid", strict=True)


class Body(BaseModel):
    """A request body: unknown fields and values of another type are refused."""

    model_config = STRICT


@cache
def body_model(kind: type[Any], *, name: str = "", without: frozenset[str] = frozenset()) -> type[Body]:
    """Make the request model of a dataclass.

    Args:
        kind: a dataclass.
        name: of the model; by default that of the dataclass.
        without: fields that callers may not set.
    """
    hints = get_type_hints(kind)
    described = _descriptions(kind.__doc__ or "")
    made: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in without:
            continue
        about = described.get(field.name)
        if field.default is not MISSING:
            default = Field(_plain(field.default), description=about)
        elif field.default_factory is not MISSING:
            default = Field(default_factory=_plain_factory(field.default_factory), description=about)
        else:
            default = Field(description=about)
        made[field.name] = (_mirror(hints[field.name]), default)
    model: type[Body] = create_model(name or kind.__name__, __base__=Body, __doc__=_first_line(kind), **made)
    return model


def to_domain(body: BaseModel, kind: type[T], *, without: tuple[str, ...] = (), **more: Any) -> T:
    """Build the dataclass that a body stands for; what the caller left out keeps its default.

    Args:
        body: what was sent.
        kind: the dataclass.
        without: fields of the body that are not the dataclass's.
        more: fields that the body does not hold.

    Raises:
        InvalidInputError: a value that the type refuses.
    """
    try:
        return msgspec.convert({**body.model_dump(exclude_unset=True, exclude=set(without)), **more}, kind)
    except msgspec.ValidationError as error:
        raise InvalidInputError(str(error)) from error


def _mirror(hint: Any) -> Any:
    """Return the hint with lists for tuples, dicts for mappings and models for dataclasses."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return body_model(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(_mirror(one) for one in arguments)]  # noqa: UP007  # built at run time
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return list[_mirror(arguments[0])]  # type: ignore[misc]
    if origin is tuple:
        return list[Any]
    if origin in (list, Sequence):
        return list[_mirror(arguments[0])]  # type: ignore[misc]
    if origin in (dict, Mapping):
        return dict[str, Any]
    if origin is Literal:
        return hint
    return hint


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value) if is_dataclass(value) or isinstance(value, tuple) else value


def _plain_factory(factory: Any) -> Any:
    return lambda: _plain(factory())


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n", 1)[0]


def _descriptions(docstring: str) -> dict[str, str]:
    """Read the ``Attributes:`` of a docstring."""
    _, _, listed = docstring.partition("Attributes:")
    found = re.findall(r"^ {8}(\w+): (.+(?:\n {12}.+)*)", listed, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
