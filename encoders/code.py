"""Cut code along its syntax tree and say of each part where it stands: breadcrumb and symbols."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.boundaries import Cuts, find_lines, make_cuts, mark_cuts, merge_cuts
from encoders.breadcrumbs import Breadcrumbs, Crumb
from encoders.code_tree import Outline, ParsingStoppedError, read_outline
from encoders.languages import code_language
from encoders.segmentation_layout import Layout, lines_layout
from encoders.symbols import DATA_LANGUAGES
from encoders.types import Document, Mark, Span, Symbol

if TYPE_CHECKING:
    from encoders.symbols import Definition
    from encoders.types import FloatArray, IntArray

_DEFINITION: Final = 1.1
_STATEMENT: Final = 0.75
_PER_LEVEL: Final = 0.88
_MID_LINE: Final = 0.3
_BLANK_LINE: Final = 0.32
_LINE: Final = 0.14
_FOLDERS: Final = 3
_CLOSING: Final = -0.2


def code_layout(document: Document, language: str) -> Layout:
    """Lay out source code by its syntax tree, or by lines, with the reason, where it cannot be parsed."""
    try:
        source, outline, to_chars = _read(document.text, language)
    except ParsingStoppedError as stopped:
        return replace(
            lines_layout(document), find_cuts=_code_line_cuts, language=language, reason=str(stopped)
        )
    definitions = _in_characters(outline.definitions, to_chars)
    return Layout(
        rules="syntax",
        find_cuts=_code_line_cuts,
        fixed=merge_cuts([mark_cuts(document.marks), _syntax_cuts(source, outline, to_chars)]),
        kind="code",
        breadcrumbs=_breadcrumbs(document, definitions),
        symbols=_symbols(document.text, definitions),
        language=language,
        reason="the parser met syntax errors and went on after them" if outline.has_errors else "",
    )


def code_marks(text: str, language: str) -> tuple[Mark, ...]:
    """Return one symbol mark per definition, in order: its span, its signature, its depth.

    Empty where the text cannot be parsed.
    """
    try:
        _, outline, to_chars = _read(text, language)
    except ParsingStoppedError:
        return ()
    return tuple(
        Mark("symbol", Span(each.start, each.end), each.signature, each.level)
        for each in _in_characters(outline.definitions, to_chars)
    )


def with_symbols(document: Document) -> Document:
    """Add symbol marks to a document of code that has none, so that a span of it can be named.

    Data files keep their keys to their breadcrumbs: they may have as many as lines.
    """
    language = code_language(document)
    if (
        language is None
        or language in DATA_LANGUAGES
        or any(mark.kind == "symbol" for mark in document.marks)
    ):
        return document
    marks = sorted((*document.marks, *code_marks(document.text, language)), key=lambda mark: mark.span.start)
    return replace(document, marks=tuple(marks))


def _read(text: str, language: str) -> tuple[bytes, Outline, IntArray | None]:
    """Return the UTF-8 source, its outline, and the character at each byte unless all are ASCII."""
    source = text.encode("utf-8", "surrogatepass")
    outline = read_outline(source, language)
    if len(source) == len(text):
        return source, outline, None
    leads = (np.frombuffer(source, dtype=np.uint8) & 0xC0) != 0x80
    to_chars = np.zeros(len(source) + 1, dtype=np.int64)
    np.cumsum(leads, out=to_chars[1:])
    return source, outline, to_chars


def _in_characters(definitions: tuple[Definition, ...], to_chars: IntArray | None) -> list[Definition]:
    if to_chars is None:
        return list(definitions)
    return [
        replace(each, start=int(to_chars[each.start]), end=int(to_chars[each.end])) for each in definitions
    ]


def _code_line_cuts(text: str, start: int, end: int) -> Cuts:
    """Find lines and blank lines, weaker than syntax; a closing bracket begins nothing."""
    lines = find_lines(text, start, end)
    strengths = np.where(lines.after_blank, np.float32(_BLANK_LINE), np.float32(_LINE))
    return Cuts(lines.starts, np.where(lines.closing, np.float32(_CLOSING), strengths))


def _syntax_cuts(source: bytes, outline: Outline, to_chars: IntArray | None) -> Cuts:
    """Turn nodes into cuts: outer before inner, definitions before statements, lines before their middle."""
    if not len(outline.starts):
        return make_cuts((), 0.0)
    base = np.where(outline.defines, _DEFINITION, _STATEMENT)
    strengths = base * _PER_LEVEL ** (outline.depths - 1)
    positions, starts_line = _line_places(source, _moved(outline))
    strengths = np.where(starts_line, strengths, strengths - _MID_LINE)
    if to_chars is not None:
        positions = to_chars[positions]
    return _strongest(positions, strengths.astype(np.float32))


def _moved(outline: Outline) -> IntArray:
    """Put the cut before a definition before the comments and decorators that belong to it."""
    if not outline.moved:
        return outline.starts
    sources = np.array(sorted(outline.moved), dtype=np.int64)
    targets = np.array([outline.moved[start] for start in sources.tolist()], dtype=np.int64)
    place = np.minimum(np.searchsorted(sources, outline.starts), len(sources) - 1)
    return np.where(sources[place] == outline.starts, targets[place], outline.starts)


def _line_places(source: bytes, starts: IntArray) -> tuple[IntArray, IntArray]:
    """Move what begins its line to the line's start, so that indentation stays with it."""
    points = np.frombuffer(source, dtype=np.uint8)
    ends_line = (points == 10) | (points == 13)
    lines = np.concatenate([[0], np.flatnonzero(ends_line) + 1])
    line = lines[np.searchsorted(lines, starts, side="right") - 1]
    printed = np.flatnonzero((points != 32) & (points != 9) & ~ends_line)
    starts_line = np.searchsorted(printed, line) == np.searchsorted(printed, starts)
    return np.where(starts_line, line, starts), starts_line


def _strongest(positions: IntArray, strengths: FloatArray) -> Cuts:
    return merge_cuts([Cuts(positions, strengths)])


def _symbols(text: str, definitions: list[Definition]) -> tuple[tuple[int, Symbol], ...]:
    found: list[tuple[int, Symbol]] = []
    line, read = 1, 0
    for each in definitions:
        line, read = line + text.count("\n", read, each.start), each.start
        found.append((each.start, Symbol(name=each.name, kind=each.kind, line=line)))
    return tuple(found)


def _breadcrumbs(document: Document, definitions: list[Definition]) -> Breadcrumbs:
    """Say for each offset by which definitions it is enclosed; one that starts there does not enclose it."""
    path = document.source or document.title or document.id
    folders = [part for part in re.split(r"[/\\]", path) if part] or [path]
    outer: tuple[Crumb, ...] = (Crumb("/".join(folders[-_FOLDERS:]), folders[-1]),)
    starts, crumbs = [0], [outer]
    scopes: list[Definition] = []

    def note(position: int) -> None:
        starts.append(position)
        crumbs.append(outer + tuple(Crumb(scope.signature, scope.name) for scope in scopes))

    def leave(until: int) -> None:
        while scopes and scopes[-1].end <= until:
            ended = scopes.pop().end
            note(ended)

    for each in definitions:
        leave(each.start)
        scopes.append(each)
        note(each.start + 1)
    leave(len(document.text))
    return Breadcrumbs(starts, crumbs)
