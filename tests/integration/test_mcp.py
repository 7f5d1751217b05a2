"""``longdoc mcp`` asked by the official client, over stdio, over HTTP and in process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from encoders.types import Document, Mark, Span
from retriever import Retriever
from retriever.mcp.server import build_server
from retriever.mcp.tools import Tools
from tests.support import stop_owner

COMMAND = (
    "from retriever.cli import longdoc, main; from retriever.mcp.commands import mcp; "
    "longdoc.add_command(mcp); main()"
)


@pytest.fixture
def filled(retriever, topics):
    retriever.add(topics)
    return retriever


def ask(server, *calls, **options):
    """Call tools one after the other; an answer is what the tool gave, or the message of its error."""

    async def main():
        async with Client(server, **options) as client:
            answers = []
            for name, arguments in calls:
                result = await client.call_tool(name, arguments)
                [content] = result.content
                if not result.is_error:
                    assert json.loads(content.text) == result.structured_content
                error = content.text.removeprefix(f"Error executing tool {name}: ")
                answers.append(error if result.is_error else result.structured_content)
            return answers

    return asyncio.run(main())


def tools(retriever, **options):
    return build_server(Tools(retriever, **options))


def test_search_answers_in_the_shape_of_connectors(filled):
    [answer] = ask(tools(filled), ("search", {"query": "knead the dough and bake bread"}))
    assert answer.keys() == {"results"}
    assert all(one.keys() == {"id", "title", "url"} for one in answer["results"])
    best = answer["results"][0]
    assert (best["title"], best["url"]) == ("bread", "longdoc:///default/bread")
    assert len(answer["results"]) == 4


def test_fetch_gives_the_words_that_search_found_in_the_shape_of_connectors(filled):
    [found] = ask(tools(filled), ("search", {"query": "knead the dough and bake bread"}))
    [page] = ask(tools(filled), ("fetch", {"id": found["results"][0]["id"]}))
    assert page.keys() == {"id", "title", "text", "url", "metadata"}
    where = page["metadata"]
    assert page["text"] == filled.text("bread", where["start"], where["end"])
    inside = page["text"][where["evidence_start"] - where["start"] : where["evidence_end"] - where["start"]]
    assert "bake the bread" in inside
    assert (where["document_id"], where["version"], where["status"]) == ("bread", 1, "current")


@pytest.mark.parametrize("size", [1, 700, 1_000_000])
def test_a_long_document_is_read_page_by_page_from_both_ends(retriever, size):
    text = "Ünïcode 🌊 and lines\n" * (1 if size == 1 else 200)
    retriever.add([Document(id="long#v1:0-9", text=text)])
    server = tools(retriever, page_chars=size)

    async def read(name, direction):
        async with Client(server) as client:
            pages = []
            while name is not None:
                page = (await client.call_tool("fetch", {"id": name})).structured_content
                assert len(page["text"]) <= size
                pages.append(page["text"])
                last, name = page["metadata"], page["metadata"][direction]
            return pages, last

    forwards, last = asyncio.run(read("long#v1:0-9", "next"))
    assert "".join(forwards) == text
    end = f"long#v1:0-9#v1:{last['start']}-{last['end']}"
    backwards, _ = asyncio.run(read(end, "previous"))
    assert "".join(reversed(backwards)) == text


def test_a_page_of_evidence_holds_it_at_either_end_of_a_document(retriever):
    filler = "Nothing of note happened on the way. " * 60
    retriever.add([Document(id="first", text="The heron stands. " + filler)])
    retriever.add([Document(id="last", text=filler + "The otter dives.")])
    for query, name in (("heron stands", "first"), ("otter dives", "last")):
        [found] = ask(tools(retriever), ("search", {"query": query}))
        [page] = ask(tools(retriever, page_chars=900), ("fetch", {"id": found["results"][0]["id"]}))
        assert (page["metadata"]["document_id"], len(page["text"])) == (name, 900)
        assert query in page["text"]


def test_a_page_of_a_replaced_document_is_refused_and_its_words_are_found_again(filled, topics):
    server = tools(filled, page_chars=300)
    [found] = ask(server, ("search", {"query": "knead the dough and bake bread"}))
    [page] = ask(server, ("fetch", {"id": "bread"}))
    filled.add([Document(id="bread", text="New first words. " + topics[1].text)])
    stale, again = ask(
        server,
        ("fetch", {"id": page["metadata"]["next"]}),
        ("fetch", {"id": found["results"][0]["id"]}),
    )
    assert stale.startswith("'bread' is now version 2 and the page is of version 1")
    assert again["metadata"]["status"] == "moved"
    assert "bake the bread" in again["text"]
    filled.delete(["bread"])
    [gone, missing] = ask(server, ("fetch", {"id": found["results"][0]["id"]}), ("fetch", {"id": "bread"}))
    assert gone.startswith("these words are no longer there: the document was deleted")
    assert "no document 'bread'" in missing


def test_titles_say_the_page_and_heading_and_urls_are_the_documents_own(retriever):
    text = "Costs\nThe customer bears the costs of termination."
    marks = (Mark("page", Span(0, len(text)), 41), Mark("heading", Span(0, len(text)), "Costs", 1))
    retriever.add([Document(id="msa", text=text, title="Agreement", source="https://x.org/msa", marks=marks)])
    retriever.add([Document(id="file", text="A local file about herons.", source="/data/a b.txt")])
    calls = [("search", {"query": query}) for query in ("termination costs", "herons")]
    costs, herons = ask(tools(retriever), *calls)
    assert costs["results"][0]["title"] == "Agreement, p. 41, Costs"
    assert costs["results"][0]["url"] == "https://x.org/msa"
    assert herons["results"][0]["url"] == "file:///data/a%20b.txt"


def test_context_gives_cited_passages_within_the_budget(filled):
    [made, refused] = ask(
        tools(filled),
        ("context", {"query": "knead the dough and bake bread", "max_tokens": 200}),
        ("context", {"query": "bread", "max_tokens": -1}),
    )
    assert made["tokens"] <= 200
    first = made["citations"][0]
    assert (first["label"], first["document_id"], first["url"]) == (
        "[1]",
        "bread",
        "longdoc:///default/bread",
    )
    assert filled.text("bread", first["start"], first["end"]).strip() in made["text"]
    assert made["left_out"] > 0
    assert "max_tokens is -1" in refused


def test_the_list_goes_on_where_it_stopped(filled):
    server = tools(filled)
    [first] = ask(server, ("list_documents", {"limit": 3}))
    [rest] = ask(server, ("list_documents", {"limit": 3, "after": first["next"]}))
    ids = [one["id"] for answer in (first, rest) for one in answer["documents"]]
    assert (ids, first["total"], rest["next"]) == (["bread", "courts", "locks", "tides"], 4, None)
    [some, refused] = ask(server, ("list_documents", {"prefix": "t"}), ("list_documents", {"limit": 0}))
    assert [one["id"] for one in some["documents"]] == ["tides"]
    assert refused == "limit is 0; it can be 1 to 1,000"


def test_without_write_there_is_no_tool_that_changes_anything(filled):
    async def names(server):
        async with Client(server) as client:
            return {one.name: one.annotations for one in (await client.list_tools()).tools}

    reading = asyncio.run(names(tools(filled)))
    assert reading.keys() == {"search", "fetch", "list_documents", "context"}
    assert all(hints.read_only_hint for hints in reading.values())
    writing = asyncio.run(names(build_server(Tools(filled), write=True)))
    assert {name for name, hints in writing.items() if not hints.read_only_hint} == {
        "add_document",
        "delete_documents",
    }
    [refused] = ask(tools(filled), ("delete_documents", {"ids": ["bread"]}))
    assert "delete_documents" in refused
    assert filled.get("bread").version == 1


def test_with_write_documents_come_and_go(filled):
    server = build_server(Tools(filled), write=True)
    added, empty, found, deleted = ask(
        server,
        ("add_document", {"id": "note", "text": "The heron stands in the reeds."}),
        ("add_document", {"id": "void", "text": ""}),
        ("search", {"query": "heron in the reeds"}),
        ("delete_documents", {"ids": ["note", "nothing"]}),
    )
    assert added == {"id": "note", "outcome": "added", "reason": ""}
    assert (empty["outcome"], bool(empty["reason"])) == ("skipped", True)
    assert found["results"][0]["title"] == "note"
    assert deleted == {"deleted": ["note"], "missing": ["nothing"]}


def test_a_fault_of_ours_is_told_without_details(filled, monkeypatch):
    def broken(*_, **__):
        raise KeyError("secret-path")

    monkeypatch.setattr(filled.engine, "search", broken)
    [told] = ask(tools(filled), ("search", {"query": "bread"}))
    assert told == "Error executing tool search"


@pytest.fixture
def stored(store_path, topics):
    with Retriever.open(store_path, encoder="hash:32") as opened:
        opened.add(topics)
    yield store_path
    stop_owner(store_path)


def command(store, *more):
    return [sys.executable, "-c", COMMAND, "mcp", "--store", str(store), "--encoder", "hash:32", *more]


def test_the_command_serves_over_stdio_to_clients_of_both_ages(stored):
    program, *arguments = command(stored)
    server = StdioServerParameters(
        command=program, args=arguments, env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    )
    [found] = ask(server, ("search", {"query": "bake bread"}), mode="legacy")
    assert {one["title"] for one in found["results"]} == {"bread", "courts", "locks", "tides"}
    [page] = ask(server, ("fetch", {"id": found["results"][0]["id"]}))
    assert page["title"] == found["results"][0]["title"]


@contextmanager
def serving(store, *more):
    with subprocess.Popen(
        command(store, "--http", "--port", "0", *more), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stderr.readline().strip()
        finally:
            process.terminate()


def test_the_command_serves_over_http_to_those_who_have_the_key(stored):
    async def with_key(url):
        headers = {"Authorization": "Bearer open sesame"}
        async with httpx2.AsyncClient(headers=headers) as http:
            async with Client(streamable_http_client(url, http_client=http)) as client:
                found = await client.call_tool("search", {"query": "bake bread"})
                listed = (await client.list_tools()).tools
                return found.structured_content["results"], {one.name for one in listed}

    with serving(stored, "--write", "--key", "open sesame") as url:
        assert httpx2.post(url, json={}).status_code == 401
        wrong = {"Authorization": "Bearer open"}
        assert httpx2.post(url, json={}, headers=wrong).status_code == 401
        results, names = asyncio.run(with_key(url))
        assert len(results) == 4
        assert "add_document" in names
        foreign = {"Authorization": "Bearer open sesame", "Host": "evil.example"}
        assert httpx2.post(url, json={}, headers=foreign).status_code in (403, 421)
    refused = subprocess.run(
        command(stored, "--http", "--write"), capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "needs a key" in refused.stderr
