"""What a context is asked for and answered with. Standard library only: the light client shares it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from encoders.errors import InvalidInputError
from encoders.types import Location
from retriever.types import Warned

Order: TypeAlias = Literal["score", "edges", "document"]
Format: TypeAlias = Literal["text", "xml", "json", "messages", "blocks", "documents"]
Expand: TypeAlias = Literal["none", "sentence", "segment", "section", "parent"]
DropReason: TypeAlias = Literal[
    "budget", "document_budget", "near_duplicate", "score_gap", "gone", "not_allowed", "empty"
]
QuoteStatus: TypeAlias = Literal["exact", "normalised", "not_found"]
Tokenizer: TypeAlias = Callable[[str], int | Sequence[Any]]
"""Returns the tokens of a text, or how many there are."""

ORDERS: tuple[Order, ...] = ("score", "edges", "document")
FORMATS: tuple[Format, ...] = ("text", "xml", "json", "messages", "blocks", "documents")
EXPANSIONS: tuple[Expand, ...] = ("none", "sentence", "segment", "section", "parent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How sources are written out, in the formats ``text`` and ``messages``.

    The strings take named fields in braces and nothing else: ``{n}``, ``{label}``,
    ``{title}``, ``{document}``, ``{version}``, ``{location}``, ``{page}``, ``{line}``,
    ``{heading}``, ``{url}``, ``{relevance}`` and ``{text}``; a brace is written twice.

    Attributes:
        source: one source; must hold ``{text}``.
        separator: between two sources.
        header: before the first, also counted against the budget.
        footer: after the last, likewise.
        instructions: the system message of the format ``messages``; ours when None.
            Takes ``{example}``, a label as the answer should write it.
        question: what follows the sources in the format ``messages``; takes ``{question}``.
    """

    source: str = "{label} {title_line}\n{text}"
    separator: str = "\n\n"
    header: str = ""
    footer: str = ""
    instructions: str | None = None
    question: str = "\n\nQuestion: {question}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """What a caller asks; `retriever.Retriever.context` documents each."""

    queries: tuple[str, ...]
    max_tokens: int
    order: Order = "score"
    format: Format = "text"
    expand: Expand = "sentence"
    tokenizer: str | None = None
    max_tokens_per_document: int | None = None
    evidence_ids: tuple[str, ...] | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    citation: str = "[{n}]"
    template: Template | None = None
    score_gap: float | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 0:
            raise InvalidInputError(f"max_tokens is {self.max_tokens}; it can be 0 or more")
        if self.max_tokens_per_document is not None and self.max_tokens_per_document < 1:
            raise InvalidInputError(
                f"max_tokens_per_document is {self.max_tokens_per_document}; it can be 1 or more"
            )
        if self.score_gap is not None and not self.score_gap > 0:
            raise InvalidInputError(f"score_gap is {self.score_gap}; it is a difference of scores, above 0")
        _check_among("order", self.order, ORDERS)
        _check_among("format", self.format, FORMATS)
        _check_among("expand", self.expand, EXPANSIONS)
        if any(not isinstance(query, str) or not query.strip() for query in self.queries):
            raise InvalidInputError("the query is empty; ask for something")
        if not self.queries and self.evidence_ids is None:
            raise InvalidInputError("context needs a query, or evidence_ids of an earlier search")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """What a context takes of a model's window.

    Attributes:
        used: never more than ``budget``.
        tokenizer: who counted.
        exact: the count is that of the tokenizer the caller named, not an estimate.
    """

    used: int
    budget: int
    tokenizer: str
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedDocument:
    """The version of a document that a citation was taken from."""

    id: str
    version: int
    content_hash: str
    title: str
    source: str = ""
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedEvidence:
    """A found span inside a citation."""

    id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Words of a citation by which it is found again: W3C's text quote selector."""

    exact: str
    prefix: str
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One source of a context.

    Attributes:
        n: its number, in the order of reading.
        label: the number as the text writes it.
        text_start: where the source begins in the context's text.
        text_end: one past its last code point.
        start: first code point in the document's text.
        end: one past the last. The context shows ``document.text[start:end]``, with a
            backslash put into what could be taken for a label, a tag or a role.
        rank: its place by score, from 1, whatever the order of reading.
        evidence: what was found in it, the best first.
        quote: the first words of the best evidence.
        relevance: calibrated probability of its document, None without a calibration.
        url: of the span in the REST service.
    """

    n: int
    label: str
    text_start: int
    text_end: int
    document: CitedDocument
    start: int
    end: int
    rank: int
    evidence: tuple[CitedEvidence, ...]
    location: Location
    quote: Anchor
    tokens: int
    relevance: float | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Evidence that was found and is not in the context.

    Attributes:
        of: the evidence that it nearly repeats.
        tokens: what it would have taken; None where nothing was counted.
    """

    evidence_id: str
    reason: DropReason
    document_id: str = ""
    of: str | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A chat message."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The part of a prompt that holds the sources.

    Attributes:
        text: the sources in the format asked for; for ``json``, ``blocks`` and
            ``documents`` their JSON. Empty when nothing fits.
        messages: for the format ``messages``: instructions, then sources and question.
        blocks: for ``blocks`` and ``documents``: one object per citation.
        dropped: what was found and left out, and why.
        answerable: calibrated probability that the collection answers, None without one.
    """

    text: str
    tokens: TokenUse
    citations: tuple[Citation, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    messages: tuple[Message, ...] = ()
    blocks: tuple[Mapping[str, Any], ...] = ()
    answerable: float | None = None
    warnings: tuple[Warned, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationRef:
    """What verifying needs of a `Citation`."""

    n: int
    document_id: str
    version: int
    start: int
    end: int

    @staticmethod
    def of(citation: Citation) -> CitationRef:
        """Take it out of a citation."""
        document = citation.document
        return CitationRef(
            n=citation.n,
            document_id=document.id,
            version=document.version,
            start=citation.start,
            end=citation.end,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedQuote:
    """A quotation in an answer, and where it comes from.

    Attributes:
        quote: as the answer gives it, without its quotation marks.
        status: ``exact``: character for character; ``normalised``: but for case, white
            space, hyphenation, kinds of quotation marks and dashes, or what an ellipsis
            leaves out; ``not_found``: in no cited document.
        n: the citation it is from; None when not found.
        start: in the text of the citation's document; None when not found.
        end: likewise.
        in_context: the context showed it; False when only the rest of the document holds it.
        cited: numbers that the answer gives for it; another one than ``n`` is a wrong attribution.
        answer_start: where the quotation stands in the answer.
        answer_end: likewise.
    """

    quote: str
    status: QuoteStatus
    answer_start: int
    answer_end: int
    n: int | None = None
    document_id: str | None = None
    version: int | None = None
    start: int | None = None
    end: int | None = None
    in_context: bool = False
    cited: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A citation in an answer; ``known`` is False when no source has that number."""

    n: int
    answer_start: int
    answer_end: int
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What an answer quotes and cites.

    Attributes:
        unknown: numbers that the answer cites and no source has.
        unresolved: citations whose version of the document is no longer kept, so that
            nothing could be compared with them.
        ok: every quotation was found and every citation names a source.
    """

    quotes: tuple[CheckedQuote, ...] = ()
    markers: tuple[Marker, ...] = ()
    unresolved: tuple[int, ...] = ()

    @property
    def unknown(self) -> tuple[int, ...]:
        """Numbers that the answer cites and no source has."""
        return tuple(dict.fromkeys(one.n for one in self.markers if not one.known))

    @property
    def ok(self) -> bool:
        """Tell whether every quotation was found and every citation names a source."""
        return not self.unknown and all(one.status != "not_found" for one in self.quotes)

    def __iter__(self) -> Iterator[CheckedQuote]:
        return iter(self.quotes)

    def __len__(self) -> int:
        return len(self.quotes)


def _check_among(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInputError(f"{name} is {value!r}; it can be {', '.join(known)}")
