"""Builds (description, text) pairs from source trees: what a function says of itself, and its code.

The description is taken out of the text, so that finding one by the other is work.
Pairs keep their project, because a fair test is on projects never trained on.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from encoders.code_tree import ParsingStoppedError, read_outline
from encoders.languages import detect_language
from encoders.markdown import heading_marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

PairKind: TypeAlias = Literal["code", "text"]

_SKIPPED_FOLDERS: Final = frozenset(
    {"__pycache__", "node_modules", "site-packages", "dist", "build", "target", "vendor", "test", "tests"}
)
_LARGEST_FILE_BYTES: Final = 2_000_000
_SHORTEST_QUERY: Final = (20, 4)  # characters, words
_LONGEST_QUERY: Final = 400
_COMMENT_SIGNS: Final = re.compile(
    r"^[ \t]*(?:/\*+!?|\*+/|//[/!]?|#+!?|--+|;+|\*+)?[ \t]?|[ \t]*\*+/[ \t]*$", re.MULTILINE
)
_TAGS: Final = re.compile(r"<[^<>]+>|\{@\w+ ([^{}]*)\}|`+")
_TEXT_FILES: Final = (".md", ".markdown", ".txt", ".rst")
_SENTENCE: Final = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A description and the text it was written for.

    Attributes:
        query: first paragraph of the docstring or comment, a heading, or a lead sentence.
        text: the function, class or section without it.
        path: file, relative to its project.
    """

    id: str
    query: str
    text: str
    project: str
    path: str


def find_pairs(
    projects: Sequence[Path], *, kind: PairKind = "code", lengths: tuple[int, int] = (0, 60_000)
) -> list[Pair]:
    """Return the pairs of all projects in the order of their files, each query and each text once.

    Args:
        projects: one folder each; its name is the project's.
        kind: code, or prose by its headings and lead sentences.
        lengths: characters of the shortest and of the longest text that make a pair.
    """
    seen: set[str] = set()
    pairs = []
    for folder in projects:
        for path in _files(folder, kind):
            for query, text in _read_file(path, kind):
                keys = {_digest(query), _digest(text)}
                if not lengths[0] <= len(text) <= lengths[1] or seen & keys:
                    continue
                seen |= keys
                place = path.relative_to(folder).as_posix()
                name = f"{folder.name}/{place}#{_digest(text)[:12]}"
                pairs.append(Pair(id=name, query=query, text=text, project=folder.name, path=place))
    return pairs


def python_pairs(source: str) -> Iterator[tuple[str, str]]:
    """Yield docstring and code without it for every function and class of a Python file."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        doc = ast.get_docstring(node)
        if not doc or node.end_lineno is None:
            continue
        described = node.body[0]
        kept = (
            lines[node.lineno - 1 : described.lineno - 1] + lines[described.end_lineno or 0 : node.end_lineno]
        )
        query = _query(doc)
        if query:
            yield query, "".join(kept)


def comment_pairs(source: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield leading comment and code for every definition of a file in any language."""
    data = source.encode("utf-8", "surrogatepass")
    try:
        outline = read_outline(data, language)
    except ParsingStoppedError:
        return
    for definition in outline.definitions:
        start = outline.moved.get(definition.start)
        if start is None:
            continue
        comment = data[start : definition.start].decode("utf-8", "replace")
        query = _query(_COMMENT_SIGNS.sub("", comment))
        if query:
            yield query, data[definition.start : definition.end].decode("utf-8", "replace")


def section_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield heading and section for every section; lead sentence and rest for a text without headings."""
    marks = [mark for mark in heading_marks(text) if mark.kind == "heading"]
    for mark in marks:
        section = mark.span.of(text).partition("\n")[2]
        query = _query(str(mark.value))
        if query:
            yield query, section
    if not marks:
        lead = _SENTENCE.match(text.strip())
        query = _query(lead[1]) if lead else None
        if lead and query:
            yield query, text.strip()[lead.end() :]


def sample_pairs(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """Return ``count`` pairs chosen by hash, so that a larger sample holds the smaller one."""
    return sorted(pairs, key=lambda pair: _digest(pair.id))[:count]


def split_of(project: str, shares: Sequence[float]) -> int:
    """Return which part a project belongs to, by the hash of its name.

    Args:
        project: its name.
        shares: of each part; they add up to 1.
    """
    place = int(_digest(project)[:8], 16) / 0xFFFFFFFF
    for part, share in enumerate(shares):
        place -= share
        if place < 0:
            return part
    return len(shares) - 1


def _files(folder: Path, kind: PairKind) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part in _SKIPPED_FOLDERS or part.startswith(".") for part in parts[:-1]):
            continue
        wanted = (
            path.suffix.lower() in _TEXT_FILES if kind == "text" else detect_language(path.name) is not None
        )
        if wanted and path.is_file() and path.stat().st_size <= _LARGEST_FILE_BYTES:
            yield path


def _read_file(path: Path, kind: PairKind) -> Iterable[tuple[str, str]]:
    source = path.read_text(encoding="utf-8", errors="replace")
    if kind == "text":
        return section_pairs(source)
    language = detect_language(path.name, source)
    if language is None:
        return ()
    return python_pairs(source) if language == "python" else comment_pairs(source, language)


def _query(description: str) -> str | None:
    """Return the first paragraph in one line; None where it is too short to say anything."""
    paragraph = re.split(r"\n[ \t]*\n|\n[ \t]*[@:\\]", description.strip(), maxsplit=1)[0]
    line = " ".join(_TAGS.sub(r"\1", paragraph).split())[:_LONGEST_QUERY]
    characters, words = _SHORTEST_QUERY
    return line if len(line) >= characters and len(line.split()) >= words else None


def _digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()
