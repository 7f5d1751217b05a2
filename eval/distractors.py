"""Files that answer no query of a data set, to be found in its way: sources, documentation."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from encoders.types import Document
from eval.beir import media_type
from eval.errors import DataError
from indexers.media_types import media_type_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SMALLEST, LARGEST = 200, 20_000
NEAR = 0.3
"""A file that shares so much of its runs of eight words with the data set is no distractor."""

_WORD = re.compile(r"\w+")
_RUN = 8


def read_distractors(
    folders: Iterable[Path], count: int, *, beside: Sequence[Document]
) -> tuple[Document, ...]:
    """Take ``count`` text files of the folders, chosen by the hash of their path.

    Files of 200 to 20,000 bytes of UTF-8 whose name tells of text or code; each text once, and
    none that repeats a document of the data set.

    Raises:
        DataError: there are fewer.
    """
    known = {run for document in beside for run in _runs(document.text, step=1)}
    seen: set[bytes] = set()
    found: list[Document] = []
    for folder, path in _by_hash(folders):
        name, text = path.relative_to(folder).as_posix(), _read(path)
        digest = hashlib.sha256(" ".join(_WORD.findall(text)).encode()).digest()
        if not text.strip() or digest in seen or _repeats(text, known):
            continue
        seen.add(digest)
        found.append(
            Document(
                id=f"distractor/{folder.name}/{name}",
                text=text,
                title=name,
                source=name,
                media_type=media_type(name),
            )
        )
        if len(found) == count:
            return tuple(found)
    raise DataError(f"the folders hold {len(found):,} files to put beside the data, {count:,} were wanted")


def _by_hash(folders: Iterable[Path]) -> list[tuple[Path, Path]]:
    chosen = [
        (folder, path)
        for folder in folders
        for path in folder.rglob("*")
        if media_type_of(path.name).startswith("text/") and path.is_file() and not path.is_symlink()
        if SMALLEST <= path.stat().st_size <= LARGEST
    ]
    return sorted(chosen, key=_hash)


def _hash(one: tuple[Path, Path]) -> bytes:
    folder, path = one
    return hashlib.sha256(path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")).digest()


def _read(path: Path) -> str:
    """Return the text of a file; empty where it holds none, or has a name that no document can have."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8") if b"\0" not in data and str(path).isprintable() else ""
    except UnicodeDecodeError:
        return ""


def _repeats(text: str, known: set[int]) -> bool:
    runs = list(_runs(text, step=4))
    return bool(runs) and sum(run in known for run in runs) > NEAR * len(runs)


def _runs(text: str, *, step: int) -> Iterator[int]:
    words = _WORD.findall(text)
    return (hash(tuple(words[at : at + _RUN])) for at in range(0, len(words) - _RUN + 1, step))
