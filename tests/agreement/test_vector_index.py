"""Every engine does what the plain definitions say."""

from __future__ import annotations

import math
import os
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.errors import InvalidInputError
from indexers.errors import DiskSpaceError
from indexers.filters import And, equals, matches, parse_filter
from indexers.identifiers import document_point
from indexers.lexical import Bm25, analyse, count_terms, query_vector, weigh
from indexers.qdrant_edge_index import EdgeIndex
from indexers.types import IndexSchema, Point, SparseVector, VectorQuery
from tests.indexes import KINDS, opener

CASES = int(os.environ.get("LONGDOC_CASES", "15"))
SCHEMA = IndexSchema(dense={"dense": 8}, sparse=("lexical",), keywords=("kind",))
VALUES = [1, 2, 2.5, 1.0, -3, True, False, "a", "ab", "b", None, [], ["a", 1], [True], [2.5, "b"]]
VALUES += ["2021-01-01", "2021-05-01T00:00:00Z", "2021-05-01T02:00:00+02:00", 2**53 + 1, 2**60]
ANY = frozenset({"string", "number", "boolean"})
FIELDS = {f"metadata.{name}": ANY for name in ("x", "y", "n.k")}


def random_payloads(count, seed):
    choose = random.Random(seed)
    for _ in range(count):
        metadata = {name: choose.choice(VALUES) for name in "xy" if choose.random() < 0.7}
        if choose.random() < 0.7:
            metadata["z"] = choose.choice([1, 2, 2.5, 1.0, -3, True, [2.5, 1], 2**53 + 1, 2**60])
        if choose.random() < 0.4:
            metadata["n"] = {"k": choose.choice(VALUES)}
        yield {"kind": choose.choice(["segment", "document"]), "metadata": metadata}


@pytest.fixture(params=KINDS)
def open_index(request, tmp_path):
    with opener(request.param, tmp_path) as opened:
        yield lambda: opened(SCHEMA)


@pytest.fixture(scope="module", params=KINDS)
def stocked(request, tmp_path_factory):
    with opener(request.param, tmp_path_factory.mktemp("index")) as opened:
        yield from stock(opened(SCHEMA))


def stock(index):
    rng = np.random.default_rng(7)
    payloads = {document_point(str(n)): payload for n, payload in enumerate(random_payloads(150, seed=1))}
    vectors = {key: rng.standard_normal(8) for key in payloads}
    for name, kind in (("x", "string"), ("z", "number"), ("n.k", "boolean")):
        index.index_field(f"metadata.{name}", kind)
    index.upsert(
        [
            Point(id=key, vectors={"dense": vectors[key].tolist()}, payload=payload)
            for key, payload in payloads.items()
        ]
    )
    yield index, payloads, vectors
    index.close()


scalars = st.sampled_from([value for value in VALUES if value is not None and not isinstance(value, list)])
comparisons = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne"]), st.one_of(scalars, st.none())),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(scalars, max_size=3)),
    st.tuples(
        st.sampled_from(["$gt", "$gte", "$lt", "$lte"]),
        st.sampled_from([1, 2, 2.5, -3, "2021-01-01", "2021-05-01T00:00:00Z"]),
    ),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.just("$prefix"), st.sampled_from(["a", "b", "2021"])),
)
conditions = st.builds(
    lambda field, pair: {field: dict([pair])}, st.sampled_from(sorted(FIELDS)), comparisons
)
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"$and": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"$or": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=CASES, deadline=None)
@given(source=filters)
def test_a_filter_finds_exactly_what_plain_evaluation_finds(stocked, source):
    index, payloads, _ = stocked
    where = parse_filter(source, fields=FIELDS)
    expected = sorted(key for key, payload in payloads.items() if matches(where, payload, point_id=key))
    assert [record.id for record in index.scroll(where, payload=())] == expected
    assert index.count(where) == len(expected)


