"""What a search answers with. Standard library only, so that the light client shares it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from encoders.types import Coverage, Location, SegmentKind
from indexers.report import (
    BackupReport,
    CopyReport,
    Estimate,
    GarbageReport,
    IndexReport,
    ItemOutcome,
    MigrationReport,
    Progress,
    PurgeReceipt,
    Retention,
    UnreadItem,
)
from retriever.options import (
    EvidenceOptions,
    FacetOptions,
    GroupBy,
    ListOptions,
    OffsetUnit,
    RerankOptions,
    SearchOptions,
)

__all__ = [
    "Alias",
    "BackupReport",
    "CandidateCounts",
    "CollectionInfo",
    "Component",
    "ComponentName",
    "CopyReport",
    "DocumentExplanation",
    "DocumentHit",
    "DocumentInfo",
    "DocumentPage",
    "Estimate",
    "Evidence",
    "EvidenceOptions",
    "Explanation",
    "FacetOptions",
    "FacetValue",
    "GarbageReport",
    "GroupBy",
    "IndexReport",
    "ItemOutcome",
    "Job",
    "JobKind",
    "JobState",
    "Judgement",
    "ListOptions",
    "ListingStatus",
    "MigrationReport",
    "ModelInfo",
    "OffsetUnit",
    "Progress",
    "PurgeReceipt",
    "Quote",
    "RerankOptions",
    "Resolution",
    "Retention",
    "SearchMeta",
    "SearchOptions",
    "SearchResult",
    "SyncReport",
    "TextScores",
    "UnreadItem",
    "Usage",
    "Vectors",
    "Warned",
]

JobKind: TypeAlias = Literal["index", "sync"]
JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
ComponentName: TypeAlias = Literal[
    "segment_dense",
    "segment_lexical",
    "document_lexical",
    "title_lexical",
    "late_interaction",
]
ListingStatus: TypeAlias = Literal[
    "listed", "outranked", "not_candidate", "filtered", "not_indexed", "not_allowed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInfo:
    """A document without its text.

    Attributes:
        id: the caller's name for it.
        version: 1 for the first version, one more for each replacement.
        revision: 0 for a new version, one more for each edit of its title, source or metadata.
        content_hash: ``sha256:`` and the hex digest of the canonical text in UTF-8.
        characters: length of the text in code points.
        updated_at: RFC 3339 time of the commit of this version.
    """

    id: str
    version: int
    content_hash: str
    title: str
    source: str
    media_type: str
    characters: int
    updated_at: str
    metadata: Mapping[str, Any]
    coverage: Coverage
    notes: tuple[str, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A further name of a collection.

    Attributes:
        name: the alias.
        collection: what it means now.
    """

    name: str
    collection: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionInfo:
    """A collection and what is in it.

    Attributes:
        encoder: the model that its vectors come from.
        dim: length of a vector.
        characters: code points of all documents.
        incomplete: documents that are not covered completely.
        fields: names that filters may use, each with the types of its values.
    """

    name: str
    encoder: str
    dim: int
    documents: int
    segments: int
    characters: int
    incomplete: int
    fields: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The encoder of a store.

    Attributes:
        name: how it is called where it was made.
        revision: of its weights.
        dim: length of a vector.
        max_tokens: the longest text in one pass; longer ones are read in parts and averaged.
        reranks_by: how it scores texts against a query: ``late-interaction`` over token
            vectors, or ``cosine`` where it has none.
    """

    name: str
    revision: str
    dim: int
    max_tokens: int
    reranks_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Vectors of texts, in their order.

    Attributes:
        dim: length of each.
        data: little-endian 32-bit floats, row after row.
        coverage: what of each text was embedded; a text in several segments was split and averaged.
    """

    model: str
    dim: int
    data: bytes
    coverage: tuple[Coverage, ...]

    def __len__(self) -> int:
        return len(self.coverage)

    def row(self, place: int) -> bytes:
        """Return the bytes of one vector."""
        return self.data[4 * self.dim * place : 4 * self.dim * (place + 1)]

    def rows(self) -> list[list[float]]:
        """Return all vectors as lists of numbers."""
        return [list(struct.unpack(f"<{self.dim}f", self.row(place))) for place in range(len(self))]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextScores:
    """How well texts answer a query, in the order of the texts.

    Attributes:
        model: the encoder and how it scored.
        scores: 0 to 1; they order the texts of one call.
        tokens: read for it.
    """

    model: str
    scores: tuple[float, ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPage:
    """Some documents by id; ``next_cursor`` is None on the last page."""

    documents: tuple[DocumentInfo, ...]
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[DocumentInfo]:
        return iter(self.documents)

    def __len__(self) -> int:
        return len(self.documents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a score: ``contribution = weight * standardised``.

    ``rank`` counts from 1 within the candidates. ``matched_terms`` gives each
    query term's share of a lexical ``raw``.
    """

    name: ComponentName
    rank: int
    raw: float
    standardised: float
    weight: float
    contribution: float
    matched_terms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a document has its score; the contributions add up to ``total``."""

    components: tuple[Component, ...]
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The sentence of an evidence that answers best, with the words around it.

    It finds its place again in a text that was changed elsewhere, as a text quote
    selector does.

    Attributes:
        exact: ``document.text[start:end]``.
        prefix: up to 32 code points before it.
        suffix: up to 32 code points after it.
    """

    exact: str
    prefix: str
    suffix: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of a document that answers the query.

    Offsets are of the unit that was asked for, code points unless said otherwise.

    Attributes:
        id: names document, version and span; stays valid as long as the version is kept.
        start: first code point in the document's text.
        end: one past the last.
        text: ``document.text[start:end]``.
        score: orders the evidence of one document; not comparable between queries.
        dense: cosine similarity of query and segment, the best one where neighbours are joined.
        lexical: BM25 of query and segment, likewise.
        highlights: ``(start, end)`` in the document's text of what matches the query word for word.
        quote: its best sentence.
        breadcrumb: where it stands in code, as the encoder read it; empty elsewhere.
        symbols: names that it defines.
    """

    id: str
    start: int
    end: int
    text: str
    location: Location
    kind: SegmentKind
    score: float
    dense: float
    lexical: float
    highlights: tuple[tuple[int, int], ...] = ()
    quote: Quote | None = None
    breadcrumb: str = ""
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentHit:
    """A document of the answer with its best evidence first.

    Attributes:
        rank: from 1.
        score: orders this answer only.
        relevance: calibrated probability, None without a calibration.
        evidence_total: segments of the document, all of which were considered as evidence.
        explain: present when asked for.
        group: its value of the field that the answer is grouped by.
        repeated_by: ids of documents left out because they nearly repeat this one.
    """

    rank: int
    score: float
    document: DocumentInfo
    evidence: tuple[Evidence, ...]
    evidence_total: int
    relevance: float | None = None
    explain: Explanation | None = None
    group: str | int | float | bool | None = None
    repeated_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something the caller should know about an answer that is valid all the same."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """How many of the documents that match have a value."""

    value: str | int | float | bool
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateCounts:
    """What was looked at.

    Attributes:
        documents: documents scored on every component.
        segments: live segments seen.
        dead: segments passed over because their version is not live.
        exhausted: every document that matches the filter was scored, none was left out.
    """

    documents: int
    segments: int
    dead: int
    exhausted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the answer cost."""

    query_tokens: int = 0
    rerank_tokens: int = 0
    llm_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchMeta:
    """How an answer came about.

    Attributes:
        snapshot: names the state of the collection; equal states have equal names.
        encoder: model and revision.
        profile: name and version of the settings.
        effective_filter: the filter that held, the mandatory one included.
        timing_ms: milliseconds per stage, and ``total``.
        request_id: names the answer, for `Retriever.feedback` and in the log of a service.
    """

    snapshot: str
    encoder: str
    profile: str
    candidates: CandidateCounts
    offset_unit: OffsetUnit = "codepoint"
    effective_filter: Mapping[str, Any] | None = None
    usage: Usage = field(default_factory=Usage)
    timing_ms: Mapping[str, float] = field(default_factory=dict)
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentExplanation:
    """Why a document is, or is not, in the answer to a query.

    Attributes:
        status: ``listed``; ``outranked``: a candidate with ``rank``, beyond the limit;
            ``not_candidate``: no component put it among the candidates, ``rank`` is where it
            would stand if it were one; ``filtered``: it does not match; ``not_indexed``: the
            collection has no such document; ``not_allowed``: a mandatory filter forbids it.
        reason: the same in a sentence.
        rank: from 1, among the candidates.
        candidates: how many there were.
        last_listed: the score of the last document of the answer.
    """

    status: ListingStatus
    document_id: str
    reason: str
    rank: int | None = None
    score: float | None = None
    candidates: int = 0
    last_listed: float | None = None
    explain: Explanation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What making a collection equal to a folder did.

    Attributes:
        index: what indexing the folder's files did.
        deleted: ids of documents whose files are gone.
    """

    index: IndexReport
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Indexing that the store's process does on its own.

    Attributes:
        paths: what to index, or the one folder to sync.
        ocr: languages of pictures of text; empty when they are not read.
        attempts: how often it was started.
        progress: how far it is, None before its first batch.
        tokens_per_s: speed of this attempt.
        eta_s: seconds left, None when that cannot be told.
        report: what it did, once it is done.
        error: why its last attempt failed.
    """

    id: str
    kind: JobKind
    paths: tuple[str, ...]
    collection: str
    encoder: str
    state: JobState
    created_at: str
    started_at: str = ""
    finished_at: str = ""
    attempts: int = 0
    progress: Progress | None = None
    tokens_per_s: float | None = None
    eta_s: float | None = None
    report: IndexReport | None = None
    error: str = ""
    ocr: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a person, or a program for one, said of a document under an answer.

    Attributes:
        request_id: of the answer; see `SearchMeta`.
        filter: that the search had.
        profile: name and version of the settings.
        version: of the document when it was judged.
        rank: of the document in the answer, None when it was not listed.
        useful: it answers the query.
    """

    request_id: str
    query: str
    document_id: str
    useful: bool
    version: int
    created_at: str
    rank: int | None = None
    filter: Mapping[str, Any] | None = None
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Where the words of a citation are now.

    Attributes:
        status: ``current``: where they were; ``moved``: at ``start`` in the live version;
            ``gone``: nowhere, for the ``reason`` given.
        text: the words as they were cited; empty when their version is no longer kept.
        start: in the live version, None when gone.
        end: likewise.
        version: the version they were cited from.
        live_version: the version that is searched now, None when the document was deleted.
    """

    status: Literal["current", "moved", "gone"]
    document_id: str = ""
    version: int | None = None
    live_version: int | None = None
    start: int | None = None
    end: int | None = None
    text: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The answer to one query: hits in order, and how they were found.

    Attributes:
        next_cursor: asks for the next page; None when there is none.
        facets: counts by field, of all documents that match the filter.
        answerable: calibrated probability that the collection answers the query, None
            without a calibration.
    """

    query: str
    hits: tuple[DocumentHit, ...]
    meta: SearchMeta
    next_cursor: str | None = None
    facets: Mapping[str, tuple[FacetValue, ...]] = field(default_factory=dict)
    answerable: float | None = None
    warnings: tuple[Warned, ...] = ()

    def __iter__(self) -> Iterator[DocumentHit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def spans(self) -> list[tuple[DocumentHit, Evidence]]:
        """Return the evidence of all hits with its document, the best first.

        The scores of document and evidence are both standardised, so their sum prefers a good
        span of a good document; ties keep the order of the answer.
        """
        found = [(hit, evidence) for hit in self.hits for evidence in hit.evidence]
        return sorted(found, key=lambda one: -(one[0].score + one[1].score))

    def _repr_html_(self) -> str:
        """Show the answer in a notebook."""
        from retriever.notebook import result_html

        return result_html(self)
