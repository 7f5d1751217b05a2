"""Reads found spans and the text around them from a collection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from encoders.types import SegmentKind, Span
from indexers.catalogue import SEGMENT
from indexers.filters import And, Condition, equals, matches
from indexers.history import KeptVersion
from retriever.citations import parse_evidence_id
from retriever.context.material import Material, Piece, Source, Window
from retriever.context.ranking import by_worth, cut_at_gap, take_turns
from retriever.context.types import CitedDocument, Dropped
from retriever.types import Warned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter
    from retriever.context.ranking import Found
    from retriever.context.types import ContextOptions, Expand
    from retriever.types import SearchResult

_REACH: Final[dict[Expand, int]] = {"none": 200, "sentence": 800, "segment": 3_000}
_CHARACTERS_PER_TOKEN: Final = 6
_WIDEST: Final = 60_000
_NEAR: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """A version of a document whose text is kept."""

    document: CitedDocument
    generation: str
    text: str
    characters: int
    live: bool
    entry: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A piece before its document has a place."""

    version: _Version
    piece: Piece


def gather_found(
    collection: Collection, name: str, options: ContextOptions, results: Sequence[SearchResult]
) -> Material:
    """Make material of the answers to the queries, in the order of what they are worth."""
    kept: list[list[Found]] = []
    dropped: list[Dropped] = []
    for query, result in enumerate(results):
        found, cut = cut_at_gap(by_worth(result, query), options.score_gap)
        kept.append(found)
        dropped += [
            Dropped(evidence_id=one.evidence.id, reason="score_gap", document_id=one.hit.document.id)
            for one in cut
        ]
    turns = take_turns(kept)
    shown = {one.evidence.id for one in turns}
    versions = _Versions(collection)
    placed: list[_Placed] = []
    for one in turns:
        generation, span = parse_evidence_id(one.evidence.id)
        version = versions.get(generation, one.hit.document.id)
        if version is None:
            dropped.append(
                Dropped(evidence_id=one.evidence.id, reason="gone", document_id=one.hit.document.id)
            )
            continue
        piece = Piece(
            evidence_id=one.evidence.id,
            source=0,
            start=span.start,
            end=span.end,
            query=one.query,
            score=one.worth,
            kind=one.evidence.kind,
            relevance=one.hit.relevance,
        )
        placed.append(_Placed(version=version, piece=piece))
    warnings = {warning: None for result in results for warning in result.warnings}
    return _material(
        collection,
        name,
        options,
        placed,
        dropped=[one for one in dropped if one.evidence_id not in shown or one.reason == "gone"],
        warnings=list(warnings),
        results=results,
    )


def gather_named(
    collection: Collection, name: str, options: ContextOptions, ids: Sequence[str], allowed: Filter | None
) -> Material:
    """Make material of evidence that an earlier search found, in the order given.

    Args:
        collection: where the evidence is from.
        name: of the collection.
        options: the caller's wishes.
        ids: of `retriever.types.Evidence`, the best first.
        allowed: only documents that match may be shown.

    Raises:
        InvalidInputError: one is no evidence id.
    """
    versions = _Versions(collection)
    placed: list[_Placed] = []
    dropped: list[Dropped] = []
    stale = 0
    for evidence_id in dict.fromkeys(ids):
        generation, span = parse_evidence_id(evidence_id)
        version = versions.get(generation)
        if version is None or span.end > version.characters:
            dropped.append(Dropped(evidence_id=evidence_id, reason="gone"))
            continue
        if allowed is not None and (version.entry is None or not _is_allowed(version.entry, allowed)):
            dropped.append(Dropped(evidence_id=evidence_id, reason="not_allowed"))
            continue
        stale += not version.live
        kind = _kind(collection, generation, span)
        piece = Piece(evidence_id=evidence_id, source=0, start=span.start, end=span.end, kind=kind)
        placed.append(_Placed(version=version, piece=piece))
    warnings = []
    if stale:
        detail = f"{stale} of the evidence is of a version that was replaced or deleted meanwhile"
        warnings.append(Warned(code="stale_evidence", detail=detail))
    return _material(collection, name, options, placed, dropped=dropped, warnings=warnings, results=())


