"""Canonical text and its structure as immutable, content-addressed, compressed pages.

A text is cut into pages of at most 65,536 code points. A page's name is the SHA-256
of its content, so equal pages are stored once and damage is found when reading. A
*manifest*, itself a page, lists the pages of a text with the first code point and
the first line of each, and the marks of its structure; its name is the reference
that the vector index keeps.
"""

from __future__ import annotations

import json
import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

import zstandard

from encoders.types import Document, Mark, Span
from indexers.errors import CorruptTextError
from indexers.locating import MarkIndex
from indexers.report import GarbageReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Set

    from encoders.types import Location
    from indexers.places import Place

T = TypeVar("T")

PAGE_CHARACTERS = 65_536
_CACHED_CHARACTERS = 1 << 24
_CACHED_MANIFESTS = 2_048
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where the pages of a text begin, and its marks.

    Attributes:
        pages: names, in order.
        starts: first code point of each page, and the length of the text at the end.
        lines: line breaks before each page.
        marks: structure, in order of start.
    """

    pages: tuple[str, ...]
    starts: tuple[int, ...]
    lines: tuple[int, ...]
    marks: tuple[Mark, ...]

    def to_json(self) -> bytes:
        """Write as canonical JSON, so that equal content has one name."""
        marks = [[m.kind, m.span.start, m.span.end, m.value, m.level] for m in self.marks]
        value = {"format": 1, "pages": self.pages, "starts": self.starts, "lines": self.lines, "marks": marks}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    @staticmethod
    def from_json(data: bytes) -> Manifest:
        """Read what `to_json` wrote."""
        value = json.loads(data)
        return Manifest(
            tuple(value["pages"]),
            tuple(value["starts"]),
            tuple(value["lines"]),
            tuple(Mark(kind, Span(start, end), of, level) for kind, start, end, of, level in value["marks"]),
        )


class PageTextStore:
    """A text store of pages that are files.

    Args:
        place: where they lie.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._unsynced: set[str] = set()
        self._pages = _Recent[_Page](_CACHED_CHARACTERS, lambda page: len(page.text))
        self._manifests = _Recent[Manifest](_CACHED_MANIFESTS)
        self._marks = _Recent[MarkIndex](_CACHED_MANIFESTS)
        self._lock = threading.Lock()

    def put(self, document: Document) -> str:
        """Store text and marks; return the manifest's name."""
        pages = list(cut_pages(document.text))
        lines = [0]
        for page in pages:
            lines.append(lines[-1] + len(_LINE_BREAK.findall(page.of(document.text))))
        manifest = Manifest(
            pages=tuple(self._write(page.of(document.text).encode()) for page in pages),
            starts=(0, *(page.end for page in pages)),
            lines=tuple(lines[:-1]),
            marks=document.marks,
        )
        return self._write(manifest.to_json())

    def copy_to(self, other: PageTextStore, reference: str) -> None:
        """Write the pages of a text into another store, under the same names.

        Raises:
            CorruptTextError: a page is missing or altered.
        """
        for name in self._manifest(reference).pages:
            other._write(self._read(name))
        other._write(self._read(reference))

    def parts(self, reference: str) -> set[str]:
        """Return the names of the files of a text.

        Raises:
            CorruptTextError: its list of pages is missing or altered.
        """
        return {reference, *self._manifest(reference).pages}

    def has(self, reference: str) -> bool:
        """Tell whether a text is here."""
        return self._place.exists(_file(reference))

    def keep_only(self, names: Set[str]) -> GarbageReport:
        """Remove every file but these. Nobody may be writing here."""
        needed = {_file(name) for name in names}
        pages = size = 0
        for file in list(self._place.names()):
            if file not in needed:
                size += len(self._place.read(file))
                self._place.remove(file)
                pages += 1
        for recent in (self._pages, self._manifests, self._marks):
            recent.keep_only(names)
        with self._lock:
            self._unsynced &= needed
        return GarbageReport(pages=pages, size_bytes=size, left=len(needed))

    def sync(self) -> None:
        """Flush every page written since the last call."""
        with self._lock:
            names, self._unsynced = self._unsynced, set()
        self._place.sync(names)

    def text(self, reference: str, start: int = 0, end: int | None = None) -> str:
        """Return the code points ``[start, end)``, reading only the pages that hold them."""
        manifest = self._manifest(reference)
        total = manifest.starts[-1]
        start, end = min(start, total), total if end is None else min(end, total)
        if start >= end:
            return ""
        first = bisect_right(manifest.starts, start) - 1
        last = bisect_right(manifest.starts, end - 1) - 1
        pages = [self._page(name).text for name in manifest.pages[first : last + 1]]
        joined = pages[0] if len(pages) == 1 else "".join(pages)
        offset = manifest.starts[first]
        return joined[start - offset : end - offset]

    def marks(self, reference: str) -> tuple[Mark, ...]:
        """Return the marks of a stored text."""
        return self._manifest(reference).marks

    def locate(self, reference: str, span: Span) -> Location:
        """Return lines, pages, headings and further facts of a span."""
        manifest = self._manifest(reference)
        marks = self._marks.get(reference, lambda: MarkIndex(manifest.marks))
        return marks.locate(span, lambda position: self._line(manifest, position))

    def _line(self, manifest: Manifest, position: int) -> int:
        if not manifest.pages:
            return 1
        number = min(bisect_right(manifest.starts, position), len(manifest.pages)) - 1
        page = self._page(manifest.pages[number])
        return 1 + manifest.lines[number] + bisect_right(page.line_starts, position - manifest.starts[number])

    def _manifest(self, reference: str) -> Manifest:
        return self._manifests.get(reference, lambda: Manifest.from_json(self._read(reference)))

    def _page(self, name: str) -> _Page:
        return self._pages.get(name, lambda: _Page.of(self._read(name).decode()))

    def _write(self, data: bytes) -> str:
        name = sha256(data).hexdigest()
        file = _file(name)
        if self._intact(file, name):
            return name
        self._place.write(file, zstandard.compress(data, 6), sync=False)
        with self._lock:
            self._unsynced.add(file)
        return name

    def _intact(self, file: str, name: str) -> bool:
        with self._lock:
            if file in self._unsynced:
                return True
        try:
            data = zstandard.decompress(self._place.read(file))
        except (FileNotFoundError, zstandard.ZstdError):
            return False
        return sha256(data).hexdigest() == name

    def _read(self, name: str) -> bytes:
        try:
            data = zstandard.decompress(self._place.read(_file(name)))
        except (FileNotFoundError, zstandard.ZstdError) as error:
            raise CorruptTextError(
                f"text page {name[:12]} is missing or damaged; index the document again", page=name
            ) from error
        if sha256(data).hexdigest() != name:
            raise CorruptTextError(
                f"text page {name[:12]} does not match its hash; index the document again", page=name
            )
        return data


