"""What zip, tar and gzip files hold, unpacked within limits and only when asked for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from indexers.media_types import media_type_of
from indexers.parsing.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexers.parsing.types import ParseLimits

_KINDS = frozenset(
    {"application/zip", "application/x-tar", "application/gzip", "application/x-bzip2", "application/x-xz"}
)
_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz")
_COMPRESSED: Final[dict[str, Callable[[IO[bytes]], Any]]] = {
    "application/gzip": lambda file: gzip.GzipFile(fileobj=file),
    "application/x-bzip2": bz2.BZ2File,
    "application/x-xz": lzma.LZMAFile,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of an archive.

    Attributes:
        id: the archive's id, a slash, and the path in it.
        path: in the archive.
        tag: changes whenever the file does.
        data: its bytes.
    """

    id: str
    path: str
    tag: str
    data: bytes


def is_archive(name: str) -> bool:
    """Tell whether a file is named like an archive."""
    return name.lower().endswith(_SUFFIXES)


class _TooMuchError(Exception):
    """The archive unpacks to more than it may."""


def members(name: str, read: Callable[[], bytes], limits: ParseLimits) -> Iterator[Member | Skipped] | None:
    """Return the files of an archive, in its order.

    Archives inside it are not opened. The ``depth`` of the limits does not count here.

    Args:
        name: the archive's id; only names that end like one are looked into.
        read: returns its bytes.
        limits: bytes and entries it may hold; the first file beyond ends the list with a reason.

    Returns:
        None when it is no archive.
    """
    if not is_archive(name):
        return None
    data = read()
    kind = media_type_of(name, data)
    return _listed(name, data, kind, limits) if kind in _KINDS else None


def _listed(name: str, data: bytes, kind: str, limits: ParseLimits) -> Iterator[Member | Skipped]:
    files = _zip_files(data, limits) if kind == "application/zip" else _tar_files(name, data, kind, limits)
    count = 0
    try:
        for path, content, tag in files:
            count += 1
            if count > limits.entries:
                raise _TooMuchError(f"more than {limits.entries:,} files inside")
            yield _member(f"{name}/{path}", path, content, tag)
    except _TooMuchError as error:
        yield Skipped(name, f"{error}; {count - 1} files were read, raise the limit for the rest")
    except Exception as error:  # a library may raise anything on bytes that nobody vouches for
        yield Skipped(name, f"damaged archive after {count} files: {error}")


def _member(doc_id: str, path: str, content: bytes | None, tag: str) -> Member | Skipped:
    if content is None:
        return Skipped(doc_id, "encrypted; remove the password and index it again")
    if media_type_of(path, content) in _KINDS:
        return Skipped(doc_id, "an archive inside an archive; unpack it")
    return Member(id=doc_id, path=path, tag=tag, data=content)


def _zip_files(data: bytes, limits: ParseLimits) -> Iterator[tuple[str, bytes | None, str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        left = limits.unpacked_bytes
        for entry in archive.infolist():
            if entry.filename.endswith("/"):
                continue
            if entry.flag_bits & 0x1:
                yield entry.filename, None, ""
                continue
            with archive.open(entry) as file:
                content = _bounded(file, left)
            left -= len(content)
            yield entry.filename, content, f"{entry.CRC:08x}"


def _tar_files(
    name: str, data: bytes, kind: str, limits: ParseLimits
) -> Iterator[tuple[str, bytes | None, str]]:
    """Read a tar file, or the one file that is compressed; links and devices are no files."""
    raw = io.BytesIO(data)
    if kind in _COMPRESSED:
        with _COMPRESSED[kind](raw) as packed:
            content = _bounded(packed, limits.unpacked_bytes)
        raw = io.BytesIO(content)
        if content[257:262] != b"ustar":
            yield name.rpartition("/")[2].rpartition(".")[0], content, f"{zlib.crc32(content):08x}"
            return
    left = limits.unpacked_bytes
    with tarfile.open(fileobj=raw, mode="r:") as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isreg() else None
            if file is not None:
                content = _bounded(file, left)  # a sparse file is larger than what the archive holds of it
                left -= len(content)
                yield entry.name, content, f"{zlib.crc32(content):08x}"


def _bounded(file: IO[bytes], left: int) -> bytes:
    content = file.read(left + 1)
    if len(content) > left:
        raise _TooMuchError("unpacks to more than the limit")
    return content
