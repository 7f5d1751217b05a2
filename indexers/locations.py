"""What a caller names to be indexed: a path, a git revision, or a URL. Standard library only."""

from __future__ import annotations

import re
from pathlib import Path

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
        return f"{GIT}{_spelled_out(folder)}@{revision}"
    return str(_spelled_out(Path(location))) if is_local(text) else text


def _spelled_out(path: Path) -> Path:
    whole = path.absolute()
    return whole.resolve() if ".." in whole.parts else whole


def repository(location: str) -> tuple[Path, str]:
    """Return folder and revision of ``git+FOLDER@REVISION``; the revision may be left out and is then HEAD.

    A folder whose name holds an ``@`` is written with the revision.
    """
    folder, _, revision = location.removeprefix(GIT).rpartition("@")
    return (Path(folder), revision or "HEAD") if folder else (Path(revision), "HEAD")
