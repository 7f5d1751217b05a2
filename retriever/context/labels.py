"""What a reader is told about a source: its title and where in the document it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from encoders.types import Location, SegmentKind
    from retriever.context.escaping import Guard
    from retriever.context.types import CitedDocument

_HEADINGS: Final = 2
_JOINT: Final = " > "

Facts = dict[str, str]
"""The fields of a template, escaped."""


def facts_of(
    *,
    n: int,
    label: str,
    document: CitedDocument,
    location: Location,
    kind: SegmentKind,
    url: str,
    relevance: float | None,
    text: str,
    guard: Guard,
) -> Facts:
    """Write out what a template may name."""
    title = document.title.strip() or document.id
    where = ", ".join(_where(location, title, kind))
    return {
        "n": str(n),
        "label": label,
        "title": guard.line(title),
        "title_line": guard.line(f"{title}, {where}" if where else title),
        "document": guard.line(document.id),
        "version": str(document.version),
        "location": guard.line(where),
        "page": _range(location.page_start, location.page_end),
        "line": _range(location.line_start, location.line_end),
        "heading": guard.line(_JOINT.join(location.heading_path)),
        "url": guard.line(url),
        "relevance": "" if relevance is None else f"{relevance:.2f}",
        "text": guard.text(text),
    }


def plain_facts(n: int, text: str) -> Mapping[str, str]:
    """Return made-up facts, to see what a template writes around them."""
    names = "title title_line document version location page line heading url relevance".split()
    return {"n": str(n), "label": f"{n}label", **{name: f"{n}{name}" for name in names}, "text": text}


def _where(location: Location, title: str, kind: SegmentKind) -> Iterator[str]:
    """Yield page, slide, cells, time, lines of code, and the innermost headings or the symbol."""
    if location.page_start is not None:
        yield _counted("p.", "pp.", location.page_start, location.page_end)
    if location.slide is not None:
        yield f"slide {location.slide}"
    if location.sheet:
        yield f"sheet {location.sheet}"
    if location.cell_range:
        yield location.cell_range
    if location.time_start is not None:
        yield _clock(location.time_start)
    if location.speaker:
        yield location.speaker
    if kind == "code" and location.line_start is not None:
        yield _counted("line", "lines", location.line_start, location.line_end)
    headings = [one for one in location.heading_path if one.strip() and one.strip() != title]
    if headings:
        yield _JOINT.join(" ".join(one.split()) for one in headings[-_HEADINGS:])
    elif location.symbol:
        yield " ".join(location.symbol.split())


def _counted(one: str, several: str, start: int, end: int | None) -> str:
    return f"{one} {start}" if end in (None, start) else f"{several} {start}-{end}"


def _range(start: int | None, end: int | None) -> str:
    if start is None:
        return ""
    return str(start) if end in (None, start) else f"{start}-{end}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
