"""What happens to words that were cited, and to vectors that did not change, when documents change."""

from __future__ import annotations

import random

import numpy as np
import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.filters import equals
from retriever import Retriever


def paragraphs(count, *, seed):
    choose = random.Random(seed)
    words = [f"word{number}" for number in range(900)]
    return [" ".join(choose.choices(words, k=choose.randint(40, 120))) + "." for _ in range(count)]


def document(parts):
    return Document(id="long", text="\n\n".join(parts))


def stored_vectors(retriever):
    index = retriever.engine.collection.index
    records = index.scroll(equals("point", "segment"), vectors=("segment_dense",))
    rows = sorted((record.payload["ordinal"], record.vectors["segment_dense"]) for record in records)
    return np.array([vector for _, vector in rows])


def test_an_edit_in_the_middle_embeds_the_touched_segments_only(retriever):
    parts = paragraphs(400, seed=1)
    total = retriever.add([document(parts)]).coverage.segments
    parts[200] = "An edited paragraph stands here now. " + parts[200]
    report = retriever.add([document(parts)])
    assert report.updated == ("long",)
    assert total - report.segments_reused <= 0.02 * total
    assert report.segments_reused < report.coverage.segments  # the edit itself was read


def test_reused_vectors_equal_vectors_made_anew(retriever, store_path, encoder):
    parts = paragraphs(60, seed=2)
    retriever.add([document(parts)])
    parts.insert(20, "Something new was said here.")
    assert retriever.add([document(parts)]).segments_reused > 0
    with Retriever.open(store_path.with_name("fresh"), encoder=encoder) as fresh:
        fresh.add([document(parts)])
        assert stored_vectors(retriever) == pytest.approx(stored_vectors(fresh), abs=1e-6)


def test_a_renamed_file_is_not_embedded_again(retriever):
    [one] = [document(paragraphs(30, seed=3))]
    before = retriever.add([one])
    after = retriever.add([Document(id="renamed", text=one.text)])
    assert (after.added, after.tokens_read) == (("renamed",), 0)
    assert after.segments_reused == before.coverage.segments
    assert retriever.get("renamed").coverage == retriever.get("long").coverage


def test_citations_after_ten_edits_are_current_moved_or_gone_and_always_right(retriever):
    choose = random.Random(4)
    parts = paragraphs(120, seed=4)
    retriever.add([document(parts)])
    cited = []
    for version in range(1, 12):
        text = retriever.text("long")
        for _ in range(60):
            start = choose.randrange(len(text) - 200)
            cited.append((version, start, start + choose.randint(20, 200), text))
        if version < 11:
            at = choose.randrange(len(parts))
            edits = {
                "insert": lambda at=at, version=version: parts.insert(at, f"Inserted in version {version}."),
                "delete": lambda at=at: parts.pop(at),
                "change": lambda at=at: parts.__setitem__(at, parts[at].upper()),
            }
            edits[choose.choice(sorted(edits))]()
            retriever.add([document(parts)])
    live = retriever.text("long")
    counts = {"current": 0, "moved": 0, "gone": 0}
    for version, start, end, text in cited:
        found = retriever.resolve_span("long", version, start, end)
        counts[found.status] += 1
        assert found.text == text[start:end]
        if found.status == "gone":
            assert live.count(found.text) != 1
        else:
            assert live[found.start : found.end] == text[start:end]
    assert sum(counts.values()) == len(cited) == 660
    assert counts["moved"] > 400


def test_an_evidence_id_finds_its_words_in_every_later_version(retriever, topics):
    retriever.add(topics)
    best = retriever.search("knead the dough and bake bread", limit=1).hits[0].evidence[0]
    assert retriever.resolve(best.id).status == "current"
    changed = [Document(id=one.id, text="A new first sentence. " + one.text) for one in topics]
    retriever.add(changed)
    moved = retriever.resolve(best.id)
    assert (moved.status, moved.version, moved.live_version) == ("moved", 1, 2)
    assert retriever.text(moved.document_id, moved.start, moved.end) == best.text
    retriever.delete(["bread"])
    gone = retriever.resolve(best.id)
    assert (gone.status, gone.text, gone.reason) == ("gone", best.text, "the document was deleted")


@pytest.mark.parametrize("name", ["", "ev_", "ev_xyz", "nonsense", "ev_" + "A" * 32])
def test_what_is_no_evidence_id_is_an_error_and_an_unknown_one_is_gone(retriever, topics, name):
    retriever.add(topics)
    if len(name) == 35:
        assert retriever.resolve(name).status == "gone"
    else:
        with pytest.raises(InvalidInputError, match="is no evidence id"):
            retriever.resolve(name)


def test_words_that_stand_twice_are_found_by_what_stands_around_them(retriever):
    text = "First the fee is ten. Then more words. Second the fee is ten. And the end."
    retriever.add([Document(id="x", text=text)])
    second = text.rindex("the fee is ten")
    retriever.add([Document(id="x", text="Preface. " + text)])
    found = retriever.resolve_span("x", 1, second, second + 14)
    assert (found.status, found.start) == ("moved", second + len("Preface. "))
