"""How notebooks show an answer: hits with their evidence, what matches highlighted."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encoders.types import Location
    from retriever.types import DocumentHit, Evidence, SearchResult

_STYLE = "border-left:3px solid #888;margin:.3em 0 .3em 1em;padding:.1em .8em;white-space:pre-wrap"


def result_html(result: SearchResult) -> str:
    """Return an answer as HTML; text of documents is escaped."""
    marked = result.meta.offset_unit == "codepoint"
    notes = "".join(f"<p><i>note: {escape(warning.detail)}</i></p>" for warning in result.warnings)
    hits = "".join(_hit(hit, marked=marked) for hit in result)
    counts = result.meta.candidates.documents
    foot = f"<p><small>{len(result)} of {counts} candidate documents</small></p>"
    return f"<div>{notes}{hits or '<p>nothing found</p>'}{foot}</div>"


def _hit(hit: DocumentHit, *, marked: bool) -> str:
    document = hit.document
    title = f" {escape(document.title)}" if document.title not in ("", document.id) else ""
    head = f"<p>{hit.rank}. <b>{escape(document.id)}</b>{title} <small>{hit.score:.2f}</small></p>"
    return head + "".join(_evidence(one, marked=marked) for one in hit.evidence)


def _evidence(evidence: Evidence, *, marked: bool) -> str:
    place = ", ".join(_place(evidence.location))
    where = f"<small>{escape(place)} [{evidence.start}, {evidence.end})</small>"
    text = "".join(_marked(evidence)) if marked else escape(evidence.text)
    return f'<div style="{_STYLE}">{where}<br>{text}</div>'


def _marked(evidence: Evidence) -> Iterator[str]:
    at = 0
    for start, end in sorted(evidence.highlights):
        first, last = max(at, start - evidence.start), end - evidence.start
        if last > first:
            yield escape(evidence.text[at:first])
            yield f"<mark>{escape(evidence.text[first:last])}</mark>"
            at = last
    yield escape(evidence.text[at:])


def _place(where: Location) -> Iterator[str]:
    if where.page_start is not None:
        yield f"page {where.page_start}"
    if where.line_start is not None:
        yield f"line {where.line_start}"
    if where.symbol:
        yield where.symbol
    elif where.heading_path:
        yield " > ".join(where.heading_path)
