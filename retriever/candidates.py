"""Which documents come into question, and every component's exact score for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retriever.index_scorer import IndexScorer
from retriever.table_scorer import TableScorer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from retriever.profile import SearchProfile
    from retriever.scorers import Question, Scorer
    from retriever.titles import TitleTerms
    from retriever.types import ComponentName


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Documents with their exact scores, in order of id.

    Attributes:
        entries: the version that each score belongs to.
        scores: component name to one score a candidate.
        segments: live segments seen.
        dead: segments passed over because their version is not live.
        exhausted: every document that matches is a candidate.
        scorer: what scored them, for more of the same question.
    """

    entries: tuple[Entry, ...]
    scores: Mapping[ComponentName, tuple[float, ...]]
    segments: int
    dead: int
    exhausted: bool
    scorer: Scorer = field(compare=False)


def find_candidates(
    collection: Collection,
    question: Question,
    profile: SearchProfile,
    titles: TitleTerms,
    *,
    depth: int,
    also: Iterable[str] = (),
) -> Candidates:
    """Take the best documents of each side and score every one of them on all.

    Args:
        collection: where to search.
        question: the query.
        profile: depths, weights and pooling; what weighs nothing is not computed.
        titles: scores titles.
        depth: documents taken from each side.
        also: documents that are candidates in any case.
    """
    scorer = open_scorer(collection, question, profile)
    found = scorer.find(depth)
    chosen = sorted({*found.documents, *also})
    entries = {doc_id: entry for doc_id in chosen if (entry := collection.entries.get(doc_id))}
    scores = scorer.score(entries)
    if profile.weighs("title_lexical"):
        scores["title_lexical"] = titles.scores(collection, question.text, entries)
    return Candidates(
        entries=tuple(entries.values()),
        scores=scores,
        segments=found.segments,
        dead=found.dead,
        exhausted=found.exhausted,
        scorer=scorer,
    )


def open_scorer(collection: Collection, question: Question, profile: SearchProfile) -> Scorer:
    """Return what scores for a question: the tables of the collection, or its index where it has none."""
    if (tables := collection.scores) is not None:
        return TableScorer(collection, tables, question, profile)
    return IndexScorer(collection, question, profile)
