"""Why a document is not in an answer, or where in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retriever.phrases import Phrase
from retriever.ranking import matched_terms
from retriever.selecting import allows
from retriever.types import DocumentExplanation, ListingStatus

if TYPE_CHECKING:
    from indexers.catalogue import Entry
    from retriever.options import SearchOptions
    from retriever.ranking import Ranking
    from retriever.searching import Searcher


def explain_document(searcher: Searcher, options: SearchOptions, doc_id: str) -> DocumentExplanation:
    """Say where a document stands in the answer to a search, and if nowhere, why."""
    collection = searcher.collection
    entry = collection.entries.get(doc_id)
    if entry is None:
        return DocumentExplanation(
            status="not_indexed", document_id=doc_id, reason="the collection has no such document"
        )
    if not allows(collection.parse_filter(None, mandatory=options.mandatory), entry):
        return DocumentExplanation(
            status="not_allowed", document_id=doc_id, reason="the mandatory filter forbids it"
        )
    if reason := _failing(searcher, options, entry):
        return DocumentExplanation(status="filtered", document_id=doc_id, reason=reason)
    return _placed(searcher, options, entry)


def _failing(searcher: Searcher, options: SearchOptions, entry: Entry) -> str:
    """Name the conditions that a document fails; empty when it fails none."""
    collection = searcher.collection
    parts = [{name: condition} for name, condition in (options.filter or {}).items()]
    failed = [str(part) for part in parts if not allows(collection.parse_filter(part), entry)]
    if failed:
        return "it does not match " + " and ".join(failed)
    missing = [
        phrase
        for phrase in options.must_contain
        if not searcher.memory.phrases.holds(collection, entry, [Phrase(phrase)])
    ]
    return f"its text does not contain {' and '.join(missing)}" if missing else ""


def _placed(searcher: Searcher, options: SearchOptions, entry: Entry) -> DocumentExplanation:
    question = searcher.ask(options.query, searcher.where(options))
    depth = searcher.depth(options)
    ranking = searcher.rank(question, depth)
    is_candidate = any(one.doc_id == entry.doc_id for one in ranking.entries)
    if not is_candidate:
        ranking = searcher.rank(question, depth, also=[entry.doc_id])
    by_score = ranking.order
    ranking = searcher.vary(ranking, options)
    visible = searcher.visible(options, ranking)
    position = next(place for place, one in enumerate(ranking.entries) if one.doc_id == entry.doc_id)
    rank = (visible if position in visible else by_score).index(position) + 1
    listed = visible[: options.limit]
    last = float(ranking.total[listed[-1]]) if listed else None
    [terms] = matched_terms(searcher.collection, question, [entry])
    candidates = ranking.counts.documents
    status: ListingStatus
    if not is_candidate:
        status = "not_candidate"
        reason = (
            f"neither its best segments nor its words put it among the {candidates - 1} candidates; "
            f"as a candidate it would be number {rank}"
        )
    elif position in listed:
        status, reason = "listed", f"it is number {rank} of {candidates} candidates"
    elif position in visible:
        status = "outranked"
        reason = f"it is number {rank} of {candidates} candidates, the answer has {len(listed)}"
    elif model := _repeats(ranking, position):
        status, reason = "outranked", f"it nearly repeats {model!r}, which is better; number {rank} of all"
    else:
        status, reason = "outranked", f"others of its group come first; it is number {rank} of all"
    return DocumentExplanation(
        status=status,
        document_id=entry.doc_id,
        reason=reason,
        rank=rank,
        score=float(ranking.total[position]),
        candidates=candidates,
        last_listed=last,
        explain=ranking.explain(position, terms),
    )


def _repeats(ranking: Ranking, position: int) -> str:
    """Return the id of the document that one was left out for; empty when it was not."""
    models = [model for model, others in ranking.repeated.items() if position in others]
    return ranking.entries[models[0]].doc_id if models else ""
