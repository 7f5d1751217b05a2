"""Reads a ranking written as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

_KEYS: Final = frozenset(
    {"ranking", "order", "ids", "identifiers", "permutation", "ranked", "rank", "result", "results"}
    | {"documents", "passages", "indices", "indexes", "answer"}
)
_ID_KEYS: Final = ("id", "index", "identifier", "passage", "document")
_NUMBER: Final = re.compile(r"\[?(\d{1,4})\]?")
_START: Final = re.compile(r"^[ \t]*(?=[{\[])", re.MULTILINE)
_MOST_STARTS: Final = 20
_CUT: Final = re.compile(
    r'\{\s*"(?P<key>\w+)"\s*:\s*\[(?P<items>\s*"?\d{1,4}"?(?:\s*,\s*"?\d{1,4}"?)*\s*,?)\s*"?\s*$'
)


@dataclass(frozen=True, slots=True)
class JsonRanking:
    """Numbers as written, in order; ``cut_short`` when the list is not closed."""

    ids: tuple[int, ...]
    cut_short: bool = False


def json_ranking(text: str) -> JsonRanking | None:
    """Return the last JSON ranking that begins a line of ``text``, or None.

    A ranking is a list of identifiers, or an object that holds one under a key
    that means one, such as ``{"ranking": [3, 1, 2]}``.
    """
    starts = [match.end() for match in _START.finditer(text)][-_MOST_STARTS:]
    for start in reversed(starts):
        if (ids := _decode(text, start)) is not None:
            return JsonRanking(ids)
    return _cut_ranking(text[starts[-1] :]) if starts else None


def _decode(text: str, start: int) -> tuple[int, ...] | None:
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    if text[end:].partition("\n")[0].strip():  # "[3] > [1]" begins like JSON and goes on as a chain
        return None
    ids = _ids_of(value)
    alone = not (text[:start] + text[end:]).strip()
    # One "[3]" among other lines is a mark in a text or a line of a list.
    return None if ids and len(ids) == 1 and isinstance(value, list) and not alone else ids


def _ids_of(value: object) -> tuple[int, ...] | None:
    if isinstance(value, dict):
        lists = [held for key, held in value.items() if str(key).casefold() in _KEYS]
        return _ids_of(lists[0]) if len(lists) == 1 and isinstance(lists[0], list) else None
    if not isinstance(value, list) or not value:
        return None
    ids = [_id_of(one) for one in value]
    return None if None in ids else tuple(one for one in ids if one is not None)


def _id_of(value: object) -> int | None:
    if isinstance(value, dict):
        held = [value[key] for key in _ID_KEYS if key in value]
        return _id_of(held[0]) if len(held) == 1 and not isinstance(held[0], dict) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 10_000 else None
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value.strip())):
        return int(match[1])
    return None


def _cut_ranking(text: str) -> JsonRanking | None:
    """Read ``{"ranking": [3, 1, 1`` without its last number, which may lack digits."""
    match = _CUT.match(text.lstrip())
    if not match or match["key"].casefold() not in _KEYS:
        return None
    ids = tuple(int(number) for number in re.findall(r"\d+", match["items"]))
    whole = ids if match["items"].rstrip().endswith((",", '"')) else ids[:-1]
    return JsonRanking(whole, cut_short=True) if whole else None
