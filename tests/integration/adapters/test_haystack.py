"""The Haystack components within Haystack's own machinery."""

from __future__ import annotations

import asyncio
import os

import pytest
from haystack import Document, Pipeline
from haystack.core.errors import SerializationError

from encoders.errors import InvalidInputError
from indexers.filters import matches, parse_filter
from retriever import AsyncRetriever, Client, Retriever
from retriever.adapters.haystack import LongdocRanker, LongdocRetriever
from retriever.adapters.haystack_filters import mongo_filter
from tests.live import serving
from tests.support import stop_owner


def test_nothing_is_reported_to_anyone():
    import haystack.telemetry._telemetry as telemetry

    assert os.environ["HAYSTACK_TELEMETRY_ENABLED"] == "False"
    assert telemetry.telemetry is None


def test_documents_hold_the_evidence_with_its_place(filled):
    found = LongdocRetriever(filled, top_k=3).run("knead the dough and bake bread")["documents"]
    hits = filled.search("knead the dough and bake bread", limit=3, evidence=2)
    assert [(one.id, one.content, one.score) for one in found] == [
        (span.id, span.text, hit.score) for hit in hits for span in hit.evidence
    ]
    meta = found[0].meta
    assert filled.text(meta["document_id"], meta["start"], meta["end"]) == found[0].content
    [notice] = LongdocRetriever(filled, top_k=1, evidence=1).run("give notice in writing")["documents"]
    assert notice.meta["heading"] == "Lease > Notice"


def test_the_sources_of_a_context_are_documents(filled):
    component = LongdocRetriever(filled, max_tokens=300)
    found = component.run("knead the dough and bake bread")["documents"]
    search = {"limit": 5, "evidence": 2}
    made = filled.context("knead the dough and bake bread", max_tokens=300, template="{text}", search=search)
    assert [one.id for one in found] == [one.evidence[0].id for one in made.citations] != []
    assert sum(one.meta["tokens"] for one in found) <= 300
    assert found[0].score == 1.0


def test_a_pipeline_retrieves_and_ranks(filled, reranker):
    pipeline = Pipeline()
    pipeline.add_component(
        "retriever", LongdocRetriever(filled, evidence=9, filters={"source": "/lease.pdf"})
    )
    pipeline.add_component("ranker", LongdocRanker(reranker=reranker, top_k=1))
    pipeline.connect("retriever.documents", "ranker.documents")
    question = {"query": "which grade?"}
    [best] = pipeline.run({"retriever": question, "ranker": question})["ranker"]["documents"]
    assert "grade 7" in best.content
    assert (best.score, best.meta["rerank_status"]) == (1.0, "ok")
    assert best.meta["retrieval_score"] == best.meta["score"]


def test_the_components_run_in_a_pipeline_that_is_awaited(filled):
    async def main():
        for source in (filled, AsyncRetriever(filled)):
            component = LongdocRetriever(source)
            expected = LongdocRetriever(filled).run("the tide rises")
            assert await component.run_async("the tide rises") == expected
        pipeline = Pipeline()
        pipeline.add_component("retriever", LongdocRetriever(filled))
        found = await pipeline.run_async({"retriever": {"query": "the tide rises"}})
        assert found["retriever"] == expected

    asyncio.run(main())


def test_a_saved_pipeline_is_loaded_and_finds_the_same(store_path, topics):
    with Retriever.open(store_path, collection="four", encoder="hash:32") as opened:
        opened.add(topics)
    pipeline = Pipeline()
    made = LongdocRetriever(store=str(store_path), collection="four", encoder="hash:32", top_k=2)
    pipeline.add_component("retriever", made)
    pipeline.add_component("ranker", LongdocRanker("m", url="http://127.0.0.1:9/v1", top_k=3))
    pipeline.connect("retriever.documents", "ranker.documents")
    loaded = Pipeline.loads(pipeline.dumps(), allowed_modules=["retriever.*"])
    assert loaded.to_dict() == pipeline.to_dict()
    again = loaded.get_component("retriever")
    try:
        assert again.run("bake bread")["documents"] == made.run("bake bread")["documents"] != []
    finally:
        again.close()
        made.close()
        stop_owner(store_path)