def _file(name: str) -> str:
    return f"{name[:2]}/{name}.zst"


@dataclass(frozen=True, slots=True)
class _Page:
    """A decoded page; ``line_starts`` are the places after its line breaks."""

    text: str
    line_starts: tuple[int, ...]

    @staticmethod
    def of(text: str) -> _Page:
        return _Page(text, tuple(found.end() for found in _LINE_BREAK.finditer(text)))


class _Recent(Generic[T]):
    """Keeps what was used last.

    Args:
        size: how much.
        weigh: how much one is.
    """

    def __init__(self, size: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self._size = size
        self._weigh = weigh
        self._held = 0
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def keep_only(self, names: Set[str]) -> None:
        with self._lock:
            for name in self._kept.keys() - names:
                self._held -= self._weigh(self._kept.pop(name))

    def get(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        made = make()
        with self._lock:
            if name not in self._kept:
                self._kept[name] = made
                self._held += self._weigh(made)
            while self._held > self._size and len(self._kept) > 1:
                self._held -= self._weigh(self._kept.popitem(last=False)[1])
        return made


def cut_pages(text: str) -> Iterator[Span]:
    """Cut a text into pages, after a line break where one is near the end."""
    cuts = [0]
    while cuts[-1] < len(text):
        start = cuts[-1]
        end = min(start + PAGE_CHARACTERS, len(text))
        if end < len(text):
            line = text.rfind("\n", start + PAGE_CHARACTERS // 2, end) + 1
            end = line or (end - 1 if text[end - 1] == "\r" else end)
        cuts.append(end)
    return (Span(start, end) for start, end in pairwise(cuts))
