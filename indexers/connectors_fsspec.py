"""Any place that fsspec knows: S3, Google Cloud Storage, SFTP, HTTP, memory, a local folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError
from encoders.optional import require
from indexers.connectors import Item
from indexers.parsing import ParseLimits, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TAG_KEYS = ("ETag", "etag", "md5Hash", "content_md5", "crc32c", "checksum", "sha256")
_TIME_KEYS = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


@dataclass(frozen=True, slots=True)
class FsspecConnector:
    """The files below a URL such as ``s3://bucket/contracts``.

    Attributes:
        url: what fsspec opens.
        storage_options: credentials and settings of the file system; never logged or stored.
        limits: how large a file may be.
    """

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    limits: ParseLimits = field(default_factory=ParseLimits)

    def items(self) -> Iterator[Item | Skipped]:
        """Yield the files in order of path; ids are relative to the URL.

        Raises:
            InvalidInputError: the URL cannot be opened.
        """
        fsspec = require("fsspec", extra="parsers")
        try:
            system, root = fsspec.core.url_to_fs(self.url, **self.storage_options)
            found = system.find(root, detail=True)
        except (OSError, ValueError, ImportError) as error:
            raise InvalidInputError(f"cannot open {self.url}: {error}", url=self.url) from error
        if not found:
            raise InvalidInputError(f"no file at {self.url}", url=self.url)
        for path, facts in sorted(found.items()):
            yield self._item(system, root, path, facts)

    def _item(self, system: Any, root: str, path: str, facts: Mapping[str, Any]) -> Item | Skipped:
        name = path.removeprefix(root).lstrip("/") or path.rpartition("/")[2]
        size = facts.get("size")
        if size is not None and size > self.limits.file_bytes:
            return Skipped(name, f"{size:,} bytes are more than {self.limits.file_bytes:,}; raise the limit")
        return Item(
            id=name,
            tag=_tag(facts),
            read=partial(system.cat_file, path),
            source=str(system.unstrip_protocol(path)),
        )


def _tag(facts: Mapping[str, Any]) -> str:
    """Return a checksum, else size and time, else nothing: size alone does not tell two versions apart."""
    if checksum := next((str(facts[key]) for key in _TAG_KEYS if facts.get(key)), ""):
        return checksum
    time = next((str(facts[key]) for key in _TIME_KEYS if facts.get(key)), "")
    return f"{facts.get('size')}-{time}" if time else ""