@pytest.mark.parametrize("operator", ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"])
def test_a_field_of_numbers_is_found_by_them_and_not_by_booleans(stocked, operator):
    index, payloads, _ = stocked
    fields = {"metadata.z": frozenset({"number", "boolean"})}
    numbers = [1, 2.5, 2, -3, 2**60]
    operands = {"$in": [numbers, [True], []], "$nin": [numbers[:2], [True]], "$exists": [True, False]}
    operands |= {"$eq": [*numbers, True, None], "$ne": [*numbers, False, None]}
    for operand in operands.get(operator, numbers):
        where = parse_filter({"metadata.z": {operator: operand}}, fields=fields)
        expected = sorted(key for key, payload in payloads.items() if matches(where, payload, point_id=key))
        assert [record.id for record in index.scroll(where, payload=())] == expected, operand


def test_filtered_dense_search_equals_brute_force(stocked):
    index, payloads, vectors = stocked
    where = equals("kind", "segment")
    query = np.arange(8, dtype=np.float64) - 3
    cosine = {
        key: float(query @ vector / np.linalg.norm(query) / np.linalg.norm(vector))
        for key, vector in vectors.items()
        if payloads[key]["kind"] == "segment"
    }
    [hits] = index.query([VectorQuery(vector=query.tolist(), using="dense", limit=20, filter=where)])
    best = sorted(cosine, key=lambda key: -cosine[key])[:20]
    assert [hit.id for hit in hits] == best
    assert [hit.score for hit in hits] == pytest.approx([cosine[key] for key in best], abs=1e-6)


def test_stored_weights_with_the_engines_idf_give_bm25(open_index):
    texts = [
        "the lock is held by one process",
        "a process waits for the lock and waits again, lock after lock",
        "bread rises for an hour",
        "the sea",
    ]
    counts = [count_terms(text) for text in texts]
    average = sum(count.total() for count in counts) / len(texts)
    bm25 = Bm25()
    index = open_index()
    index.upsert(
        [
            Point(
                id=document_point(text),
                vectors={"lexical": weigh(count, average=average, bm25=bm25)},
                payload={},
            )
            for text, count in zip(texts, counts, strict=True)
        ]
    )
    index.upsert([Point(id=document_point("no words"), vectors={"dense": [1.0] * 8}, payload={})])
    query = "who waits for the lock lock"
    [hits] = index.query([VectorQuery(vector=query_vector(analyse(query)), using="lexical", limit=9)])
    expected = {}
    for text in texts:
        terms = analyse(text)
        score = 0.0
        for term in analyse(query):
            holders = sum(term in analyse(other) for other in texts)
            idf = math.log(1 + (len(texts) - holders + 0.5) / (holders + 0.5))
            frequency = terms.count(term)
            saturation = 1.2 * (0.25 + 0.75 * len(terms) / average)
            score += idf * frequency * 2.2 / (frequency + saturation)
        if score:
            expected[document_point(text)] = score
    assert {hit.id: hit.score for hit in hits} == pytest.approx(expected, rel=1e-5)
    index.close()


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({"other": [1.0] * 8}, "no vector is called 'other'; known: dense, lexical"),
        ({"dense": [1.0] * 7}, "dense has 8 dimensions, got a vector of 7"),
        ({"dense": [0.0] * 8}, "not all zero"),
        ({"dense": [math.nan] * 8}, "finite"),
        ({"lexical": SparseVector((1, 1), (1.0, 2.0))}, "no index twice"),
        ({"lexical": SparseVector((1,), (math.inf,))}, "finite"),
    ],
)
def test_a_vector_that_the_engine_would_half_accept_is_refused_before_it(open_index, vectors, message):
    index = open_index()
    good = Point(id=document_point("1"), vectors={"dense": [1.0] * 8}, payload={"n": 1})
    index.upsert([good])
    with pytest.raises(InvalidInputError, match=message):
        index.upsert([Point(id=document_point("1"), vectors=vectors, payload={"n": 2})])
    index.close()
    again = open_index()
    assert [record.payload for record in again.retrieve([good.id], vectors=("dense",))] == [{"n": 1}]
    again.close()


def test_too_little_disk_is_an_error_before_anything_is_written(tmp_path, monkeypatch):
    index = EdgeIndex(tmp_path / "shard", SCHEMA)
    monkeypatch.setattr("indexers.guards.SPARE_BYTES", 1 << 60)
    with pytest.raises(DiskSpaceError, match="nothing was written"):
        index.upsert([Point(id=document_point("1"), vectors={"dense": [1.0] * 8}, payload={})])
    assert index.count() == 0
    monkeypatch.undo()
    index.close()


def test_points_are_retrieved_in_the_order_asked_and_missing_ones_left_out(stocked):
    index, payloads, _ = stocked
    keys = list(payloads)[:3]
    asked = [keys[2], document_point("nowhere"), keys[0]]
    assert [record.id for record in index.retrieve(asked)] == [keys[2], keys[0]]


def test_facets_count_points_per_value(stocked):
    index, payloads, _ = stocked
    counted = {
        kind: sum(one["kind"] == kind for one in payloads.values()) for kind in ("segment", "document")
    }
    assert index.facet("kind") == counted
    assert index.facet("kind", And((equals("kind", "segment"),))) == {"segment": counted["segment"]}


def test_points_that_were_replaced_or_deleted_do_not_count_in_the_idf_of_a_corpus(open_index):
    index = open_index()

    def point(key, term):
        vectors = {"lexical": SparseVector((term, 9), (1.0, 1.0))}
        return Point(id=document_point(key), vectors=vectors, payload={"kind": "document"})

    index.upsert([point(str(n), 1) for n in range(20)])
    index.upsert([point(str(n), 2) for n in range(15)])
    index.delete([document_point("19")])
    ask = SparseVector((1,), (1.0,))
    query = VectorQuery(vector=ask, using="lexical", limit=30, corpus=equals("kind", "document"))
    [hits] = index.query([query])
    holders, total = 4, 19
    idf = math.log(1 + (total - holders + 0.5) / (holders + 0.5))
    assert [hit.score for hit in hits] == pytest.approx([idf] * holders, rel=1e-5)
    index.close()


def test_changed_payloads_are_merged_and_missing_points_left_out(open_index):
    index = open_index()
    index.upsert([Point(id=document_point("1"), vectors={}, payload={"kind": "a", "n": 1})])
    index.set_payload([document_point("1"), document_point("2")], {"n": 2, "m": [1.5]})
    assert [record.payload for record in index.scroll(None)] == [{"kind": "a", "n": 2, "m": [1.5]}]
    index.delete_where(equals("kind", "b"))
    assert index.count() == 1
    index.delete_where(equals("kind", "a"))
    assert index.count() == 0
    index.close()
