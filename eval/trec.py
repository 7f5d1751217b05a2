"""Run files in TREC form: ``query-id Q0 doc-id rank score tag``, one line per document.

Fields are separated by white space, so white space and ``%`` inside an id are
percent-encoded; reading decodes them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from eval.jsonl import at, lines
from eval.metrics import ranking

if TYPE_CHECKING:
    from pathlib import Path

    from eval.types import Run

_KEPT = "!\"#$&'()*+,/:;<=>?@[\\]^`{|}"


def write_run(path: Path, run: Run, *, tag: str) -> None:
    """Write a run; documents of equal score stand in order of id."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for query_id, scores in run.items():
            for rank, doc_id in enumerate(ranking(scores), start=1):
                file.write(f"{_name(query_id)} Q0 {_name(doc_id)} {rank} {scores[doc_id]!r} {_name(tag)}\n")


def read_run(path: Path) -> dict[str, dict[str, float]]:
    """Read a run; the rank column is ignored, as scores decide.

    Raises:
        DataError: the file is missing, a line is malformed, or a document is listed twice.
    """
    run: dict[str, dict[str, float]] = {}
    for number, line in lines(path):
        fields = line.split()
        if len(fields) != 6:
            raise at(path, number, f"expected 'query Q0 document rank score tag', found {len(fields)} fields")
        query_id, doc_id = unquote(fields[0]), unquote(fields[2])
        try:
            score = float(fields[4])
        except ValueError as error:
            raise at(path, number, f"the score {fields[4]!r} is no number") from error
        if doc_id in run.setdefault(query_id, {}):
            raise at(path, number, f"document {doc_id!r} is listed twice for query {query_id!r}")
        run[query_id][doc_id] = score
    return run


def _name(text: str) -> str:
    return quote(text, safe=_KEPT)
