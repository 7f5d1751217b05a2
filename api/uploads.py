"""Files that came over HTTP, on their way to a job.

Each upload has a folder of its own in the store. Names come from strangers: what is
not a plain relative path is refused before a byte is written.
"""

from __future__ import annotations

import math
import shutil
import unicodedata
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from encoders.errors import InvalidInputError
from indexers.layout import UPLOADS
from retriever.types import Job

_MAX_BYTES: Final = 512
_MAX_PART_BYTES: Final = 200
_PIECE: Final = 1 << 20
_BROKEN_OFF_S: Final = 3_600.0
_KEPT_S: Final = {
    "queued": math.inf,
    "running": math.inf,
    "done": 0.0,
    "failed": 86_400.0,
    "cancelled": 86_400.0,
}


def safe_name(name: str) -> PurePosixPath:
    """Return a file's name as a relative path that stays inside a folder.

    Raises:
        InvalidInputError: it is empty, absolute, leads out, is hidden, or holds what no name should.
    """
    path = PurePosixPath(name)
    bad = (
        not name
        or len(name.encode("utf-8", "surrogatepass")) > _MAX_BYTES
        or "\\" in name
        or path.is_absolute()
        or any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name)
        or any(part.startswith(".") or len(part.encode()) > _MAX_PART_BYTES for part in name.split("/"))
        or "" in name.split("/")
    )
    if bad:
        raise InvalidInputError(
            f"{name[:100]!r} cannot be the name of a file: send a relative path with '/', without '..', "
            f"hidden parts or control characters, of at most {_MAX_BYTES} bytes"
        )
    return path


class Upload:
    """One upload's folder, being filled.

    Args:
        store: the store's folder.
    """

    def __init__(self, store: Path) -> None:
        self.folder = store.absolute() / UPLOADS / uuid.uuid4().hex
        self.folder.mkdir(parents=True, mode=0o700)

    def write(self, name: PurePosixPath, source: BinaryIO) -> None:
        """Copy a file into the folder.

        Raises:
            InvalidInputError: a file of that name is there, or is in the way.
        """
        target = self.folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(source, file, _PIECE)
        except (FileExistsError, NotADirectoryError) as error:
            raise InvalidInputError(
                f"two files of the upload are called {str(name)!r}, or one is a folder", name=str(name)
            ) from error

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep(store: Path, jobs: Iterable[Job], *, now: float) -> int:
    """Remove uploads that nobody needs any more; return how many there were.

    A job that is done needs its files no longer; one that failed or was cancelled may be
    tried again within a day; an upload without a job was broken off.
    """
    states = {Path(path).name: job.state for job in jobs for path in job.paths}
    gone = [
        folder
        for folder in (store.absolute() / UPLOADS).glob("*")
        if now - folder.stat().st_mtime > _KEPT_S.get(states.get(folder.name, ""), _BROKEN_OFF_S)
    ]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)
