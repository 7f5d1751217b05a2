"""What a caller names to be indexed: a path, a git revision, or a URL. Standard library only."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GIT = "git+"
_URL = re.compile(r"[a-z][a-z0-9+.-]*(?:::[a-z][a-z0-9+.-]*)*://", re.IGNORECASE)


def is_local(location: str | Path) -> bool:
    """Tell whether a location is a file or folder of this machine."""
    text = str(location)
    return not (text.startswith(GIT) or _URL.match(text))


def absolute(location: str | Path) -> str:
    """Return a location that means the same in a process with another working folder.

    Paths have no ``..`` in them then, so that one file has one spelling; links stay as they are named.
    """
    text = str(location)
    if text.startswith(GIT) and "://" not in text:
        folder, revision = repository(text)
        return f"{GIT}{normal(folder)}@{revision}"
    return str(normal(location)) if is_local(text) else text


def normal(path: str | Path) -> Path:
    """Return the absolute path without ``..``, so that a file has one name from every working folder.

    Symbolic links stay as they are named: what lies behind ``current`` goes on being called that when
    the link moves on. Only a ``..`` that follows a link makes the links resolve, since to drop it would
    name another file.
    """
    given = Path(path).absolute()
    if ".." not in given.parts:
        return given
    plain = Path(os.path.normpath(given))
    real = given.resolve()
    return plain if plain.resolve() == real else real


def lies_in(root: Path) -> Callable[[str, str], bool]:
    """Return what tells by source and id of a document whether it is of a folder, however that was named.

    Args:
        root: the folder, as `normal` returns it.
    """
    real = root.resolve()
    known = {str(root): True}

    def is_of(source: str, doc_id: str) -> bool:
        if not source.startswith("/") or not source.endswith(f"/{doc_id}"):
            return False
        folder = source.removesuffix(f"/{doc_id}") or "/"
        if folder not in known:
            known[folder] = Path(folder).resolve() == real
        return known[folder]

    return is_of


def repository(location: str) -> tuple[Path, str]:
    """Return folder and revision of ``git+FOLDER@REVISION``; the revision may be left out and is then HEAD.

    A folder whose name holds an ``@`` is written with the revision.
    """
    folder, _, revision = location.removeprefix(GIT).rpartition("@")
    return (Path(folder), revision or "HEAD") if folder else (Path(revision), "HEAD")
