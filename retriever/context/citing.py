"""Writes passages out and says where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from encoders.types import Span
from retriever.context.growing import sentences_in
from retriever.context.labels import facts_of
from retriever.context.types import Anchor, Citation, CitedEvidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.context.escaping import Guard
    from retriever.context.formats import Writer, Written
    from retriever.context.material import Material
    from retriever.context.passages import Passage
    from retriever.context.styles import CitationStyle
    from retriever.context.types import CitedDocument

_ANCHOR: Final = 160
_AROUND: Final = 32


class Scribe:
    """Writes the passages of one material in one format."""

    def __init__(self, material: Material, writer: Writer, style: CitationStyle) -> None:
        self._material = material
        self._writer = writer
        self._style = style
        self._guards: dict[int, Guard] = {}

    def write(self, passage: Passage, *, n: int, numbers: int) -> str:
        """Write one source, as one of ``numbers``."""
        source = self._material.sources[passage.source]
        return self._writer.write_source(
            facts_of(
                n=n,
                label=self._style.label(n),
                document=source.document,
                location=passage.window.locate(passage.span),
                kind=passage.kind,
                url=text_url(self._material.collection, source.document, passage.span),
                relevance=self._relevance(passage),
                text=passage.window.of(passage.span),
                guard=self._guard(numbers),
            )
        )

    def write_each(self, ordered: Sequence[Passage]) -> list[str]:
        """Write sources in the order of reading."""
        return [self.write(one, n=n, numbers=len(ordered)) for n, one in enumerate(ordered, start=1)]

    def join(self, sources: Sequence[str]) -> Written:
        """Join what `write_each` wrote."""
        return self._writer.write_all(sources)

    def cite(self, passage: Passage, *, n: int, rank: int, place: tuple[int, int], tokens: int) -> Citation:
        """Say where a passage comes from."""
        document = self._material.sources[passage.source].document
        window, span = passage.window, passage.span
        pieces = [self._material.pieces[one] for one in passage.pieces]
        found = [
            CitedEvidence(id=one.evidence_id, start=max(one.start, span.start), end=min(one.end, span.end))
            for one in pieces
        ]
        return Citation(
            n=n,
            label=self._style.label(n),
            text_start=place[0],
            text_end=place[1],
            document=document,
            start=span.start,
            end=span.end,
            rank=rank,
            evidence=tuple(found),
            location=window.locate(span),
            quote=_anchor(passage, Span(found[0].start, found[0].end)),
            tokens=tokens,
            relevance=self._relevance(passage),
            url=text_url(self._material.collection, document, span),
        )

    def _guard(self, numbers: int) -> Guard:
        if numbers not in self._guards:
            self._guards[numbers] = self._writer.guard(numbers)
        return self._guards[numbers]

    def _relevance(self, passage: Passage) -> float | None:
        return self._material.pieces[passage.rank].relevance


def text_url(collection: str, document: CitedDocument, span: Span) -> str:
    """Return where the REST service gives the text of a span."""
    query = {"id": document.id, "version": document.version, "start": span.start, "end": span.end}
    return f"/v1/collections/{quote(collection, safe='')}/text?{urlencode(query, quote_via=quote, safe='')}"


def _anchor(passage: Passage, best: Span) -> Anchor:
    """Quote the first sentence of the best evidence, or as much of it as an anchor holds."""
    window = passage.window
    first = next(iter(sentences_in(window, best, passage.kind)), best)
    end = min(first.end, first.start + _ANCHOR)
    return Anchor(
        exact=window.of(Span(first.start, end)),
        prefix=window.of(Span(max(window.start, first.start - _AROUND), first.start)),
        suffix=window.of(Span(end, min(window.end, end + _AROUND))),
    )
