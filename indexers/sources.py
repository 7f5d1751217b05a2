"""What to index, as a caller names it: files and folders, an archive, a git revision, a URL of fsspec.

::

    contracts/                  a folder; archives in it are listed as left out
    contracts.zip               an archive that is named itself is read: contracts.zip/PATH
    git+projects/app@v1.2       the files of a git repository at a revision, HEAD when there is none
    s3://bucket/contracts       any location that fsspec knows
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from encoders.errors import InvalidInputError
from indexers.archives import is_archive
from indexers.connectors import Item, opened
from indexers.documents import printable
from indexers.ingest import Unreadable
from indexers.locations import GIT, is_local, normal, repository
from indexers.parsing import FoundFile, Skipped, survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encoders.types import Document
    from indexers.parsing import FileParser, ParseLimits


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that was named itself, so that its files are wanted."""

    file: FoundFile

    @property
    def id(self) -> str:
        """The name that the ids of its files begin with."""
        return self.file.id


Found: TypeAlias = FoundFile | Item | Archive | Skipped


def find(location: str) -> Iterator[Found]:
    """Walk over what is at a location; bytes are read later.

    Raises:
        FileNotFoundError: there is no such path.
        InvalidInputError: the repository or the URL cannot be opened.
    """
    if location.startswith(GIT):
        yield from _in_git(location)
    elif not is_local(location):
        from indexers.connectors_fsspec import FsspecConnector

        yield from FsspecConnector(location).items()
    else:
        path = Path(location)
        named = path.is_file() and is_archive(path.name)
        for found in survey(path):
            yield Archive(found) if named and isinstance(found, FoundFile) else found


def read(parser: FileParser, found: Found, limits: ParseLimits) -> Iterator[Document | Unreadable]:
    """Turn what was found into documents: one, or those of an archive."""
    if isinstance(found, Skipped):
        yield Unreadable(found.id, found.reason, failed=False, listed=False)
    elif isinstance(found, Archive):
        yield from _read_archive(parser, found, limits)
    elif isinstance(found, Item):
        yield _read_item(parser, found)
    else:
        yield _read_file(parser, found)


def _misnamed(name: str, source: str) -> Unreadable | None:
    """Say why a file's name cannot be a document's id; None when it can."""
    reason = "its name holds bytes that are no UTF-8; rename it"
    return None if printable(name) == name else Unreadable(name, reason, source=source)


def _in_git(location: str) -> Iterator[Item | Skipped]:
    from indexers.connectors_git import GitConnector

    if "://" in location:
        raise InvalidInputError(f"{location} is not on this machine; clone it and name the folder")
    folder, revision = repository(location)
    yield from GitConnector(folder, revision).items()


def _read_archive(
    parser: FileParser, archive: Archive, limits: ParseLimits
) -> Iterator[Document | Unreadable]:
    path = archive.file.path
    if misnamed := _misnamed(archive.id, str(path.absolute())):
        yield misnamed
        return
    size = path.stat().st_size
    if size > limits.file_bytes:
        reason = f"{size:,} bytes are more than {limits.file_bytes:,}; raise the limit"
        yield Unreadable(archive.id, reason, failed=False, source=str(path))
        return
    whole = Item(id=archive.id, tag="", read=path.read_bytes, source=str(normal(path)))
    try:
        for one in opened(whole, limits):
            if isinstance(one, Skipped):
                yield Unreadable(one.id, one.reason, failed=False, source=str(normal(path)))
            else:
                yield _read_item(parser, one)
    except OSError as error:
        yield Unreadable(archive.id, f"cannot be read: {error.strerror or error}", source=str(path))


def _read_item(parser: FileParser, item: Item) -> Document | Unreadable:
    if misnamed := _misnamed(item.id, item.source):
        return misnamed
    try:
        data = item.read()
    except OSError as error:
        return Unreadable(item.id, f"cannot be read: {error.strerror or error}", source=item.source)
    parsed = parser.parse(data, doc_id=item.id, source=item.source, media_type=item.media_type)
    if isinstance(parsed, Skipped):
        return Unreadable(parsed.id, parsed.reason, failed=False, source=item.source)
    return replace(parsed, metadata={**parsed.metadata, **item.metadata})


def _read_file(parser: FileParser, file: FoundFile) -> Document | Unreadable:
    source = str(normal(file.path))
    if misnamed := _misnamed(file.id, source):
        return misnamed
    try:
        parsed = parser.parse_file(file)
    except OSError as error:
        return Unreadable(file.id, f"cannot be read: {error.strerror or error}", source=source)
    if isinstance(parsed, Skipped):
        return Unreadable(parsed.id, parsed.reason, failed=False, source=source)
    return parsed
