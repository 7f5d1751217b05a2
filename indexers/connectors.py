"""Where documents come from: the seam, and folders and archives behind it.

A connector yields items: an id, a tag that changes whenever the content does, metadata,
and a way to read the bytes. Reading is put off, so that an item whose tag is the one of
the last run costs nothing. To write one, give a class a method ``items``; nothing else
is asked of it::

    class Wiki:
        def items(self) -> Iterator[Item | Skipped]:
            for page in wiki.pages():
                yield Item(id=page.path, tag=page.revision, read=page.download, source=page.url)

Others: `indexers.connectors_git`, `indexers.connectors_fsspec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from indexers.archives import members
from indexers.locations import normal
from indexers.parsing import FileParser, ParseLimits, Skipped, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from encoders.types import Document, Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something to index.

    Attributes:
        id: the document's id, the same in every run.
        tag: changes whenever the bytes do (an etag, a blob's hash); empty when there is none.
        read: returns the bytes; may raise OSError.
        source: where a reader finds the original, a path or URL.
        media_type: empty to tell it by content and name.
        metadata: JSON values to filter by.
    """

    id: str
    tag: str
    read: Callable[[], bytes]
    source: str = ""
    media_type: str = ""
    metadata: Metadata = field(default_factory=dict)


class Connector(Protocol):
    """A place that holds documents."""

    def items(self) -> Iterator[Item | Skipped]:
        """Yield every item once, in an order that stays the same; what is passed over with its reason.

        Raises:
            InvalidInputError: the place does not exist or cannot be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class FolderConnector:
    """A folder, as `indexers.parsing.find_files` walks it.

    Attributes:
        root: a folder or a file.
        archives: read what zip and tar files hold, as ``archive.zip/path/in/it``.
        limits: what one archive may hold.
    """

    root: Path
    archives: bool = False
    limits: ParseLimits = field(default_factory=ParseLimits)

    def items(self) -> Iterator[Item | Skipped]:
        """Yield the files."""
        for found in survey(self.root):
            if isinstance(found, Skipped):
                yield found
                continue
            state = found.path.stat()
            item = Item(
                id=found.id,
                tag=f"{state.st_size}-{state.st_mtime_ns}",
                read=found.path.read_bytes,
                source=str(normal(found.path)),
            )
            yield from opened(item, self.limits) if self.archives else (item,)


def opened(item: Item, limits: ParseLimits) -> Iterator[Item | Skipped]:
    """Yield the members of an archive, or the item itself when it is none."""
    inside = members(item.id, item.read, limits)
    if inside is None:
        yield item
        return
    for member in inside:
        if isinstance(member, Skipped):
            yield member
            continue
        yield Item(
            id=member.id,
            tag=f"{item.tag}/{member.tag}",
            read=partial(bytes, member.data),
            source=f"{item.source}!/{member.path}" if item.source else "",
            metadata=item.metadata,
        )


def read_items(
    connector: Connector, parser: FileParser, *, known_tags: Mapping[str, str]
) -> Iterator[tuple[Item, Document] | Skipped]:
    """Parse the items of a connector, leaving out those whose tag is known.

    Args:
        connector: yields the items.
        parser: turns them into documents.
        known_tags: tags by id of what is indexed already; an empty tag is never known.

    Yields:
        The item with its document, or what could not be read and why.
    """
    for item in connector.items():
        if isinstance(item, Skipped):
            yield item
        elif not item.tag or known_tags.get(item.id) != item.tag:
            yield _read(item, parser)


def _read(item: Item, parser: FileParser) -> tuple[Item, Document] | Skipped:
    try:
        data = item.read()
    except OSError as error:
        return Skipped(item.id, f"cannot be read: {error.strerror or error}")
    parsed = parser.parse(data, doc_id=item.id, source=item.source, media_type=item.media_type)
    if isinstance(parsed, Skipped):
        return parsed
    return item, replace(parsed, metadata={**parsed.metadata, **item.metadata})
