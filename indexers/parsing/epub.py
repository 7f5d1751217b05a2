"""Electronic books: the pages of the spine, one after the other.

Source:
    EPUB 3.3, sections 4 (OCF) and 5 (package document).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from indexers.parsing.builder import TextBuilder
from indexers.parsing.container import Container, attribute, local_name, resolved
from indexers.parsing.html import HtmlWriter, decode_html
from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from indexers.parsing.types import Parsed, ParseOptions, Source

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})


def parse(source: Source, options: ParseOptions) -> Parsed:
    """Read a book."""
    container = Container(source.data, options.limits)
    builder = TextBuilder(options.limits.characters)
    package = _package_path(container)
    title, pages, others = _spine(container, package)
    if locked := _encrypted(container) & set(pages):
        raise UnparsableError(
            f"encrypted: {len(locked)} of {len(pages)} chapters; index a copy without protection"
        )
    if len(pages) > options.limits.pages:
        raise UnparsableError(f"{len(pages):,} chapters are more than {options.limits.pages:,}")
    for path in pages:
        _write_page(container, path, builder)
    if others:
        builder.note(f"{others} parts of the book are not text and were left out")
    return builder.parsed(title=title)


def _write_page(container: Container, path: str, builder: TextBuilder) -> None:
    if path not in container:
        builder.note(f"the chapter {path} is named in the book and missing from it")
        return
    builder.paragraph_break()
    text, notes = decode_html(container.read(path))
    for note in notes:
        builder.note(f"{path}: {note}")
    writer = HtmlWriter(builder)
    writer.feed(text)
    writer.close()


def _package_path(container: Container) -> str:
    for element in container.xml(_CONTAINER).iter():
        if local_name(element.tag) == "rootfile" and (path := attribute(element, "full-path")):
            return path
    raise UnparsableError(f"damaged book: no package named in {_CONTAINER}")


def _spine(container: Container, package: str) -> tuple[str, list[str], int]:
    """Return the title, the paths of the pages in reading order, and how many items are no pages."""
    folder = package.rpartition("/")[0]
    items: dict[str, tuple[str, str]] = {}
    order: list[str] = []
    title = ""
    for element in container.xml(package).iter():
        name = local_name(element.tag)
        if name == "title" and not title:
            title = element.text or ""
        elif name == "item":
            path = resolved(folder, unquote(element.get("href", "")))
            items[element.get("id", "")] = (path, element.get("media-type", ""))
        elif name == "itemref":
            order.append(element.get("idref", ""))
    found = [items[one] for one in order if one in items]
    pages = [path for path, kind in found if kind in _PAGES]
    return title, pages, len(order) - len(pages)


def _encrypted(container: Container) -> set[str]:
    if _ENCRYPTION not in container:
        return set()
    found = container.xml(_ENCRYPTION).iter()
    return {unquote(attribute(one, "URI")) for one in found if local_name(one.tag) == "CipherReference"}
