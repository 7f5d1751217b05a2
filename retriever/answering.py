"""One answer: a page of a ranking, written out with its evidence."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from indexers.lexical import analyse_query
from retriever.evidence import find_evidence
from retriever.highlighting import Unhighlighted
from retriever.paging import Cursor, expired, read_cursor, search_hash
from retriever.presenting import document_info, effective_filter
from retriever.ranking import matched_terms
from retriever.selecting import allows, count_facets, group_of
from retriever.types import DocumentHit, SearchMeta, SearchResult, Usage, Warned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.catalogue import Entry
    from indexers.filters import Filter
    from retriever.candidates import Candidates
    from retriever.highlighting import Margins
    from retriever.options import SearchOptions
    from retriever.ranking import Ranking
    from retriever.scorers import Question, Reading, Scorer
    from retriever.searching import Searcher


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a ranking: what is shown, and where the next page begins.

    Attributes:
        visible: the positions that all pages run through.
        positions: those of this page, in order.
        entries: the documents at these positions, as they are now.
        changed: documents left out because they changed since the first page.
    """

    ranking: Ranking
    cursor: Cursor
    visible: tuple[int, ...]
    positions: tuple[int, ...]
    entries: tuple[Entry, ...]
    changed: int


class Attempts:
    """Attempts to answer one request; one that documents changed under is repeated."""

    def __init__(self, searcher: Searcher, options: SearchOptions) -> None:
        self._searcher = searcher
        self._collection = searcher.collection
        self._options = options
        self._clock = Clock()
        self._cursor = read_cursor(options.cursor, options) if options.cursor else None
        self._question: Question | None = None
        self._since = 0
        self._scorer: Scorer | None = None
        self._rerank_tokens = 0
        self._rerank_warnings: list[Warned] = []

    def answer(self) -> Unhighlighted | None:
        """Return the answer; None when documents were replaced while they were read.

        Raises:
            CursorExpiredError: the page cannot be continued.
        """
        searcher, options = self._searcher, self._options
        self._scorer = None
        self._since = self._collection.calm()
        where = searcher.where(options)
        if options.must_contain:
            self._clock.lap("phrases")
        cursor = self._cursor or Cursor(search_hash(options), searcher.state, searcher.depth(options), 0)
        ranking = self._kept(cursor) if self._cursor else None
        if ranking is None:
            question = self._ask(where)
            candidates = searcher.find(question, cursor.depth)
            self._scorer = candidates.scorer
            self._clock.lap("retrieve")
            ranking, cursor = self._ordered(question, candidates, cursor)
        page = self._page(ranking, cursor, where)
        hits = self._hits(page)
        if self._cursor is None:
            whole = self._collection.unchanged(page.ranking.entries, self._since)
        else:
            whole = self._collection.unchanged(page.entries)
        return self._written(page, hits, where) if whole else None

    def answer_beside_writers(self) -> Unhighlighted:
        """Return an answer while other processes replace documents faster than all of it can be read.

        What changed under it is read once more, each document whole (`retriever.reading`), and stays
        as it was read. So each hit is wholly of one version, live when it was read.

        Raises:
            CursorExpiredError: the page cannot be continued.
        """
        searcher, options, collection = self._searcher, self._options, self._collection
        self._scorer = None  # what is read again is scored otherwise
        cursor = self._cursor or Cursor(search_hash(options), searcher.state, searcher.depth(options), 0)
        where = searcher.where(options)
        if self._cursor and (kept := self._kept(cursor)) is not None:
            page = self._page(kept, cursor, where)
            hits = self._hits(page)
            return self._written(page, hits, where, torn=len(collection.moved(page.entries)))
        question = self._ask(where)
        candidates = searcher.find(question, cursor.depth)
        moved = collection.moved(candidates.entries)
        read: dict[str, Reading] = {}
        while True:
            if moved:
                candidates, again = searcher.read_whole(candidates, moved, question, options)
                read |= again
                question = replace(question, read=read)
            self._clock.lap("retrieve")
            ranking, now = self._ordered(question, candidates, cursor)
            page = _whole_page(ranking, now, searcher, options)
            hits = self._hits(page)
            moved = collection.moved(one for one in page.entries if one.doc_id not in read)
            if not moved:
                torn = sum(not read[one.doc_id].whole for one in page.entries if one.doc_id in read)
                return self._written(page, hits, where, torn=torn)

    def _ordered(self, question: Question, candidates: Candidates, cursor: Cursor) -> tuple[Ranking, Cursor]:
        searcher, options = self._searcher, self._options
        ranking = searcher.order(question, candidates)
        if options.rerank.method != "none":
            ranking, cursor = self._rerank(ranking, cursor)
            self._clock.lap("rerank")
        return searcher.vary(ranking, options), cursor

    def _ask(self, where: Filter | None) -> Question:
        if self._question is None:
            self._question = self._searcher.ask(self._options.query, where)
            self._clock.lap("encode")
        return replace(self._question, where=where)

    def _rerank(self, ranking: Ranking, cursor: Cursor) -> tuple[Ranking, Cursor]:
        wanted = self._options.rerank
        reranked = self._searcher.rerank(ranking, wanted, self._scorer_of(ranking))
        self._rerank_tokens = reranked.tokens
        self._rerank_warnings = []
        if reranked.scored < reranked.wanted:
            detail = f"{reranked.scored} of {reranked.wanted} documents reranked in {wanted.timeout_ms} ms"
            self._rerank_warnings = [Warned(code="rerank_partial", detail=detail)]
        return reranked.ranking, replace(cursor, again=wanted.timeout_ms is None)

    def _kept(self, cursor: Cursor) -> Ranking | None:
        """Return the ranking of earlier pages; None when it can be made again.

        Raises:
            CursorExpiredError: it is gone for good.
        """
        ranking = self._searcher.memory.rankings.get(_name(cursor))
        if ranking is None and (not cursor.again or cursor.state != self._searcher.state):
            raise expired()
        return ranking

    def _page(self, ranking: Ranking, cursor: Cursor, where: Filter | None) -> Page:
        """Cut a page out of a ranking, without the documents that changed since the first one."""
        visible = self._searcher.visible(self._options, ranking)
        part = visible[cursor.offset : cursor.offset + self._options.limit]
        there = [
            (position, entry)
            for position in part
            if (entry := self._live(ranking.entries[position], where)) is not None
        ]
        positions, entries = tuple(zip(*there, strict=True)) or ((), ())
        return Page(ranking, cursor, visible, positions, entries, len(part) - len(there))

    def _live(self, entry: Entry, where: Filter | None) -> Entry | None:
        """Return the document as it is now when it still has the text that was ranked, and matches."""
        live = self._collection.entries.get(entry.doc_id)
        if live is None or live is entry:
            return live
        return live if live.generation == entry.generation and allows(where, live) else None

    def _written(
        self,
        page: Page,
        hits: Sequence[tuple[DocumentHit, tuple[Margins, ...]]],
        where: Filter | None,
        *,
        torn: int = 0,
    ) -> Unhighlighted:
        options, question = self._options, page.ranking.question
        facets = count_facets(self._collection, options.facets, where)
        if facets:
            self._clock.lap("facets")
        result = SearchResult(
            query=options.query,
            hits=tuple(hit for hit, _ in hits),
            next_cursor=self._next(page),
            facets=facets,
            answerable=self._searcher.answerable(page.ranking),
            warnings=(
                *_question_warnings(question),
                *self._rerank_warnings,
                *self._page_warnings(page),
                *_torn_warnings(torn),
            ),
            meta=SearchMeta(
                snapshot=page.cursor.state.split()[0],
                encoder=self._searcher.encoder_name,
                profile=self._searcher.label,
                candidates=page.ranking.counts,
                offset_unit=options.offset_unit,
                effective_filter=effective_filter(options),
                usage=Usage(query_tokens=question.tokens, rerank_tokens=self._rerank_tokens),
                timing_ms=self._clock.times(),
            ),
        )
        return Unhighlighted(
            result=result,
            terms=tuple(dict.fromkeys(analyse_query(question.text, self._collection.languages))),
            languages=tuple(entry.language for entry in page.entries),
            margins=tuple(margins for _, margins in hits),
        )

    def _hits(self, page: Page) -> list[tuple[DocumentHit, tuple[Margins, ...]]]:
        """Return the documents of a page, and what stands beside the evidence of each."""
        options, ranking = self._options, page.ranking
        self._clock.lap("fuse")
        found = find_evidence(
            self._collection,
            self._scorer_of(ranking),
            page.entries,
            options.evidence,
            unit=options.offset_unit,
            profile=self._searcher.profile,
        )
        self._clock.lap("evidence")
        relevance = self._searcher.relevance(ranking)
        explained = options.explain
        terms = matched_terms(self._collection, ranking.question, page.entries) if explained else ()
        hits = (
            DocumentHit(
                rank=page.cursor.offset + place + 1,
                score=float(ranking.total[position]),
                relevance=None if relevance is None else float(relevance[position]),
                document=document_info(entry, options.fields),
                evidence=tuple(evidence for evidence, _ in found[place]),
                evidence_total=entry.segments,
                explain=ranking.explain(position, terms[place]) if explained else None,
                group=group_of(entry, options.group_by) if options.group_by else None,
                repeated_by=tuple(
                    ranking.entries[other].doc_id for other in ranking.repeated.get(position, ())
                ),
            )
            for place, (position, entry) in enumerate(zip(page.positions, page.entries, strict=True))
        )
        return [(hit, tuple(margins for _, margins in own)) for hit, own in zip(hits, found, strict=True)]

    def _scorer_of(self, ranking: Ranking) -> Scorer:
        return self._scorer or self._searcher.scorer(ranking.question)

    def _next(self, page: Page) -> str | None:
        offset = page.cursor.offset + self._options.limit
        if offset >= len(page.visible):
            return None
        self._searcher.memory.rankings.put(_name(page.cursor), page.ranking)
        return replace(page.cursor, offset=offset).write()

    def _page_warnings(self, page: Page) -> list[Warned]:
        warnings = []
        if page.changed:
            detail = f"{page.changed} documents of this page were changed or deleted since the first page"
            warnings.append(Warned(code="changed_since", detail=detail))
        last = page.cursor.offset + self._options.limit >= len(page.visible)
        if last and page.cursor.offset and not page.ranking.counts.exhausted:
            detail = (
                f"the pages end with the {len(page.visible)} candidates; more documents match the filter. "
                "Narrow the query, or ask for a larger first page"
            )
            warnings.append(Warned(code="candidates_end", detail=detail))
        return warnings


