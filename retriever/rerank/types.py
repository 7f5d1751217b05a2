"""What a reranker is given and what it answers with. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Item = TypeVar("Item")

RerankerKind: TypeAlias = Literal["listwise", "cross_encoder", "late_interaction", "endpoint"]
"""``listwise``: a language model that sees the list; ``cross_encoder`` and ``late_interaction``:
models of sentence-transformers that score each text by itself; ``endpoint``: one that does so
behind an address, in the form of Cohere and Jina."""

PolicyName: TypeAlias = Literal["auto", "full", "sliding", "blocks"]

RanPolicy: TypeAlias = Literal["full", "sliding", "blocks", "scores"]
"""What ran: a policy of a model that ranks lists, or ``scores``, each text by itself."""

RerankStatus: TypeAlias = Literal["ok", "repaired", "fallback", "failed"]
"""How much of an order is the model's.

Of one call: ``ok``, the model gave every identifier asked for, once; ``repaired``,
it gave a ranking with missing, repeated or unknown identifiers; ``fallback``, it
answered without any ranking; ``failed``, it did not answer. Of a whole result: the
worst of its calls, but ``fallback`` when some calls failed and others gave a ranking.
After ``fallback`` and ``failed`` the order given to the model is kept.
"""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A span of a candidate's text; ``start`` orders the excerpts of one candidate."""

    text: str
    start: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something to rank.

    Attributes:
        id: the caller's name for it.
        excerpts: what the model may read of it, most relevant first.
        title: shown before the excerpts when there is room.
        score: of the first stage; None when there was none.
    """

    id: str
    excerpts: tuple[Excerpt, ...]
    title: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRequest:
    """Passages to rank in one call.

    Attributes:
        passages: in first-stage order, cut to size.
        wanted: how many identifiers are asked for; the best ones.
    """

    query: str
    passages: tuple[str, ...]
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingCounts:
    """What was wrong with rankings; adds up over calls.

    Attributes:
        wanted: identifiers asked for.
        listed: identifiers that the models wrote.
        missing: asked for and not written.
        repeated: written again.
        unknown: written, but of no passage.
        cut_short: rankings that end in the middle.
        lists: rankings found in the text; the last one counts.
    """

    wanted: int = 0
    listed: int = 0
    missing: int = 0
    repeated: int = 0
    unknown: int = 0
    cut_short: int = 0
    lists: int = 0

    def __add__(self, other: RankingCounts) -> RankingCounts:
        return RankingCounts(
            wanted=self.wanted + other.wanted,
            listed=self.listed + other.listed,
            missing=self.missing + other.missing,
            repeated=self.repeated + other.repeated,
            unknown=self.unknown + other.unknown,
            cut_short=self.cut_short + other.cut_short,
            lists=self.lists + other.lists,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens read and written; ``estimated`` when a model did not say and we counted."""

    read: int = 0
    written: int = 0
    estimated: bool = False

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            read=self.read + other.read,
            written=self.written + other.written,
            estimated=self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextScores:
    """What a model that scores each text by itself said.

    Attributes:
        scores: of each text, in order; higher is better; None where it gave none.
        repeated: scores given again for one text; the first one counts.
        unknown: scores of no text.
        attempts: requests sent, 1 without a retry.
    """

    scores: tuple[float | None, ...]
    usage: TokenUsage
    repeated: int = 0
    unknown: int = 0
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRanking:
    """The answer to a `WindowRequest`.

    Attributes:
        order: positions of ``passages``, best first: always a permutation of all of them.
        ranked: so many at the head of ``order`` are the model's choice, the others follow as given.
        attempts: requests sent, 1 without a retry.
        reason: why the status is not ``ok``; empty when it is.
    """

    order: tuple[int, ...]
    ranked: int
    status: RerankStatus
    counts: RankingCounts
    usage: TokenUsage
    latency_s: float
    attempts: int = 1
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankedItem:
    """A candidate at its new place.

    Attributes:
        rank: from 1.
        index: its place in the list that was given, from 0.
        score: the model's own where it scores each text by itself, None where it gave none; of a
            model that ranks lists ``1 - (rank - 1) / candidates``, which tells the rank and nothing more.
        first_score: of the first stage, unchanged.
    """

    rank: int
    index: int
    id: str
    score: float | None
    first_score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankResult:
    """Candidates in their new order, and how it came about.

    Attributes:
        items: best first; all candidates, or the best ``top``.
        policy: what ran, never ``auto``.
        calls: what each call to the model answered, in order of the plan; calls given up are not in it.
        planned: calls that the policy needs.
        slots: passages read, counting each once per call.
        shortened: candidates that the model did not read whole.
        passage_tokens: the most that a passage was allowed.
        usage: over all calls; like ``counts``, calls that failed included as far as known.
        reasons: why the status is not ``ok``, one sentence each.
    """

    query: str
    items: tuple[RerankedItem, ...]
    status: RerankStatus
    policy: RanPolicy
    model: str
    calls: tuple[WindowRanking, ...]
    planned: int
    slots: int
    shortened: int
    passage_tokens: int
    counts: RankingCounts
    usage: TokenUsage
    latency_s: float
    reasons: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[RerankedItem]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def order(self) -> tuple[int, ...]:
        """Indices of the given list, best first."""
        return tuple(item.index for item in self.items)

    def apply(self, given: Sequence[Item]) -> list[Item]:
        """Put the list that was ranked into the new order."""
        return [given[index] for index in self.order]
