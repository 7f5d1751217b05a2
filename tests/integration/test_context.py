"""A context from a store: embedded, over the store's process, and by the command."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from encoders.errors import InvalidInputError
from encoders.types import Document
from retriever import Retriever
from retriever.cli import longdoc
from retriever.context.types import Template
from retriever.options import EvidenceOptions

QUESTION = "when does the tenant pay the rent?"


def test_a_context_shows_exact_spans_and_verify_finds_them_again(retriever, topics):
    retriever.add(topics)
    context = retriever.context(QUESTION, max_tokens=300)
    best = next(one for one in context.citations if one.rank == 1)
    assert best.document.id == "courts"
    for one in context.citations:
        text = retriever.text(one.document.id, one.start, one.end)
        assert text in context.text[one.text_start : one.text_end]
        assert one.document.content_hash == retriever.get(one.document.id).content_hash
        assert all(retriever.resolve(evidence.id).status == "current" for evidence in one.evidence)
    checked = retriever.verify(f'"The tenant shall pay the rent" {best.label}, "every May" [99].', context)
    assert [(one.status, one.n) for one in checked] == [("exact", best.n), ("not_found", None)]
    quote = checked.quotes[0]
    assert retriever.text("courts", quote.start, quote.end) == "The tenant shall pay the rent"
    assert checked.unknown == (99,)
    assert not checked.ok


def test_the_process_of_the_store_gives_the_same_context_as_this_one(store_path, topics):
    wishes = {"max_tokens": 220, "order": "edges", "expand": "segment"}
    with Retriever.open(store_path, encoder="hash:64", in_process=True) as here:
        here.add(topics)
        expected = [
            here.context(QUESTION, **wishes),
            here.context(QUESTION, tokenizer=str.split, **wishes),
            here.context(QUESTION, template=Template(header="Sources:\n"), **wishes),
        ]
    with Retriever.open(store_path, encoder="hash:64") as there:
        found = [
            there.context(QUESTION, **wishes),
            there.context(QUESTION, tokenizer=str.split, **wishes),
            there.context(QUESTION, template=Template(header="Sources:\n"), **wishes),
        ]
        assert there.verify('"pay the rent"', found[0]).quotes[0].status == "exact"
    for one, other in zip(found, expected, strict=True):
        assert one.text == other.text
        assert one.citations == other.citations
        assert one.dropped == other.dropped
        assert one.tokens == other.tokens


def test_evidence_of_an_earlier_search_is_packed_in_the_order_given(retriever, topics):
    retriever.add(topics)
    hits = retriever.search("bread and tides", limit=4).hits
    chosen = [hits[2].evidence[0].id, hits[0].evidence[0].id]
    context = retriever.context(evidence_ids=chosen, max_tokens=1000)
    assert [one.evidence[0].id for one in context.citations] == chosen
    filtered = retriever.context(
        evidence_ids=chosen, max_tokens=1000, search={"filter": {"id": hits[0].document.id}}
    )
    assert [one.document.id for one in filtered.citations] == [hits[0].document.id]
    assert [(one.evidence_id, one.reason) for one in filtered.dropped] == [(chosen[0], "not_allowed")]


def test_evidence_of_a_replaced_version_is_shown_as_it_was_and_said_to_be_stale(retriever):
    retriever.add([Document(id="a", text="The old fee is five dollars.")])
    [evidence] = retriever.search("fee").hits[0].evidence
    retriever.add([Document(id="a", text="The new fee is nine dollars and no less.")])
    context = retriever.context(evidence_ids=[evidence.id], max_tokens=100)
    assert "The old fee is five dollars." in context.text
    assert context.citations[0].document.version == 1
    assert [one.code for one in context.warnings] == ["stale_evidence"]
    assert retriever.verify('"The old fee"', context).quotes[0].status == "exact"
    with pytest.raises(InvalidInputError, match="no evidence id"):
        retriever.context(evidence_ids=["ev_nonsense"], max_tokens=100)


def test_several_questions_take_turns(retriever, topics):
    retriever.add(topics)
    context = retriever.context(["when is the rent paid?", "when does the tide rise?"], max_tokens=900)
    best = sorted(context.citations, key=lambda one: one.rank)
    assert [one.document.id for one in best[:2]] == ["courts", "tides"]


def test_a_score_gap_cuts_what_comes_after_it(retriever, topics):
    retriever.add(topics)
    everything = retriever.context(QUESTION, max_tokens=5000)
    cut = retriever.context(QUESTION, max_tokens=5000, score_gap=0.01)
    assert len(cut.citations) < len(everything.citations)
    assert "score_gap" in {one.reason for one in cut.dropped}


def test_search_options_of_every_shape_go_through(store_path, topics):
    with Retriever.open(store_path, encoder="hash:64") as there:
        there.add(topics)
        for evidence in (1, EvidenceOptions(limit=1), {"limit": 1, "kinds": ["prose"]}):
            search = {"limit": 2, "evidence": evidence, "rerank": "none", "facets": ["title"]}
            found = there.context(QUESTION, max_tokens=5000, search=search)
            assert len([one.id for cited in found.citations for one in cited.evidence]) <= 2
        with pytest.raises(InvalidInputError, match=r"search: .*limit"):
            there.context(QUESTION, max_tokens=100, search={"evidence": {"limit": "many"}})


def test_a_search_option_that_there_is_not_is_an_error(retriever, topics):
    retriever.add(topics)
    with pytest.raises(InvalidInputError, match="nonsense"):
        retriever.context(QUESTION, max_tokens=100, search={"nonsense": 1})


def test_the_command_prints_the_context_and_what_it_took(store_path, topics, tmp_path):
    with Retriever.open(store_path, encoder="hash:64", in_process=True) as here:
        here.add(topics)
    options = ["--store", str(store_path), "--encoder", "hash:64"]
    asked = ["context", QUESTION, "--max-tokens", "200", *options]
    done = CliRunner().invoke(longdoc, asked, catch_exceptions=False)
    assert done.stdout.startswith("[1] courts\n")
    assert "of 200 tokens (estimate)" in done.stderr
    done = CliRunner().invoke(longdoc, [*asked, "--format", "xml", "--json"], catch_exceptions=False)
    answer = json.loads(done.stdout)
    assert answer["text"].startswith('<sources>\n<source n="1" title="courts"')
    (tmp_path / "context.json").write_text(done.stdout)
    (tmp_path / "answer.txt").write_text('It says "shall pay the rent" [1] and "never" [7].')
    checked = CliRunner().invoke(
        longdoc, ["verify", str(tmp_path / "answer.txt"), str(tmp_path / "context.json"), *options]
    )
    assert checked.exit_code == 1
    assert "not_found" in checked.output
    assert "[7] names no source" in checked.output
