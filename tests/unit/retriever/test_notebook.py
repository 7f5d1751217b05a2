"""What a notebook shows: escaped text, with what matches marked."""

from __future__ import annotations

from dataclasses import replace

from encoders.types import Document


def test_evidence_is_shown_with_what_matches_marked_and_nothing_run(retriever):
    retriever.add([Document(id="<x>", text="The tide & <script>alert(1)</script> rises twice a day.")])
    result = retriever.search("when does the tide rise")
    shown = result._repr_html_()
    assert "<b>&lt;x&gt;</b>" in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script>" not in shown
    assert "<mark>tide</mark>" in shown
    assert "[0, 55)" in shown


def test_overlapping_highlights_show_every_character_once(retriever):
    retriever.add([Document(id="x", text="abcdefghij")])
    result = retriever.search("abcdefghij")
    [hit] = result.hits
    [span] = hit.evidence
    changed = replace(hit, evidence=(replace(span, highlights=((4, 6), (1, 3), (2, 5))),))
    shown = replace(result, hits=(changed,))._repr_html_()
    assert "a<mark>bc</mark><mark>de</mark><mark>f</mark>ghij" in shown


def test_an_empty_answer_says_so(retriever):
    retriever.add([Document(id="x", text="words", metadata={"n": 1})])
    assert "nothing found" in retriever.search("words", filter={"metadata.n": 2})._repr_html_()
