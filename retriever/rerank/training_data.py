"""Lists with their right order, to train a reranker on; kept as JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ListwiseExample:
    """A query, passages in first-stage order, and the right order of them.

    Attributes:
        order: places of ``passages``, best first; empty as long as nobody has labelled the list.
    """

    query: str
    passages: tuple[str, ...]
    order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.order and sorted(self.order) != list(range(len(self.passages))):
            raise InvalidInputError(
                f"the order of {len(self.passages)} passages must hold each place from 0 on once"
            )


def read_examples(path: Path) -> Iterator[ListwiseExample]:
    """Read lines ``{"query": …, "passages": […], "order": […]}``; ``order``, from 0, may be missing.

    Raises:
        InvalidInputError: a line is something else; the message says which.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _example(line, f"{path}:{number}")


def _example(line: str, where: str) -> ListwiseExample:
    try:
        held: Any = json.loads(line)
        query, passages, order = held["query"], held["passages"], held.get("order") or []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{where} is no object with query and passages: {error!r}") from error
    texts = (
        isinstance(query, str) and isinstance(passages, list) and all(isinstance(p, str) for p in passages)
    )
    places = isinstance(order, list) and all(type(place) is int for place in order)
    if not (texts and places and len(passages) > 1):
        raise InvalidInputError(
            f"{where} needs a text as query, two or more as passages and numbers as order"
        )
    try:
        return ListwiseExample(query=query, passages=tuple(passages), order=tuple(order))
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from error


def write_examples(path: Path, examples: Iterable[ListwiseExample]) -> None:
    """Write what `read_examples` reads."""
    with path.open("w", encoding="utf-8") as lines:
        for example in examples:
            row = {"query": example.query, "passages": example.passages, "order": example.order}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
