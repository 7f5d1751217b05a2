"""Material for contexts, made by hand."""

from __future__ import annotations

import re

from encoders.types import Mark, Span
from retriever.context.material import Material, Piece, Source, Window
from retriever.context.types import CitedDocument


def words(text):
    """Count words and signs: a tokenizer whose counts can be checked by eye."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def source(text, *, name="doc", title="Title", marks=(), kind="text/plain"):
    """Make a document whose whole text may be shown."""
    document = CitedDocument(id=name, version=1, content_hash="sha256:0", title=title, media_type=kind)
    return Source(document=document, windows=(Window(start=0, text=text, marks=tuple(marks), last=True),))


def piece(place, sources, phrase, **facts):
    """Make evidence of a phrase of a source."""
    text = sources[place].windows[0].text
    start = text.index(phrase)
    name = facts.pop("evidence_id", f"ev-{place}-{start}")
    return Piece(evidence_id=name, source=place, start=start, end=start + len(phrase), **facts)


def material(sources, pieces, **facts):
    return Material(collection="c", queries=("why?",), sources=tuple(sources), pieces=tuple(pieces), **facts)


def heading(text, line, level, end=None):
    """Mark the section that begins with a line."""
    start = text.index(line)
    return Mark(
        "heading", Span(start, len(text) if end is None else text.index(end)), line.strip("# "), level
    )


def shown(context, sources):
    """Return the original text of each citation."""
    texts = {one.document.id: one.windows[0].text for one in sources}
    return [texts[one.document.id][one.start : one.end] for one in context.citations]