class _Versions:
    """Versions by generation, each looked up once."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._known: dict[str, _Version | None] = {}

    def get(self, generation: str, doc_id: str | None = None) -> _Version | None:
        """Return a version, None when it is no longer kept; the id of its document saves looking it up."""
        if generation not in self._known:
            self._known[generation] = self._find(generation, doc_id)
        return self._known[generation]

    def _find(self, generation: str, doc_id: str | None) -> _Version | None:
        entry = self._collection.entries.get(doc_id or "")
        if entry is not None and entry.generation == generation:
            return _version(KeptVersion.of(entry), entry)
        kept = self._collection.version_of_generation(generation)
        return None if kept is None else _version(kept, self._collection.entries.get(kept.doc_id))


def _version(kept: KeptVersion, entry: Entry | None) -> _Version:
    document = CitedDocument(
        id=kept.doc_id,
        version=kept.version,
        content_hash=kept.content_hash,
        title=entry.title if entry else "",
        source=entry.source if entry else "",
        media_type=entry.media_type if entry else "text/plain",
    )
    return _Version(
        document=document,
        generation=kept.generation,
        text=kept.text,
        characters=kept.characters,
        live=entry is not None and entry.generation == kept.generation,
        entry=entry,
    )


def _is_allowed(entry: Entry, allowed: Filter) -> bool:
    return matches(allowed, entry.to_payload(lexical_average=0.0))


def _material(
    collection: Collection,
    name: str,
    options: ContextOptions,
    placed: Sequence[_Placed],
    *,
    dropped: list[Dropped],
    warnings: list[Warned],
    results: Sequence[SearchResult],
) -> Material:
    generations = list(dict.fromkeys(one.version.generation for one in placed))
    sources = [
        _source(collection, [one for one in placed if one.version.generation == generation], options)
        for generation in generations
    ]
    answerable = [result.answerable for result in results]
    return Material(
        collection=name,
        queries=options.queries,
        sources=tuple(sources),
        pieces=tuple(replace(one.piece, source=generations.index(one.version.generation)) for one in placed),
        dropped=tuple(dropped),
        answerable=min((one for one in answerable if one is not None), default=None),
        warnings=tuple(warnings),
        meta=_meta(results),
    )


def _meta(results: Sequence[SearchResult]) -> dict[str, Any]:
    return {"snapshot": results[0].meta.snapshot, "encoder": results[0].meta.encoder} if results else {}


def _source(collection: Collection, placed: Sequence[_Placed], options: ContextOptions) -> Source:
    version = placed[0].version
    wanted = sorted(_reach(collection, version, one.piece.span, options) for one in placed)
    spans: list[Span] = []
    for span in wanted:
        if spans and span.start - spans[-1].end <= _NEAR:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, span.end))
        else:
            spans.append(span)
    windows = tuple(_window(collection, version, span, borders=options.expand == "segment") for span in spans)
    return Source(document=version.document, windows=windows)


def _reach(collection: Collection, version: _Version, span: Span, options: ContextOptions) -> Span:
    """Return how far around a span packing may want to read."""
    reach = _REACH.get(options.expand)
    if reach is None:
        reach = min(_WIDEST, max(2_000, _CHARACTERS_PER_TOKEN * options.max_tokens))
    return Span(max(0, span.start - reach), min(version.characters, span.end + reach))


def _window(collection: Collection, version: _Version, span: Span, *, borders: bool) -> Window:
    texts = collection.texts
    marks = tuple(
        mark
        for mark in texts.marks(version.text)
        if mark.span.start < span.end and mark.span.end > span.start
    )
    before = {mark.span.start for mark in marks if mark.span.start < span.start}
    return Window(
        start=span.start,
        text=texts.text(version.text, span.start, span.end),
        first_line=_line(collection, version, span.start),
        marks=marks,
        lines=tuple((start, _line(collection, version, start)) for start in sorted(before)),
        borders=tuple(_borders(collection, version.generation, span)) if borders else (),
        last=span.end == version.characters,
    )


def _line(collection: Collection, version: _Version, position: int) -> int:
    return collection.texts.locate(version.text, Span(position, position)).line_start or 1


def _borders(collection: Collection, generation: str, span: Span) -> list[int]:
    found = _segments(
        collection, generation, Condition("start", "$gt", span.start), Condition("start", "$lt", span.end)
    )
    return sorted(record["start"] for record in found)


def _kind(collection: Collection, generation: str, span: Span) -> SegmentKind:
    found = _segments(
        collection, generation, Condition("start", "$lte", span.start), Condition("end", "$gt", span.start)
    )
    return next((record["kind"] for record in found), "prose")


def _segments(collection: Collection, generation: str, *conditions: Condition) -> Iterable[dict[str, Any]]:
    where = And((equals("generation", generation), equals("point", SEGMENT), *conditions))
    return [record.payload for record in collection.index.scroll(where, payload=("start", "end", "kind"))]
