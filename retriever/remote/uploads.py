"""Files of this machine on their way to a service, in uploads of a bounded size."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from indexers.documents import printable
from indexers.locations import is_local
from indexers.parsing.folders import survey
from indexers.parsing.types import FoundFile
from retriever.types import ItemOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from typing_extensions import Buffer

MAX_FILES = 200
MAX_BYTES = 64_000_000
_MAX_NAME_BYTES = 512
_MAX_PART_BYTES = 200
_TWICE = "the id was given twice in this run; the first one was kept"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file and the name it is sent under, which becomes the document's id."""

    name: str
    path: Path
    size: int

    def open(self) -> LazyFile:
        """Return its bytes, to be read from the first."""
        return LazyFile(self.path, self.size)


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """What was found under some paths: what to send, and the rest with its reasons."""

    files: tuple[LocalFile, ...]
    skipped: tuple[ItemOutcome, ...]
    failed: tuple[ItemOutcome, ...]

    def uploads(self) -> Iterator[tuple[LocalFile, ...]]:
        """Yield the files in groups; one that is larger than a group's limit goes alone."""
        group: list[LocalFile] = []
        for file in self.files:
            if group and (len(group) == MAX_FILES or sum(one.size for one in group) + file.size > MAX_BYTES):
                yield tuple(group)
                group = []
            group.append(file)
        if group:
            yield tuple(group)


class LazyFile(io.RawIOBase):
    """A file that is open only while it is read, so that an upload of many needs few handles."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__()
        self._path = path
        self._size = size
        self._at = 0
        self._file: io.BufferedReader | None = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that its size can be asked for."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset + (0, self._at, self._size)[whence]
        if self._file is not None:
            self._file.seek(self._at)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Read the next bytes; at the end the handle is closed."""
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._at)
        count = self._file.readinto(buffer)
        self._at += count
        if not count:
            self._release()
        return count

    def close(self) -> None:
        """Close it."""
        self._release()
        super().close()

    def _release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def find_local(paths: Sequence[str]) -> LocalFiles:
    """Walk over files and folders as the embedded retriever does.

    Raises:
        FileNotFoundError: a path does not exist.
        InvalidInputError: it is no path of this machine.
    """
    if elsewhere := [path for path in paths if not is_local(path)]:
        raise InvalidInputError(f"only files and folders are sent to a service, not {elsewhere[0]}")
    return _sorted_out(item for path in paths for item in survey(Path(path)))


def _sorted_out(found: Iterable[object]) -> LocalFiles:
    files: dict[str, LocalFile] = {}
    skipped: list[ItemOutcome] = []
    failed: list[ItemOutcome] = []
    for item in found:
        if not isinstance(item, FoundFile):
            skipped.append(ItemOutcome(id=printable(item.id), reason=item.reason))  # type: ignore[attr-defined]
        elif reason := _unsendable(item):
            failed.append(ItemOutcome(id=printable(item.id), reason=reason))
        elif item.id in files:
            failed.append(ItemOutcome(id=item.id, reason=_TWICE))
        else:
            files[item.id] = LocalFile(item.id, item.path, item.path.stat().st_size)
    return LocalFiles(tuple(files.values()), tuple(skipped), tuple(failed))


def _unsendable(item: FoundFile) -> str:
    """Say why a file cannot be sent, empty when it can."""
    if any(unicodedata.category(sign) in ("Cc", "Cs") or sign in '"\\' for sign in item.id):
        return "its name holds control characters, a quote, a backslash or bytes that are no UTF-8"
    sizes = [len(part.encode()) for part in item.id.split("/")]
    if max(sizes) > _MAX_PART_BYTES or len(item.id.encode()) > _MAX_NAME_BYTES:
        return f"its name is longer than {_MAX_NAME_BYTES} bytes, or {_MAX_PART_BYTES} in one part"
    try:
        with item.path.open("rb"):
            return ""
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
