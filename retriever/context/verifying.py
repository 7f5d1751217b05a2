"""Maps what an answer quotes back to exact spans of the documents that it was given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from retriever.context.matching import Normalised, find_exact, find_normalised, normalise
from retriever.context.quotes import find_markers, find_quotations
from retriever.context.styles import CitationStyle
from retriever.context.types import CheckedQuote, Verification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.types import Span
    from retriever.context.quotes import Quotation
    from retriever.context.types import CitationRef


class TextReader(Protocol):
    """Reads versions of documents."""

    def __call__(self, doc_id: str, version: int) -> str | None:
        """Return the whole text of a version, None when it is not kept or may not be read."""
        ...


def verify(
    answer: str, citations: Sequence[CitationRef], read: TextReader, *, citation: str = "[{n}]"
) -> Verification:
    """Check every quotation and every citation of an answer.

    A quotation is looked for first in the sources that are cited right after it, then in
    the other sources, then in the rest of their documents.
    """
    markers = find_markers(answer, CitationStyle(citation), {one.n for one in citations})
    texts = {key: read(*key) for key in {(one.document_id, one.version) for one in citations}}
    shown: list[_Text] = []
    whole: dict[tuple[str, int], _Text] = {}
    unresolved: list[int] = []
    for one in citations:
        key = one.document_id, one.version
        text = texts[key]
        if text is None or not 0 <= one.start <= one.end <= len(text):
            unresolved.append(one.n)
            continue
        shown.append(_Text(one, text[one.start : one.end], one.start))
        whole.setdefault(key, _Text(one, text, 0))
    quotes = [_check(one, shown, list(whole.values())) for one in find_quotations(answer, markers)]
    return Verification(quotes=tuple(quotes), markers=tuple(markers), unresolved=tuple(unresolved))


@dataclass(frozen=True)
class _Text:
    """A text to look in: what a citation showed, or the document around it."""

    citation: CitationRef
    text: str
    start: int

    @cached_property
    def normalised(self) -> Normalised:
        return normalise(self.text)


def _check(quotation: Quotation, shown: Sequence[_Text], whole: Sequence[_Text]) -> CheckedQuote:
    checked = CheckedQuote(
        quote=quotation.text,
        status="not_found",
        answer_start=quotation.start,
        answer_end=quotation.end,
        cited=quotation.cited,
    )
    cited_first = sorted(shown, key=lambda one: (one.citation.n not in quotation.cited, one.citation.n))
    for texts, in_context in ((cited_first, True), (whole, False)):
        for text in texts:
            exact = find_exact(quotation.text, text.text)
            if exact is not None:
                return _found(checked, text, exact, in_context=in_context, exact=True)
        for text in texts:
            near = find_normalised(quotation.text, text.normalised)
            if near is not None:
                return _found(checked, text, near, in_context=in_context, exact=False)
    return checked


def _found(checked: CheckedQuote, text: _Text, span: Span, *, in_context: bool, exact: bool) -> CheckedQuote:
    return replace(
        checked,
        status="exact" if exact else "normalised",
        n=text.citation.n,
        document_id=text.citation.document_id,
        version=text.citation.version,
        start=text.start + span.start,
        end=text.start + span.end,
        in_context=in_context,
    )
