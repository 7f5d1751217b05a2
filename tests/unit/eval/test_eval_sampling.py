from __future__ import annotations

import pytest

from encoders.types import Document, Span
from eval.errors import DataError
from eval.sampling import half, sample
from eval.types import Dataset, GoldSpan, Query


def make(*origins: str, count: int = 60) -> Dataset:
    queries = tuple(
        Query(id=f"{origin}/{n}", text="?", origin=origin, local_id=str(n))
        for origin in origins
        for n in range(count)
    )
    return Dataset(
        name="+".join(origins),
        origins=origins,
        documents=(Document(id="d", text="text"),),
        queries=queries,
        qrels={query.id: {"d": 1} for query in queries},
        spans={query.id: (GoldSpan(doc_id="d", span=Span(0, 1)),) for query in queries},
    )


def ids(dataset: Dataset) -> list[str]:
    return [query.id for query in dataset.queries]


def test_the_two_halves_share_no_query_and_lose_none():
    whole = make("x", "y")
    a, b = ids(half(whole, "a")), ids(half(whole, "b"))
    assert sorted(a + b) == sorted(ids(whole))
    assert 30 < len(a) < 90


def test_a_query_stays_in_its_half_whatever_stands_beside_it():
    alone, merged = half(make("x"), "a"), half(make("y", "x"), "a")
    assert ids(alone) == [one for one in ids(merged) if one.startswith("x/")]


def test_a_sample_takes_so_many_of_every_set_and_grows_by_adding():
    whole = make("x", "y")
    small, large = ids(sample(whole, 5)), ids(sample(whole, 9))
    assert [one[0] for one in small] == ["x"] * 5 + ["y"] * 5
    assert set(small) < set(large)
    assert small != ids(whole)[:5] + ids(whole)[60:65]


def test_judgements_and_spans_follow_the_queries_and_documents_stay():
    part = sample(make("x"), 3)
    assert set(part.qrels) == set(part.spans) == set(ids(part))
    assert len(part.documents) == 1


def test_a_sample_larger_than_the_set_is_the_set():
    assert ids(sample(make("x"), 1000)) == ids(make("x"))


def test_an_empty_sample_is_refused():
    with pytest.raises(DataError, match="at least one query, got 0"):
        sample(make("x"), 0)
