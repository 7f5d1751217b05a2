"""Lines of JSON and of tabs, read with messages that name the line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from eval.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JSONObject: TypeAlias = dict[str, object]


def at(path: Path, line: int, problem: str) -> DataError:
    """Return the error for a problem in one line of a file."""
    return DataError(f"{path}, line {line}: {problem}", path=str(path), line=line)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file that hold something, numbered from 1.

    Raises:
        DataError: the file is missing or is not UTF-8.
    """
    number = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing", path=str(path)) from error
    except UnicodeDecodeError as error:
        problem = f"this or a later line is not UTF-8 ({error.reason}); convert the file"
        raise at(path, number + 1, problem) from error


def objects(path: Path) -> Iterator[tuple[int, JSONObject]]:
    """Yield the objects of a JSON-lines file with their line numbers.

    Raises:
        DataError: the file is missing, or a line is no JSON object.
    """
    for number, line in lines(path):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise at(path, number, f"not JSON: {error.msg} at column {error.colno}") from error
        if not isinstance(value, dict):
            raise at(path, number, f"expected a JSON object, found {type(value).__name__}")
        yield number, value


def text_field(record: JSONObject, key: str, path: Path, line: int) -> str:
    """Return the string under ``key``.

    Raises:
        DataError: the field is missing or holds something else.
    """
    value = record.get(key)
    if not isinstance(value, str):
        raise at(path, line, f"needs a string {key!r}; has {_described(record, key)}")
    return value


def integer_field(record: JSONObject, key: str, path: Path, line: int) -> int:
    """Return the integer under ``key``.

    Raises:
        DataError: the field is missing or holds something else.
    """
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise at(path, line, f"needs an integer {key!r}; has {_described(record, key)}")
    return value


def grade_field(record: JSONObject, key: str, path: Path, line: int) -> int:
    """Return the judgement under ``key``: an integer, which data frames like to write as ``1.0``.

    Raises:
        DataError: the field is missing or holds something else.
    """
    value = record.get(key)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return integer_field(record, key, path, line)


def _described(record: JSONObject, key: str) -> str:
    if key in record:
        return f"{type(record[key]).__name__} there"
    return f"the fields {', '.join(sorted(record)) or '(none)'}"
