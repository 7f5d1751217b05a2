"""The LangChain retriever and compressor within LangChain's own machinery."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from encoders.errors import InvalidInputError
from indexers.errors import UnknownFieldError
from retriever import AsyncRetriever
from retriever.adapters.langchain import LongdocCompressor, LongdocRetriever


def test_invoke_gives_the_evidence_of_the_search_in_its_order(filled):
    found = LongdocRetriever(retriever=filled, limit=3, evidence=2).invoke("knead the dough and bake bread")
    hits = filled.search("knead the dough and bake bread", limit=3, evidence=2)
    assert [(one.id, one.page_content) for one in found] == [
        (span.id, span.text) for hit in hits for span in hit.evidence
    ]
    first = found[0].metadata
    assert filled.text(first["document_id"], first["start"], first["end"]) == found[0].page_content
    assert (first["document_id"], first["version"], first["rank"]) == ("bread", 1, 1)


def test_pages_lines_and_headings_are_in_the_metadata_and_what_is_unknown_is_not(filled):
    [best] = LongdocRetriever(retriever=filled, limit=1, evidence=1).invoke("give notice in writing")
    assert (best.metadata["heading"], best.metadata["page"], best.metadata["page_end"]) == (
        "Lease > Notice",
        2,
        2,
    )
    assert (best.metadata["title"], best.metadata["source"]) == ("Lease", "/lease.pdf")
    assert best.metadata["line"] <= 6 <= best.metadata["line_end"]
    assert not {"speaker", "sheet", "slide", "relevance"} & best.metadata.keys()


def test_a_documents_own_metadata_keeps_its_names_unless_they_are_ours(filled):
    [found] = LongdocRetriever(retriever=filled, limit=1, evidence=1).invoke("a text with metadata of ours")
    assert (found.metadata["year"], found.metadata["metadata.title"]) == (2021, "mine")
    assert found.metadata["title"] != "mine"


def test_async_methods_work_over_both_kinds_of_retriever(filled):
    expected = LongdocRetriever(retriever=filled).invoke("the tide rises")

    async def main():
        for source in (filled, AsyncRetriever(filled)):
            assert await LongdocRetriever(retriever=source).ainvoke("the tide rises") == expected
        assert await LongdocRetriever(retriever=filled).abatch(["the tide rises"] * 2) == [expected] * 2

    asyncio.run(main())
    with pytest.raises(InvalidInputError, match="AsyncRetriever can only be awaited"):
        LongdocRetriever(retriever=AsyncRetriever(filled)).invoke("the tide rises")


def test_options_come_from_the_retriever_from_search_kwargs_and_from_the_call(filled):
    where = {"source": "/lease.pdf"}
    adapter = LongdocRetriever(retriever=filled, evidence=1, where=where, search_kwargs={"evidence": 2})
    assert [one.metadata["document_id"] for one in adapter.invoke("grade")] == ["lease.pdf"] * 2
    assert len(adapter.invoke("bread", filter=None, limit=3, evidence=1)) == 3


def test_the_sources_of_a_context_fit_the_budget_and_are_exact(filled):
    adapter = LongdocRetriever(retriever=filled, max_tokens=400, where={"metadata.length": {"$gt": 0}})
    found = adapter.invoke("knead the dough and bake bread")
    made = filled.context(
        "knead the dough and bake bread",
        max_tokens=400,
        template="{text}",
        search={"limit": 5, "evidence": 2, "filter": {"metadata.length": {"$gt": 0}}},
    )
    assert made.tokens.used <= 400
    assert [one.metadata["evidence_id"] for one in found] == [one.evidence[0].id for one in made.citations]
    for one in found:
        about = one.metadata
        assert filled.text(about["document_id"], about["start"], about["end"]).strip() in one.page_content
    assert found[0].metadata["rank"] == 1
    later = LongdocRetriever(retriever=AsyncRetriever(filled), max_tokens=400, where=adapter.where)
    assert asyncio.run(later.ainvoke("knead the dough and bake bread")) == found


def test_our_errors_pass_and_callbacks_hear_of_them(filled):
    heard = []

    class Listener(BaseCallbackHandler):
        def on_retriever_start(self, serialized, query, **_):
            heard.append(query)

        def on_retriever_error(self, error, **_):
            heard.append(type(error))

    adapter = LongdocRetriever(retriever=filled, where={"metadata.lenght": 3})
    with pytest.raises(UnknownFieldError, match="known fields"):
        adapter.invoke("bread", config={"callbacks": [Listener()]})
    assert heard == ["bread", UnknownFieldError]


def test_it_stands_in_a_chain(filled):
    chain = (
        {"found": LongdocRetriever(retriever=filled, limit=1, evidence=1), "question": RunnablePassthrough()}
        | RunnableLambda(lambda given: f"{given['question']}: {given['found'][0].metadata['document_id']}")
    )  # fmt: skip
    assert chain.invoke("bake bread in the oven") == "bake bread in the oven: bread"


def test_the_compressor_puts_the_models_best_first(reranker):
    texts = ["of grade 2", "of grade 9", "of grade 5"]
    given = [Document(page_content=text, id=text, metadata={"kept": True}) for text in texts]
    got = LongdocCompressor(reranker=reranker, top_n=2).compress_documents(given, "which grade?")
    assert [one.id for one in got] == ["of grade 9", "of grade 5"]
    assert got[0].metadata == {"kept": True, "relevance_score": 1.0, "rerank_status": "ok"}
    assert given[1].metadata == {"kept": True}
    later = asyncio.run(
        LongdocCompressor(reranker=reranker, top_n=2).acompress_documents(given, "which grade?")
    )
    assert later == got


def test_the_compressor_says_when_the_order_is_not_the_models(broken_reranker):
    given = [Document(page_content="one"), Document(page_content="two")]
    got = LongdocCompressor(reranker=broken_reranker).compress_documents(given, "which grade?")
    assert [one.page_content for one in got] == ["one", "two"]
    assert {one.metadata["rerank_status"] for one in got} == {"fallback"}


def test_the_compressor_of_nothing_is_nothing(reranker):
    assert LongdocCompressor(reranker=reranker).compress_documents([], "which grade?") == []
