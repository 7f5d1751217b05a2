"""A question to ranked documents with evidence."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from indexers.documents import canonical
from indexers.filters import Condition, all_of
from indexers.lexical import analyse_query, query_vector
from retriever.answering import Attempts
from retriever.calibration import probabilities, signals_of
from retriever.candidates import find_candidates, open_scorer
from retriever.diversity import diversify, hide_repetitions
from retriever.evidence import defining
from retriever.index_scorer import best_read
from retriever.late_interaction import Reranked, TokenVectors, rerank_late, tokens_encoder
from retriever.paging import Kept
from retriever.phrases import Phrase, PhraseFinder
from retriever.presenting import encoder_name
from retriever.ranking import Ranking, rank
from retriever.reading import DocumentReader, with_readings
from retriever.scorers import Question
from retriever.selecting import allows, check_field, first_of_groups
from retriever.titles import TitleTerms
from retriever.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Set

    from encoders.protocols import Encoder
    from indexers.collection import Collection
    from indexers.filters import Filter
    from retriever.candidates import Candidates
    from retriever.fusion import FloatArray
    from retriever.highlighting import Unhighlighted
    from retriever.options import RerankOptions, SearchOptions
    from retriever.profile import SearchProfile
    from retriever.scorers import Reading, Scorer

_TRIES, _TRIES_BESIDE_OTHERS = 8, 2


@dataclass(frozen=True, slots=True)
class Memory:
    """What searches of one collection remember for each other."""

    rankings: Kept[Ranking] = field(default_factory=Kept)
    phrases: PhraseFinder = field(default_factory=PhraseFinder)
    titles: TitleTerms = field(default_factory=TitleTerms)
    tokens: TokenVectors = field(default_factory=TokenVectors)
    turns: Turns = field(default_factory=Turns)


class Searcher:
    """Searches one collection.

    Args:
        collection: where to search.
        encoder: the one the collection was made with.
        profile: depths and weights.
        name: of the profile.
        memory: shared by the searches of the collection.
    """

    def __init__(
        self,
        collection: Collection,
        encoder: Encoder,
        profile: SearchProfile,
        *,
        name: str = "default",
        memory: Memory | None = None,
    ) -> None:
        self.collection = collection
        self.profile = profile
        self.label = f"{name}@{profile.version}"
        self.memory = memory or Memory()
        self._encoder = encoder

    @property
    def encoder_name(self) -> str:
        """Model and revision."""
        return encoder_name(self._encoder)

    @property
    def state(self) -> str:
        """Names the state of the collection and the profile."""
        return f"{self.collection.snapshot} {self.label}"

    def search(self, options: SearchOptions) -> Unhighlighted:
        """Answer a request, but for what `retriever.highlighting.highlight` adds.

        A document that is replaced meanwhile is read again, so each hit is wholly of
        one version. Writers in other processes are never made to wait.

        Raises:
            CursorExpiredError: the page cannot be continued.
        """
        if options.group_by:
            check_field(self.collection, options.group_by.field)
        if options.rerank.method != "none":
            tokens_encoder(self._encoder)
        attempts = Attempts(self, options)
        shared = self.collection.is_shared
        # Whoever asks an index elsewhere waits more than it computes.
        turn = self.memory.turns.taken() if self.collection.scores is not None else nullcontext()
        with self.collection.readers.reading(), turn:
            for _ in range(_TRIES_BESIDE_OTHERS if shared else _TRIES):
                if (result := attempts.answer()) is not None:
                    return result
        if shared:
            return attempts.answer_beside_writers()
        with self.collection.still():  # documents are replaced faster than they can be read
            while (result := attempts.answer()) is None:
                pass
            return result

    def where(self, options: SearchOptions) -> Filter | None:
        """Return everything that a hit must match."""
        where = self.collection.parse_filter(options.filter, mandatory=options.mandatory)
        held = self.memory.phrases.condition(self.collection, options.must_contain, where)
        return all_of(where, held, self._defining(options.evidence.symbols))

    def _defining(self, symbols: Sequence[str]) -> Filter | None:
        """Return what documents match that define one of these names."""
        if (defined := defining(symbols)) is None:
            return None
        return Condition("generation", "$in", tuple(self.collection.index.facet("generation", defined)))

    def ask(self, query: str, where: Filter | None) -> Question:
        """Make a query ready for the index."""
        text, _ = canonical(query)
        with self.memory.turns.away():
            embedded = self._encoder.embed([text], kind="query")
        return Question(
            text=text,
            dense=embedded.vectors[0].tolist(),
            lexical=query_vector(analyse_query(text, self.collection.languages)),
            where=where,
            tokens=embedded.coverage[0].tokens,
        )

    def depth(self, options: SearchOptions) -> int:
        """Return how many documents are taken from each side."""
        return max(self.profile.document_candidates, 2 * options.limit)

    def rank(self, question: Question, depth: int, *, also: Iterable[str] = ()) -> Ranking:
        """Find, score and order the candidates."""
        return self.order(question, self.find(question, depth, also=also))

    def find(self, question: Question, depth: int, *, also: Iterable[str] = ()) -> Candidates:
        """Find and score the candidates."""
        return find_candidates(
            self.collection, question, self.profile, self.memory.titles, depth=depth, also=also
        )

    def read_whole(
        self, candidates: Candidates, doc_ids: Set[str], question: Question, options: SearchOptions
    ) -> tuple[Candidates, dict[str, Reading]]:
        """Read some of the candidates whole, as they are now; those that match no more are left out."""
        found = DocumentReader(self.collection, question, self.profile).read(doc_ids)
        readings = {doc_id: one for doc_id, one in found.items() if self._matches(one, options)}
        titles = self.memory.titles.scores(self.collection, question.text, readings)
        by_id = dict(zip(readings, titles, strict=True))
        return with_readings(candidates, doc_ids, readings, by_id), readings

    def _matches(self, read: Reading, options: SearchOptions) -> bool:
        where = self.collection.parse_filter(options.filter, mandatory=options.mandatory)
        phrases = [Phrase(source) for source in options.must_contain]
        return (
            allows(where, read.entry)
            and self.memory.phrases.holds(self.collection, read.entry, phrases)
            and (not (symbols := options.evidence.symbols) or len(best_read(read, defining(symbols), 1)) > 0)
        )

    def order(self, question: Question, candidates: Candidates) -> Ranking:
        """Fuse the scores of the candidates."""
        return rank(question, candidates, self.profile)

    def scorer(self, question: Question) -> Scorer:
        """Return what scores for a question."""
        return open_scorer(self.collection, question, self.profile)

    def rerank(self, ranking: Ranking, options: RerankOptions, scorer: Scorer) -> Reranked:
        """Score the first documents of a ranking again."""
        encoder = tokens_encoder(self._encoder)
        with self.memory.turns.away():
            return rerank_late(
                self.collection, ranking, options, self.profile, encoder, self.memory.tokens, scorer
            )

    def vary(self, ranking: Ranking, options: SearchOptions) -> Ranking:
        """Take repetitions out of a ranking, and likeness into account, where that is asked for."""
        if not options.repetitions:
            ranking = hide_repetitions(self.collection, ranking)
        return diversify(self.collection, ranking, options.novelty) if options.novelty else ranking

    def visible(self, options: SearchOptions, ranking: Ranking) -> tuple[int, ...]:
        """Return the positions that pages run through."""
        order = ranking.order
        if options.min_relevance is not None:
            relevance = self.relevance(ranking)
            if relevance is None:
                raise InvalidInputError(
                    f"min_relevance needs a calibration and the profile {self.label} has none; "
                    "fit one on judged queries: longdoc tune"
                )
            order = tuple(position for position in order if relevance[position] >= options.min_relevance)
        if options.group_by is None:
            return order
        return tuple(first_of_groups(order, ranking.entries, options.group_by))

    def relevance(self, ranking: Ranking) -> FloatArray | None:
        """Return the probability of each candidate; None without a calibration."""
        calibration = self.profile.calibration
        return probabilities(calibration.relevance, signals_of(ranking)) if calibration else None

    def answerable(self, ranking: Ranking) -> float | None:
        """Return how probably the collection answers the query; None without a calibration."""
        calibration = self.profile.calibration
        if calibration is None:
            return None
        if not ranking.order:
            return 0.0
        first = signals_of(ranking)[[ranking.order[0]]]
        return float(probabilities(calibration.answerable, first)[0])
