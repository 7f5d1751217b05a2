"""Feedback on answers: kept with the collection, replaced when given again, forgotten answers refused."""

from __future__ import annotations

import pytest

from indexers.errors import DocumentNotFoundError
from retriever import Retriever
from retriever.errors import AnswerNotKnownError
from retriever.feedback import AnswerMemory


def test_feedback_names_query_rank_and_version_and_survives_the_process(store_path, encoder, topics):
    with Retriever.open(store_path, encoder=encoder) as r:
        r.add(topics)
        found = r.search("the tide rises", limit=2, filter={"metadata.length": {"$gt": 0}})
        listed = found.hits[1].document.id
        said = r.feedback(found.meta.request_id, listed, useful=False)
        assert (said.query, said.rank, said.version, said.useful) == ("the tide rises", 2, 1, False)
        assert said.filter == {"metadata.length": {"$gt": 0}}
        missing = next(name for name in ("courts", "bread") if name not in {hit.document.id for hit in found})
        assert r.feedback(found.meta.request_id, missing).rank is None
    with Retriever.open(store_path, encoder=encoder) as later:
        assert [(one.document_id, one.useful) for one in later.judgements()] == [
            (listed, False),
            (missing, True),
        ]
        with pytest.raises(AnswerNotKnownError, match="is remembered"):
            later.feedback(found.meta.request_id, listed)


def test_judging_again_replaces(retriever, topics):
    retriever.add(topics)
    found = retriever.search("bread")
    retriever.feedback(found.meta.request_id, "bread")
    retriever.feedback(found.meta.request_id, "bread", useful=False)
    [said] = retriever.judgements()
    assert not said.useful


def test_a_document_that_is_not_there_or_not_allowed_cannot_be_judged(retriever, topics):
    retriever.add(topics)
    found = retriever.search("bread")
    with pytest.raises(DocumentNotFoundError):
        retriever.feedback(found.meta.request_id, "nothing")
    with pytest.raises(DocumentNotFoundError):
        retriever.feedback(found.meta.request_id, "bread", mandatory={"metadata.length": 0})
    assert retriever.judgements() == ()


def test_pages_of_one_search_are_continued_whatever_they_are_called(retriever, topics):
    retriever.add(topics)
    first = retriever.search("bread", limit=1)
    second = retriever.search("bread", limit=1, cursor=first.next_cursor)
    assert second.hits[0].rank == 2
    assert retriever.feedback(second.meta.request_id, second.hits[0].document.id).rank == 2


def test_only_the_last_answers_are_remembered(retriever, topics):
    retriever.add(topics)
    engine = retriever.engine.search.__self__  # that of the collection, behind the name
    memory = engine._answers = AnswerMemory(2)
    ids = [retriever.search("bread").meta.request_id for _ in range(3)]
    assert len(set(ids)) == 3
    with pytest.raises(AnswerNotKnownError):
        memory.judge(ids[0], "bread", useful=True, version=1)
    assert memory.judge(ids[2], "bread", useful=True, version=1).query == "bread"
