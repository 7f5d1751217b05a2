"""Reads candidates from a file: lines, JSON lines, or what ``longdoc search --json`` printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from encoders.errors import InvalidInputError
from retriever.rerank.types import Candidate, Excerpt

if TYPE_CHECKING:
    from collections.abc import Callable

InputFormat: TypeAlias = Literal["lines", "jsonl", "search"]


def read_candidates(source: str, form: InputFormat) -> list[Candidate]:
    """Read candidates in first-stage order; empty lines are skipped.

    ``lines`` holds one text a line; ``jsonl`` objects with ``text`` and, if wanted,
    ``id``, ``title`` and ``score``; ``search`` the JSON of a search.

    Raises:
        InvalidInputError: the source is something else; the message says where.
    """
    return _READERS[form](source)


def _lines(source: str) -> list[Candidate]:
    texts = [line for line in source.splitlines() if line.strip()]
    return [Candidate(id=str(place), excerpts=(Excerpt(text),)) for place, text in enumerate(texts)]


def _json_lines(source: str) -> list[Candidate]:
    candidates: list[Candidate] = []
    for number, line in enumerate(source.splitlines(), start=1):
        if line.strip():
            held = _json(line, f"line {number}")
            if not isinstance(held, dict) or not isinstance(held.get("text"), str):
                raise InvalidInputError(f"line {number} needs an object with a text under 'text'")
            candidates.append(
                Candidate(
                    id=str(held.get("id", len(candidates))),
                    title=str(held.get("title") or ""),
                    excerpts=(Excerpt(held["text"]),),
                    score=_score(held.get("score")),
                )
            )
    return candidates


def _search(source: str) -> list[Candidate]:
    try:
        return [_hit(hit) for hit in _json(source, "the input")["hits"]]
    except (KeyError, TypeError) as error:
        raise InvalidInputError(f"the input is not what a search prints as JSON: {error!r}") from error


def _hit(hit: dict[str, Any]) -> Candidate:
    document = hit["document"]
    if not hit["evidence"]:
        raise InvalidInputError(f"hit {document['id']!r} has no evidence to rank by; search with evidence")
    return Candidate(
        id=document["id"],
        title=document["title"],
        excerpts=tuple(Excerpt(found["text"], found["start"]) for found in hit["evidence"]),
        score=_score(hit["score"]),
    )


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{where} is not JSON: {error}") from error


def _score(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_READERS: Final[dict[InputFormat, Callable[[str], list[Candidate]]]] = {
    "lines": _lines,
    "jsonl": _json_lines,
    "search": _search,
}
