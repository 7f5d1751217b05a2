"""Files inside a zip file, bounded before anything is unpacked."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from indexers.parsing.types import ParseLimits

_ENCRYPTED = 0x1


class Container:
    """A zip file whose directory promises to stay within the limits.

    zipfile reads at most the size that the directory states of an entry and checks
    its sum, so the promise holds for what is unpacked.

    Args:
        data: the zip file.
        limits: entries and bytes it may hold.

    Raises:
        UnparsableError: damaged, encrypted, or larger than the limits.
    """

    def __init__(self, data: bytes, limits: ParseLimits) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise UnparsableError(f"damaged container: {error}") from error
        self._entries = {entry.filename: entry for entry in self._zip.infolist() if not entry.is_dir()}
        self._check(limits)

    @property
    def names(self) -> list[str]:
        """The paths of all files, in the order of the directory."""
        return list(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def count(self, prefix: str) -> int:
        """Count the files whose path starts with ``prefix``."""
        return sum(name.startswith(prefix) for name in self._entries)

    def read(self, name: str) -> bytes:
        """Unpack one file.

        Raises:
            UnparsableError: there is none of that name, or it is damaged.
        """
        if name not in self._entries:
            raise UnparsableError(f"damaged container: no {name} in it")
        try:
            return self._zip.read(self._entries[name])
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise UnparsableError(f"damaged container: {name}: {error}") from error

    def xml(self, name: str) -> ElementTree.Element:
        """Unpack and parse one file of XML.

        Raises:
            UnparsableError: it is missing, damaged or no XML.
        """
        try:
            return ElementTree.fromstring(self.read(name))
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise UnparsableError(f"damaged container: {name}: {error}") from error

    def _check(self, limits: ParseLimits) -> None:
        entries = self._zip.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        if len(entries) > limits.entries:
            raise UnparsableError(f"{len(entries):,} files inside are more than {limits.entries:,}")
        if unpacked > limits.unpacked_bytes:
            raise UnparsableError(
                f"unpacks to {unpacked:,} bytes, more than {limits.unpacked_bytes:,}: "
                "a zip bomb, or raise the limit"
            )
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise UnparsableError("encrypted; remove the password and index it again")


def local_name(tag: str) -> str:
    """Return an XML name without its namespace."""
    return tag.rpartition("}")[2]


def attribute(element: ElementTree.Element, name: str) -> str:
    """Return the attribute of that local name, empty when there is none."""
    return next((value for key, value in element.items() if local_name(key) == name), "")


def relations(container: Container, part: str) -> dict[str, str]:
    """Return the targets of an office part's relations by id, as paths in the container."""
    folder, _, name = part.rpartition("/")
    path = f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"
    if path not in container:
        return {}
    inside = [one for one in container.xml(path) if one.get("TargetMode") != "External"]
    return {one.get("Id", ""): resolved(folder, one.get("Target", "")) for one in inside}


def resolved(folder: str, target: str) -> str:
    """Return the path in the container that ``target`` means when it is written in ``folder``."""
    if target.startswith("/"):
        return target[1:]
    parts = folder.split("/") if folder else []
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