def test_what_cannot_be_saved_says_so(filled, reranker):
    with pytest.raises(SerializationError, match="store="):
        LongdocRetriever(filled).to_dict()
    with pytest.raises(SerializationError, match="model="):
        LongdocRanker(reranker=reranker).to_dict()
    with pytest.raises(InvalidInputError, match="one of the three"):
        LongdocRetriever()


def test_a_saved_pipeline_asks_a_service_with_the_key_of_its_environment(tmp_path, topics, monkeypatch):
    with serving(tmp_path / "store", require_key=True) as app:
        _, key = app.state.service.keys.create("any", {"four": "write"})
        monkeypatch.setenv("LONGDOC_API_KEY", key)
        with Client(app.state.url, collection="four") as client:
            client.add(topics)
        made = LongdocRetriever(url=app.state.url, collection="four", top_k=2)
        assert key not in str(made.to_dict())
        again = LongdocRetriever.from_dict(made.to_dict())
        found = again.run("bake bread")["documents"]
        assert found == made.run("bake bread")["documents"] != []
        for component in (made, again):
            component.close()


def test_filters_of_a_run_take_the_place_of_the_components(filled):
    component = LongdocRetriever(filled, filters={"metadata.year": 2021})

    def ids(**given):
        return {one.meta["document_id"] for one in component.run("bread", **given)["documents"]}

    assert ids() == {"named"}
    other = {"field": "meta.length", "operator": ">", "value": 1}
    assert "named" not in {
        one.meta["document_id"] for one in component.run("bread", filters=other)["documents"]
    }


HAYSTACK = {
    "operator": "AND",
    "conditions": [
        {"operator": "OR", "conditions": [
            {"field": "meta.year", "operator": ">=", "value": 2020},
            {"field": "meta.kind", "operator": "in", "value": ["a", "b"]},
        ]},
        {"operator": "NOT", "conditions": [
            {"field": "meta.kind", "operator": "==", "value": "a"},
            {"field": "meta.year", "operator": "<", "value": 2000},
        ]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["a", "b", "c"])
@pytest.mark.parametrize("year", [1999, 2019, 2020])
def test_a_filter_means_the_same_as_in_haystack(kind, year):
    from haystack.utils.filters import document_matches_filter

    fields = {"metadata.year": frozenset({"number"}), "metadata.kind": frozenset({"string"})}
    expected = document_matches_filter(HAYSTACK, Document(content="x", meta={"year": year, "kind": kind}))
    ours = parse_filter(mongo_filter(HAYSTACK), fields=fields)
    assert matches(ours, {"metadata": {"year": year, "kind": kind}}) == expected


def test_a_filter_that_haystack_does_not_have_is_an_error():
    with pytest.raises(InvalidInputError, match="no operator '~'"):
        mongo_filter({"field": "meta.x", "operator": "~", "value": 1})
    with pytest.raises(InvalidInputError, match="field and value"):
        mongo_filter({"field": "meta.x", "operator": "=="})
    assert mongo_filter({"metadata.x": 1}) == {"metadata.x": 1}
    assert mongo_filter({}) is None


def test_the_ranker_says_when_the_order_is_not_the_models(broken_reranker):
    given = [Document(content="one", score=0.1), Document(content="two", score=0.2)]
    got = LongdocRanker(reranker=broken_reranker).run("which grade?", given)["documents"]
    assert [one.content for one in got] == ["one", "two"]
    assert {one.meta["rerank_status"] for one in got} == {"fallback"}
    with pytest.raises(InvalidInputError, match="has no text"):
        LongdocRanker(reranker=broken_reranker).run("which grade?", [Document(content=None)])