def _whole_page(ranking: Ranking, cursor: Cursor, searcher: Searcher, options: SearchOptions) -> Page:
    """Cut the first page out of a ranking, its documents as they were ranked."""
    visible = searcher.visible(options, ranking)
    positions = visible[cursor.offset : cursor.offset + options.limit]
    entries = tuple(ranking.entries[position] for position in positions)
    return Page(ranking, cursor, visible, positions, entries, 0)


def _torn_warnings(torn: int) -> list[Warned]:
    if not torn:
        return []
    detail = (
        f"{torn} documents changed faster than they could be read: their scores may be of one version "
        "and what is shown of another"
    )
    return [Warned(code="changing", detail=detail)]


def _question_warnings(question: Question) -> list[Warned]:
    warnings = []
    if not question.lexical.indices:
        warnings.append(
            Warned(code="no_terms", detail="no word of the query can be looked up; cosine alone ranked")
        )
    if not np.any(question.dense):
        warnings.append(Warned(code="no_tokens", detail="the encoder knows no token of the query"))
    return warnings


def _name(cursor: Cursor) -> str:
    return f"{cursor.search} {cursor.state} {cursor.depth}"


class Clock:
    """Milliseconds per stage; a stage that runs twice adds up."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.perf_counter()
        self._laps[stage] = self._laps.get(stage, 0.0) + 1000 * (now - self._last)
        self._last = now

    def times(self) -> dict[str, float]:
        """Return the milliseconds of each stage and in total."""
        return {**self._laps, "total": 1000 * (time.perf_counter() - self._started)}
