"""What a model reads of a candidate: the best evidence, at sentence borders, within the budget."""

import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from retriever.rerank.excerpting import shorten, term_weights, terms_of
from retriever.rerank.passages import as_candidates, candidates_from_hits, fit_passages
from retriever.rerank.reading import read_candidates
from retriever.rerank.tokens import EstimatedTokens
from retriever.rerank.types import Candidate, Excerpt

COUNTER = EstimatedTokens()
FILLER = "Nothing of note happened on the way. "


def test_the_estimate_counts_what_other_counters_call_one_word():
    assert COUNTER.count("The tenant pays.") == 5  # tenant is two pieces, the stop is one
    assert COUNTER.count("\u79df\u6237\u652f\u4ed8") == 4
    assert COUNTER.count("\u5951\u7ea6 clause 12") == 2 + 2 + 1
    assert COUNTER.count("\u0e2a\u0e31\u0e0d\u0e0d\u0e32") >= 3
    assert COUNTER.count("") == COUNTER.count(" \n") == 0


def test_chinese_is_cut_though_it_has_no_white_space():
    text = "\u79df\u6237\u5e94\u5728\u6bcf\u6708\u652f\u4ed8\u79df\u91d1\u3002" * 50
    cut = shorten(text, 30, COUNTER, {})
    assert COUNTER.count(cut) <= 30
    assert cut.rstrip(" \u2026").endswith("\u3002")


def test_the_sentence_about_the_query_is_kept_wherever_it_stands():
    text = FILLER * 30 + "The tenant pays for termination. " + FILLER * 30
    cut = shorten(text, 40, COUNTER, term_weights("Who pays for termination?", [text]))
    assert "The tenant pays for termination." in cut
    assert cut.startswith("\u2026 Nothing")
    assert cut.endswith("for termination. \u2026")


def test_without_any_word_of_the_query_the_beginning_is_kept():
    text = "First sentence here. " + FILLER * 30
    assert shorten(text, 30, COUNTER, term_weights("zebra", [text])).startswith("First sentence here.")


def test_rare_words_weigh_more_than_common_ones():
    weights = term_weights("rent zebra", ["rent"] * 9 + ["zebra"])
    assert weights["zebra"] > weights["rent"] > 0


def test_terms_of_scripts_without_spaces_are_pairs():
    assert terms_of("\u79df\u6237\u652f \u4ed8") == {"\u79df\u6237", "\u6237\u652f", "\u4ed8"}


def test_evidence_fills_the_budget_best_first_and_reads_in_order():
    excerpts = (Excerpt("Best words here.", 900), Excerpt("Second best.", 100), Excerpt(FILLER * 40, 500))
    candidate = Candidate(id="a", title="Lease", excerpts=excerpts)
    passages = fit_passages("words", [candidate], limit=24, counter=COUNTER)
    assert passages.texts[0].startswith("Lease: Second best. \u2026")
    assert passages.texts[0].endswith("Best words here.")
    assert passages.shortened == (0,)


def test_a_title_that_would_eat_the_budget_is_left_out():
    candidate = Candidate(id="a", title=FILLER * 5, excerpts=(Excerpt("The rent is due. " * 20),))
    passages = fit_passages("rent", [candidate], limit=20, counter=COUNTER)
    assert passages.texts[0].startswith("The rent is due.")


def test_hits_are_read_by_their_evidence(retriever):
    filler = FILLER * 40
    retriever.add([Document(id="a", title="Lease", text=filler + "The tenant pays the rent. " + filler)])
    hits = list(retriever.search("tenant pays rent"))
    candidates = candidates_from_hits(hits)
    assert [(one.id, one.title) for one in candidates] == [("a", "Lease")]
    assert candidates == as_candidates(hits)
    assert candidates[0].score == hits[0].score
    passages = fit_passages("who pays rent", candidates, limit=60, counter=COUNTER)
    assert "The tenant pays the rent." in passages.texts[0]


def test_hits_without_evidence_cannot_be_ranked(retriever):
    retriever.add([Document(id="a", text="The tenant pays the rent.")])
    with pytest.raises(InvalidInputError, match="search with evidence"):
        candidates_from_hits(retriever.search("rent", evidence=0))


@pytest.mark.parametrize("given", ["one text", ["a", Candidate(id="b", excerpts=(Excerpt("b"),))]])
def test_one_string_and_mixed_lists_are_refused(given):
    with pytest.raises(TypeError):
        as_candidates(given)


def test_candidates_are_read_from_lines_json_lines_and_searches():
    assert [one.excerpts[0].text for one in read_candidates("a\n\n b\n", "lines")] == ["a", " b"]
    lines = '{"text": "a"}\n{"id": 7, "text": "b", "title": "T", "score": 2}\n'
    first, second = read_candidates(lines, "jsonl")
    assert (first.id, second.id, second.title, second.score) == ("0", "7", "T", 2.0)
    found = '{"hits": [{"document": {"id": "d", "title": ""}, "score": 1.5, "evidence": [%s]}]}'
    (hit,) = read_candidates(found % '{"text": "a", "start": 3}', "search")
    assert (hit.id, hit.excerpts) == ("d", (Excerpt("a", 3),))
    with pytest.raises(InvalidInputError, match="no evidence"):
        read_candidates(found % "", "search")


@pytest.mark.parametrize(
    ("source", "form"),
    [("{", "jsonl"), ("[1]", "jsonl"), ("{}", "search"), ("x", "search"), ("[]", "search")],
)
def test_other_input_is_refused_with_its_place(source, form):
    with pytest.raises(InvalidInputError):
        read_candidates(source, form)
