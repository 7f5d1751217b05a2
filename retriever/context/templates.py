"""Fills templates in: named fields and nothing else, so that a template can read no attribute."""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING, Final

from encoders.errors import InvalidInputError
from retriever.context.labels import plain_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOURCE_FIELDS: Final = tuple(plain_facts(1, ""))
_MARK: Final = "\x00text\x00"


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace ``{name}`` by its value; values are not looked at again."""
    return "".join(
        literal + (values[name] if name is not None else "") for literal, name in _parts(template, values)
    )


def check_template(name: str, template: str, fields: tuple[str, ...], *, needs: str | None = None) -> None:
    """Refuse a template that names unknown fields or lacks one.

    Raises:
        InvalidInputError: the message names the field and those that there are.
    """
    if not isinstance(template, str):
        raise InvalidInputError(f"template.{name} is {type(template).__name__}; it is a string")
    try:
        parts = _parts(template, dict.fromkeys(fields, ""))
    except InvalidInputError as error:
        raise InvalidInputError(f"template.{name}: {error}", template=name) from error
    if needs is not None and needs not in [field for _, field in parts]:
        raise InvalidInputError(f"template.{name} needs the field {{{needs}}}", template=name)


def surroundings(render: Callable[[Mapping[str, str]], str]) -> tuple[str, str]:
    """Return what a template writes right before and after a text, whatever the text is.

    Two made-up sources are written; what is the same before both texts opens a source,
    what follows closes it.
    """
    written = [render(plain_facts(number, _MARK)) for number in (1, 2)]
    befores, _, afters = zip(*(one.partition(_MARK) for one in written), strict=True)
    return _common(*befores), _common(*afters)


def guarded(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the tags and other literals by which a source could be opened or closed."""
    tags = re.findall(r"<\s*/?\s*([A-Za-z][\w.-]*)", before + after)
    literals = [line.strip() for part in (before, after) for line in part.splitlines()]
    return list(dict.fromkeys(tags)), [line for line in literals if len(line) > 1 and not line.isalnum()]


def _common(one: str, other: str) -> str:
    """Return what two strings begin with."""
    length = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return one[:length]


def _parts(template: str, values: Mapping[str, str]) -> list[tuple[str, str | None]]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise InvalidInputError(f"{error}; write a brace twice") from error
    for _, name, form, conversion in parsed:
        if name is not None and (name not in values or form or conversion):
            shown = "{" + name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
            raise InvalidInputError(f"knows no field {shown}; there are {', '.join(values)}", field=shown)
    return [(literal, name) for literal, name, _, _ in parsed]
