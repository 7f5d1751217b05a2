"""The LlamaIndex retriever and postprocessor within LlamaIndex's own machinery."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from encoders.errors import InvalidInputError
from retriever import AsyncRetriever
from retriever.adapters.llama_index import LongdocRerank, LongdocRetriever


def test_nodes_hold_the_evidence_with_its_offsets_and_its_document(filled):
    nodes = LongdocRetriever(filled, limit=3, evidence=2).retrieve("knead the dough and bake bread")
    hits = filled.search("knead the dough and bake bread", limit=3, evidence=2)
    assert [(one.node_id, one.text, one.score) for one in nodes] == [
        (span.id, span.text, hit.score) for hit in hits for span in hit.evidence
    ]
    best = nodes[0].node
    assert filled.text(best.ref_doc_id, best.start_char_idx, best.end_char_idx) == best.text
    assert best.source_node.metadata == {"version": 1}


def test_a_model_is_shown_the_heading_and_no_offsets(filled):
    [best] = LongdocRetriever(filled, limit=1, evidence=1).retrieve("give notice in writing")
    shown = best.node.get_content(metadata_mode=MetadataMode.LLM)
    assert "heading: Lease > Notice" in shown
    assert "evidence_id" not in shown
    assert best.metadata["page"] == 2


def test_aretrieve_works_over_both_kinds_of_retriever(filled):
    expected = LongdocRetriever(filled).retrieve("the tide rises")

    async def main():
        for source in (filled, AsyncRetriever(filled)):
            assert await LongdocRetriever(source).aretrieve("the tide rises") == expected

    asyncio.run(main())


def test_filters_and_further_options_reach_the_search(filled):
    adapter = LongdocRetriever(filled, where={"source": "/lease.pdf"}, search_kwargs={"evidence": 1})
    [only] = adapter.retrieve("bread")
    assert only.metadata["document_id"] == "lease.pdf"


def test_the_sources_of_a_context_are_nodes_with_offsets(filled):
    nodes = LongdocRetriever(filled, max_tokens=300).retrieve("knead the dough and bake bread")
    best = nodes[0].node
    assert filled.text(best.ref_doc_id, best.start_char_idx, best.end_char_idx).strip() in best.text
    assert nodes[0].score == 1.0


def test_a_query_engine_reranks_and_answers_from_the_nodes(filled, reranker):
    engine = RetrieverQueryEngine(
        LongdocRetriever(filled, evidence=9, where={"source": {"$prefix": "/"}}),
        response_synthesizer=get_response_synthesizer(llm=MockLLM()),
        node_postprocessors=[LongdocRerank(reranker=reranker, top_n=1)],
    )
    answer = engine.query("which grade?")
    [source] = answer.source_nodes
    assert "grade 7" in source.text
    assert (source.score, source.metadata["rerank_status"]) == (1.0, "ok")
    assert source.text.strip() in str(answer)


def test_reranked_nodes_keep_the_score_of_the_retrieval(reranker):
    given = [NodeWithScore(node=TextNode(text=f"of grade {grade}"), score=0.5) for grade in (2, 9)]
    got = LongdocRerank(reranker=reranker).postprocess_nodes(given, query_str="which grade?")
    assert [one.text for one in got] == ["of grade 9", "of grade 2"]
    assert [one.metadata["retrieval_score"] for one in got] == [0.5, 0.5]
    assert given[0].metadata == {}
    assert "rerank_status" not in got[0].node.get_content(metadata_mode=MetadataMode.LLM)


def test_reranking_without_a_query_is_an_error(reranker):
    with pytest.raises(InvalidInputError, match="needs the query"):
        LongdocRerank(reranker=reranker).postprocess_nodes([NodeWithScore(node=TextNode(text="x"))])
