"""Bytes to documents: text, Markdown and source code.

Every file becomes a `Document` or a `Skipped` with a reason; nothing is passed over
without a word.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import charset_normalizer

from encoders.markdown import heading_marks
from encoders.types import Document
from indexers.documents import canonical
from indexers.media_types import media_type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSED_OVER = frozenset({"__pycache__", "node_modules"})
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_NULS = 0.01


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that holds no text to index, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to index and the id its document gets."""

    path: Path
    id: str


def find_files(root: Path) -> Iterator[FoundFile]:
    """Walk over a file or folder in order of name.

    Hidden files and folders, ``__pycache__``, ``node_modules`` and symbolic links to
    folders are left out. Ids are paths relative to ``root``, with slashes.

    Raises:
        FileNotFoundError: there is no such path.
    """
    if root.is_file():
        yield FoundFile(root, root.name)
        return
    if not root.is_dir():
        raise FileNotFoundError(f"no file or folder {root}")
    for path in _walk(root):
        yield FoundFile(path, path.relative_to(root).as_posix())


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _PASSED_OVER:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.is_file():
            yield path


def parse_file(file: FoundFile) -> Document | Skipped:
    """Read one file.

    Raises:
        OSError: the file cannot be read.
    """
    return parse(file.path.read_bytes(), doc_id=file.id, source=str(file.path.absolute()))


def parse(data: bytes, *, doc_id: str, source: str = "", media_type: str = "") -> Document | Skipped:
    """Turn bytes into a document.

    Args:
        data: the file's content.
        doc_id: the document's id; its suffix tells the type when ``media_type`` is empty.
        source: where the bytes came from.
        media_type: overrides the guess.
    """
    kind = media_type or media_type_of(doc_id, data)
    if not data.strip():
        return Skipped(doc_id, "empty file")
    if not kind.startswith("text/"):
        return Skipped(doc_id, f"no parser for {kind}")
    decoded = decode(data)
    if decoded is None:
        return Skipped(doc_id, "binary content")
    text, notes = decoded
    text, replaced = canonical(text)
    marks = heading_marks(text) if kind == "text/markdown" else ()
    title = next((str(mark.value) for mark in marks if mark.level == 1), Path(doc_id).name)
    return Document(
        id=doc_id,
        text=text,
        title=title,
        source=source,
        media_type=kind,
        marks=marks,
        notes=(*notes, *([replaced] if replaced else [])),
    )


def decode(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """Decode text: by byte order mark, as UTF-8, or by the most likely encoding, which is noted.

    Returns:
        The text with notes, or None for binary content.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding), ()
            except UnicodeDecodeError:
                break
    if data.count(0) > _MOST_NULS * len(data):
        return None
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    guess = charset_normalizer.from_bytes(data).best()
    if guess is None:
        return None
    return str(guess), (f"not UTF-8, read as {guess.encoding}",)
