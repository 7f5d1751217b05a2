"""Metrics of evidence: does an answer show the place that holds it?

The answer is read as a person reads it: the spans of the first document, best first,
then those of the second, and so on. Of every document at most 3,000 characters are
read: the span that crosses the limit is cut there and the rest is not seen, so
returning whole documents does not pay.

- ``hit@k``: 1 where one of the first ``k`` spans of the whole answer overlaps a gold
  span of the same document, else 0. It asks for the right document *and* the right place.
- ``overlap``: the best character IoU (shared characters over the union) of one of the
  first ten spans with one gold span, 0 without an overlap.

Only queries with gold spans count.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from encoders.types import Span
from eval.types import GoldSpan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eval.types import Answer

EVIDENCE_METRICS = ("hit@1", "hit@10", "overlap")
CHARACTERS_PER_DOCUMENT = 3000
_READ = 10


def evidence_figures(answer: Answer, gold: Sequence[GoldSpan]) -> dict[str, float]:
    """Return the evidence metrics of one answer; ``gold`` holds at least one span."""
    read = list(islice(spans_in_reading_order(answer), _READ))
    overlaps = [max((iou(found.span, one) for one in gold_of(found, gold)), default=0.0) for found in read]
    return {
        "hit@1": float(bool(overlaps) and overlaps[0] > 0),
        "hit@10": float(any(overlap > 0 for overlap in overlaps)),
        "overlap": max(overlaps, default=0.0),
    }


def spans_in_reading_order(answer: Answer) -> Iterator[GoldSpan]:
    """Yield the spans of an answer by document rank, then by evidence rank, within the limit."""
    for document in answer.documents:
        for span in within(document.evidence, CHARACTERS_PER_DOCUMENT):
            yield GoldSpan(doc_id=document.doc_id, span=span)


def within(spans: Sequence[Span], characters: int) -> Iterator[Span]:
    """Yield spans in order until ``characters`` are read; the last one is cut to fit."""
    left = characters
    for span in spans:
        if left <= 0:
            return
        yield Span(span.start, min(span.end, span.start + left))
        left -= len(span)


def gold_of(found: GoldSpan, gold: Sequence[GoldSpan]) -> Iterator[Span]:
    """Yield the gold spans of the document that ``found`` lies in."""
    return (one.span for one in gold if one.doc_id == found.doc_id)


def iou(one: Span, other: Span) -> float:
    """Return shared characters over characters of the union; 0 where nothing is shared."""
    shared = one.overlap(other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
