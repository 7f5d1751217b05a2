"""The embedded engine and the server's semantics give the same points, scores and orders.

``LONGDOC_CASES`` sets how many random cases are tried.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexers.filters import all_of, equals, matches, parse_filter
from indexers.identifiers import document_point
from indexers.types import IndexSchema, Point, SparseVector, VectorQuery
from tests.agreement.test_vector_index import FIELDS, filters, random_payloads
from tests.indexes import KINDS, opener

CASES = int(os.environ.get("LONGDOC_CASES", "8"))
SCHEMA = IndexSchema(dense={"dense": 12}, sparse=("lexical",), keywords=("kind",), integers=("revision",))
REMOTE = [kind for kind in KINDS if kind != "edge"]
POINTS = 90


class Pair(tuple):
    """Both engines, and the points that they should have; named shortly in reports."""

    __slots__ = ()

    def __repr__(self):
        return "both engines"


@pytest.fixture(scope="module", params=REMOTE)
def pair(request, tmp_path_factory):
    """Both engines with the same points, and those points in a dictionary."""
    with (
        opener("edge", tmp_path_factory.mktemp("edge")) as edge,
        opener(request.param, tmp_path_factory.mktemp("remote")) as remote,
    ):
        both = edge(SCHEMA), remote(SCHEMA)
        stored = {}
        change(both, stored, [*range(POINTS)], seed=5)
        yield Pair((both, stored))
        for index in both:
            index.close()


def change(both, stored, numbers, *, seed):
    """Write points of these numbers anew."""
    choose = random.Random(seed)
    vectors = np.random.default_rng(seed)
    points = []
    for number, payload in zip(numbers, random_payloads(len(numbers), seed=seed), strict=True):
        named = {}
        if choose.random() < 0.9:
            named["dense"] = vectors.standard_normal(12).tolist()
        if choose.random() < 0.9:
            terms = choose.sample(range(15), choose.randint(1, 6))
            named["lexical"] = SparseVector(tuple(terms), tuple(choose.uniform(0.2, 2) for _ in terms))
        payload = {**payload, "revision": seed}
        points.append(Point(id=document_point(str(number)), vectors=named, payload=payload))
    for index in both:
        index.upsert(points)
    stored.update({point.id: point for point in points})


def remove(both, stored, numbers):
    keys = [document_point(str(number)) for number in numbers]
    for index in both:
        index.delete(keys)
    for key in keys:
        stored.pop(key, None)


def assert_same_hits(left, right):
    """Scores agree, and the order of what does not tie."""
    assert [hit.score for hit in left] == pytest.approx([hit.score for hit in right], abs=2e-5, rel=1e-5)
    last = left[-1].score if left else 0.0
    apart = [
        {hit.id for hit in hits if hit.score > last + 1e-4}
        for hits in (left, right)
    ]  # fmt: skip
    assert apart[0] == apart[1]


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    source=filters,
    corpus=filters,
    seed=st.integers(0, 1 << 30),
    numbers=st.lists(st.integers(0, POINTS - 1), max_size=4, unique=True),
    removed=st.lists(st.integers(0, POINTS - 1), max_size=3),
)
def test_both_engines_answer_alike_whatever_was_written_and_asked(
    pair, source, corpus, seed, numbers, removed
):
    both, stored = pair
    if removed:
        remove(both, stored, removed)
    if numbers:
        change(both, stored, numbers, seed=seed)
    where = parse_filter(source, fields=FIELDS)
    expected = sorted(key for key, one in stored.items() if matches(where, one.payload, point_id=key))
    choose = random.Random(seed)
    dense = np.random.default_rng(seed).standard_normal(12).tolist()
    terms = choose.sample(range(15), 3)
    lexical = SparseVector(tuple(terms), (1.0, 2.0, 1.0))
    population = all_of(equals("kind", "document"), parse_filter(corpus, fields=FIELDS))
    queries = [
        VectorQuery(vector=dense, using="dense", limit=choose.randint(1, 30), filter=where, exact=True),
        VectorQuery(vector=lexical, using="lexical", limit=POINTS, filter=where, corpus=population),
    ]
    edge, remote = both
    for index in both:
        assert [record.id for record in index.scroll(where, payload=())] == expected
        assert index.count(where) == len(expected)
    assert edge.facet("kind", where) == remote.facet("kind", where)
    for left, right in zip(edge.query(queries), remote.query(queries), strict=True):
        assert_same_hits(left, right)


def test_both_engines_return_points_as_written_up_to_the_last_bit_of_a_norm(pair):
    both, stored = pair
    names = ("dense", "lexical")
    edge, remote = ({record.id: record for record in index.scroll(None, vectors=names)} for index in both)
    assert edge.keys() == remote.keys() == stored.keys()
    for key, record in edge.items():
        assert remote[key].payload == record.payload == stored[key].payload
        assert remote[key].vectors.keys() == record.vectors.keys()
        assert remote[key].vectors.get("dense") == pytest.approx(record.vectors.get("dense"), abs=3e-7)
        mine, theirs = (by_id[key].vectors.get("lexical") for by_id in (edge, remote))
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert dict(zip(mine.indices, mine.values, strict=True)) == dict(
                zip(theirs.indices, theirs.values, strict=True)
            )
