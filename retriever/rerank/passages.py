"""Makes of each candidate the passage that a model reads, all within one budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from encoders.errors import InvalidInputError
from retriever.rerank.excerpting import ELLIPSIS, shorten, term_weights
from retriever.rerank.types import Candidate, Excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from retriever.rerank.tokens import TokenCounter
    from retriever.types import DocumentHit

_TITLE_SHARE: Final = 4
_LEAST_EXCERPT: Final = 12
_JOINT: Final = f" {ELLIPSIS} "


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages in the order of the candidates; those at ``shortened`` do not hold their whole candidate."""

    texts: tuple[str, ...]
    shortened: tuple[int, ...]


def candidates_from_texts(texts: Iterable[str]) -> list[Candidate]:
    """Make candidates of plain texts; a candidate's id is its place in the list.

    Raises:
        TypeError: ``texts`` is one string.
    """
    if isinstance(texts, str):
        raise TypeError("rerank takes a list of texts; put the one text into a list")
    return [Candidate(id=str(place), excerpts=(Excerpt(text),)) for place, text in enumerate(texts)]


def candidates_from_hits(hits: Iterable[DocumentHit]) -> list[Candidate]:
    """Make candidates of search hits: the model reads their evidence, best first.

    Raises:
        InvalidInputError: a hit has no evidence, so that there is nothing to read.
    """
    return [_from_hit(hit) for hit in hits]


def as_candidates(given: Sequence[str] | Sequence[DocumentHit] | Sequence[Candidate]) -> list[Candidate]:
    """Make candidates of what a caller of the SDK has: texts, hits or candidates, not mixed.

    Raises:
        TypeError: ``given`` is one string, or holds several kinds of item.
    """
    if isinstance(given, str):
        raise TypeError("rerank takes a list of texts; put the one text into a list")
    texts = [one for one in given if isinstance(one, str)]
    ready = [one for one in given if isinstance(one, Candidate)]
    hits = [one for one in given if not isinstance(one, str | Candidate)]
    if sum(map(bool, (texts, ready, hits))) > 1:
        raise TypeError("rerank takes texts, hits or candidates, not a mix of them")
    return ready or candidates_from_texts(texts) or candidates_from_hits(hits)


def _from_hit(hit: DocumentHit) -> Candidate:
    if not hit.evidence:
        raise InvalidInputError(
            f"hit {hit.document.id!r} has no evidence to rank by; search with evidence=1 or more",
            document=hit.document.id,
        )
    return Candidate(
        id=hit.document.id,
        title=hit.document.title,
        excerpts=tuple(Excerpt(found.text, found.start) for found in hit.evidence),
        score=hit.score,
    )


def fit_passages(
    query: str, candidates: Sequence[Candidate], *, limit: int, counter: TokenCounter
) -> Passages:
    """Cut every candidate to ``limit`` tokens: its title, then its excerpts, the best first.

    The excerpts that fit stand in the order of the text, so that they read well.
    The last one is shortened to the sentences about the query.
    """
    weights = term_weights(query, [_whole(candidate) for candidate in candidates])
    texts = []
    shortened = []
    for place, candidate in enumerate(candidates):
        whole = _whole(candidate)
        fits = counter.count(whole) <= limit
        texts.append(whole if fits else _fit(candidate, limit, counter, weights))
        if not fits:
            shortened.append(place)
    return Passages(tuple(texts), tuple(shortened))


def passage_sizes(candidates: Sequence[Candidate], counter: TokenCounter) -> list[int]:
    """Return the tokens of each candidate's passage before any cut."""
    return [counter.count(_whole(candidate)) for candidate in candidates]


def _whole(candidate: Candidate) -> str:
    return _join(candidate.title, candidate.excerpts)


def _join(title: str, excerpts: Iterable[Excerpt]) -> str:
    body = _JOINT.join(excerpt.text.strip() for excerpt in sorted(excerpts, key=lambda one: one.start))
    return f"{title.strip()}: {body}" if title.strip() else body


def _fit(candidate: Candidate, limit: int, counter: TokenCounter, weights: Mapping[str, float]) -> str:
    title = candidate.title if counter.count(candidate.title) <= limit // _TITLE_SHARE else ""
    chosen: list[Excerpt] = []
    for excerpt in candidate.excerpts:
        if counter.count(_join(title, [*chosen, excerpt])) <= limit:
            chosen.append(excerpt)
            continue
        room = limit - counter.count(_join(title, chosen)) - counter.count(_JOINT)
        if chosen and room < _LEAST_EXCERPT:
            break
        for less in range(4):  # counts of parts need not add up to that of the whole
            cut = Excerpt(shorten(excerpt.text, max(4, room - less), counter, weights), excerpt.start)
            if counter.count(_join(title, [*chosen, cut])) <= limit or not chosen:
                chosen.append(cut)
                break
        break
    return _join(title, chosen)
