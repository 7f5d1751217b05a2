"""Documents that change: little is embedded again, and searches see one version or another."""

from __future__ import annotations

import random

import pytest

from encoders.fake import HashEncoder
from encoders.types import Document
from eval.bench_editing import edit_in_the_middle, quiet_answers, search_while_replacing
from indexers import identifiers
from retriever import Retriever


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return quiet_answers(tmp_path_factory.mktemp("quiet"), replacements=8, encoder="hash:16")


@pytest.mark.parametrize("writers", [1, 2])
def test_a_search_during_replacements_equals_one_before_or_after(tmp_path, expected, writers):
    seen = search_while_replacing(tmp_path, expected=expected, writers=writers, encoder="hash:16")
    assert seen.mixed == 0
    assert seen.answers >= 3


def test_an_edit_in_the_middle_of_a_long_document_embeds_under_one_percent_of_it(tmp_path):
    edit = edit_in_the_middle(tmp_path / "store", words=30_000, encoder="hash:16")
    assert edit.segments > 200
    assert 1 <= edit.embedded <= 6


def test_an_edit_of_a_text_without_any_sentence_keeps_what_stands_before_it(tmp_path):
    choose = random.Random(3)
    words = [f"word{choose.randrange(900)}" for _ in range(12_000)]
    with Retriever.open(tmp_path / "store", encoder=HashEncoder(dim=16)) as retriever:
        total = retriever.add([Document(id="a", text=" ".join(words))]).coverage.segments
        words[6_000:6_000] = ["inserted"] * 7
        report = retriever.add([Document(id="a", text=" ".join(words))])
    assert total - report.segments_reused < 0.6 * total  # what stood before the edit is kept


def test_a_thousand_citations_after_ten_edits_are_current_moved_or_gone(tmp_path):
    choose = random.Random(8)
    parts = [" ".join(choose.choices([f"word{n}" for n in range(700)], k=60)) + "." for _ in range(80)]
    with Retriever.open(tmp_path / "store", encoder=HashEncoder(dim=16)) as retriever:
        retriever.add([Document(id="a", text="\n\n".join(parts))])
        before = retriever.text("a")
        spans = [
            (start, start + choose.randint(15, 300))
            for start in choose.choices(range(len(before) - 300), k=1_000)
        ]
        for number in range(10):
            place = choose.randrange(len(parts))
            parts[place : place + choose.randint(0, 1)] = [f"Edit {number} was made here. " + parts[place]]
            retriever.add([Document(id="a", text="\n\n".join(parts))])
        live, counts = retriever.text("a"), {"current": 0, "moved": 0, "gone": 0}
        for start, end in spans:
            now = retriever.resolve_span("a", 1, start, end)
            counts[now.status] += 1
            assert now.text == before[start:end]
            if now.status == "gone":
                assert live.count(now.text) != 1
            else:
                assert live[now.start : now.end] == now.text
    assert sum(counts.values()) == 1_000
    assert counts["moved"] > 800


def test_a_clock_that_was_set_back_changes_no_order(tmp_path, monkeypatch):
    store = tmp_path / "store"
    with Retriever.open(store, encoder=HashEncoder(dim=16)) as retriever:
        retriever.add([Document(id="a", text="first words"), Document(id="b", text="other words")])
        before = max(entry.generation for entry in retriever.engine.collection.entries.values())
    monkeypatch.setattr(identifiers, "_last_ms", 0)  # a new process, years ago
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: 1_000_000_000 * 10**9)
    with Retriever.open(store, encoder=HashEncoder(dim=16)) as retriever:
        retriever.add([Document(id="a", text="second words, and more of them")])
        entry = retriever.engine.collection.entry("a")
        assert entry.generation > before
        assert entry.version == 2
        assert retriever.text("a").startswith("second")
        assert retriever.resolve_span("a", 1, 0, 5).text == "first"
        assert retriever.doctor().healthy
