"""Scores from the tables are those of the index, whatever happened to the documents."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace

import numpy as np
import pytest

from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Document
from indexers import score_table
from indexers.filters import Condition, equals
from indexers.identifiers import new_generation, segment_point
from indexers.score_blocks import read
from indexers.types import Point
from retriever import Retriever, table_scorer
from retriever.index_scorer import IndexScorer
from retriever.pooling import Pool
from retriever.profile import SearchProfile
from retriever.table_scorer import TableScorer

WORDS = [f"w{number}" for number in range(60)]
SMALL = SegmenterConfig(max_tokens=20, context_tokens=4)
QUERIES = ("w1 w2", "w3 w3 w40 w59", "w0", "nothing of this", "w5 w6 w7 w8 w9 w10 w11 w12")
PROFILE = SearchProfile(segment_candidates=40, document_candidates=10)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(score_table, "_WRITTEN_AT", 16)
    monkeypatch.setattr(score_table, "_MERGED_AT_ONCE", 3)
    monkeypatch.setattr(score_table, "_LARGE", 90)


def opened(folder):
    retriever = Retriever.open(folder, encoder="hash:16", in_process=True)
    segmenter = DocumentSegmenter(retriever.encoder.tokenizer, SMALL)
    retriever.close()
    return Retriever.open(folder, encoder="hash:16", segmenter=segmenter, in_process=True)


def document(number, choose):
    text = " ".join(
        choose.choices(WORDS, weights=[1 / (rank + 2) for rank in range(60)], k=choose.randint(1, 200))
    )
    return Document(id=f"d{number:02}", text=text, metadata={"half": number % 2})


def change(retriever, choose):
    """Add, replace, delete or edit some documents."""
    number = choose.randrange(30)
    step = choose.randrange(5)
    if step == 0 and retriever.collections() and len(retriever.list()) > 3:
        retriever.delete([retriever.list()[0].id])
    elif step == 1 and retriever.collections():
        retriever.patch(retriever.list()[-1].id, {"edited": number})
    else:
        retriever.add(
            [document(other % 30, choose) for other in range(number, number + choose.randint(1, 6))]
        )


def scorers(retriever, query, where=None):
    collection = retriever.engine.collection
    question = retriever.engine.searcher(PROFILE).ask(query, where)
    tables = collection.scores
    assert tables is not None
    return TableScorer(collection, tables, question, PROFILE), IndexScorer(collection, question, PROFILE)


def assert_agree(retriever):
    live = retriever.engine.collection.entries
    for query in QUERIES:
        for where in (None, Condition("metadata.half", "$in", (1,))):
            table, index = scorers(retriever, query, where)
            found, expected = table.find(100), index.find(100)
            assert found.documents == expected.documents
            assert (found.segments, found.exhausted) == (expected.segments, expected.exhausted)
            entries = {doc_id: live[doc_id] for doc_id in sorted(found.documents)}
            mine, theirs = table.score(entries), index.score(entries)
            for name, scores in theirs.items():
                assert mine[name] == pytest.approx(scores, abs=2e-5), name
            every = list(entries.values())
            for own, other in zip(
                table.score_segments(every, None, 5), index.score_segments(every, None, 5), strict=True
            ):
                spans = {one.ordinal: one for one in map(other.__getitem__, range(len(other)))}
                for one in map(own.__getitem__, range(len(own))):
                    if one.ordinal in spans:  # equal scores may be listed in another order
                        same = spans[one.ordinal]
                        assert (one.span, one.kind) == (same.span, same.kind)
                        assert (one.dense, one.lexical) == pytest.approx((same.dense, same.lexical), abs=2e-5)
                assert sorted(own.dense)[-5:] == pytest.approx(sorted(other.dense)[-5:], abs=2e-5)


def begin_a_copy(collection, entry):
    """Write all segments of a version again, under another one that is not finished."""
    names = ("segment_dense", "segment_lexical")
    own = list(collection.index.scroll(equals("generation", entry.generation), vectors=names))
    version = str(new_generation())
    collection.writer.begin(replace(entry, generation=version))
    collection.writer.write_segments(
        [
            Point(
                id=segment_point(version, record.payload["ordinal"]),
                vectors=record.vectors,
                payload={**record.payload, "generation": version},
            )
            for record in own
            if record.payload["point"] == "segment"
        ]
    )


def multiply(monkeypatch, retriever, which):
    """Compute all cosines in no, in filtered or in all searches; in others the index names the nearest."""
    rows = sum(len(part.block) for part in retriever.engine.collection.scores.segments.view().parts)
    most = {"no": 0, "filtered": rows - 1, "all": rows}[which]
    monkeypatch.setattr(table_scorer, "_MULTIPLIED", most)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("multiplied", ["no", "filtered", "all"])
def test_tables_score_as_the_index_does_after_any_changes(tmp_path, monkeypatch, seed, multiplied):
    choose = random.Random(seed)
    with opened(tmp_path / "store") as retriever:
        retriever.add([document(number, choose) for number in range(12)])
        for _ in range(6):
            change(retriever, choose)
        multiply(monkeypatch, retriever, multiplied)
        assert_agree(retriever)
    with opened(tmp_path / "store") as retriever:
        change(retriever, choose)
        multiply(monkeypatch, retriever, multiplied)
        assert_agree(retriever)


@pytest.mark.parametrize("copies", [1, 4])
def test_segments_that_are_being_written_take_no_place_among_the_nearest(tmp_path, monkeypatch, copies):
    choose = random.Random(5)
    with opened(tmp_path / "store") as retriever:
        retriever.add([document(number, choose) for number in range(12)])
        collection = retriever.engine.collection
        for entry in list(collection.entries.values()) * copies:
            begin_a_copy(collection, entry)
        live = sum(entry.segments for entry in collection.entries.values())
        assert collection.index.count(equals("point", "segment")) == (1 + copies) * live
        assert live > PROFILE.segment_candidates
        multiply(monkeypatch, retriever, "no")
        assert_agree(retriever)
        for query in QUERIES:
            for where in (None, Condition("metadata.half", "$in", (1,))):
                table, index = scorers(retriever, query, where)
                assert table.find(3).segments == index.find(3).segments


def test_tables_that_are_missing_or_torn_are_made_again(tmp_path):
    choose = random.Random(7)
    with opened(tmp_path / "store") as retriever:
        retriever.add([document(number, choose) for number in range(12)])
    scores = tmp_path / "store" / "collections" / "default" / "scores"
    blocks = sorted(path for path in (scores / "segments").iterdir() if path.name.isdigit())
    shutil.rmtree(blocks[0])
    with opened(tmp_path / "store") as retriever:
        assert_agree(retriever)
    shutil.rmtree(scores)
    with opened(tmp_path / "store") as retriever:
        assert_agree(retriever)


def test_rows_that_were_replaced_by_a_process_that_died_are_read_from_the_index(tmp_path):
    choose = random.Random(8)
    with opened(tmp_path / "store") as retriever:
        retriever.add([document(number, choose) for number in range(12)])
    folder = tmp_path / "store" / "collections" / "default" / "scores" / "segments"
    block = next(path for path in folder.iterdir() if path.name.isdigit())
    read(block)  # it is whole, so that only the mark makes it worthless
    (folder / "changed").touch()
    with opened(tmp_path / "store") as retriever:
        assert_agree(retriever)
        assert not (folder / "changed").exists()


def test_blocks_are_merged_and_drop_what_is_gone(tmp_path):
    choose = random.Random(9)
    folder = tmp_path / "store" / "collections" / "default" / "scores" / "segments"
    with opened(tmp_path / "store") as retriever:
        for _ in range(8):
            retriever.add([document(number, choose) for number in range(6)])
        live = sum(entry.segments for entry in retriever.engine.collection.entries.values())
    rows = sum(len(read(path)) for path in folder.iterdir() if path.name.isdigit())
    assert live <= rows < 4 * live


def test_pooling_many_documents_equals_pooling_each():
    choose = random.Random(1)
    pool = Pool(best=3, temperature=0.05)
    scores = [
        [choose.choice((0.1, 0.2, 0.3, choose.random())) for _ in range(choose.randrange(6))]
        for _ in range(50)
    ]
    flat = [score for own in scores for score in own]
    joined = pool.join_all(np.array(flat, dtype="float32"), np.array(list(map(len, scores))))
    expected = [pool.join(sorted(own, reverse=True)) for own in scores]
    assert joined.tolist() == pytest.approx(expected, abs=1e-6)


def test_pooling_takes_the_best_of_documents_with_very_many_segments_too():
    choose = random.Random(2)
    pool = Pool(best=16, temperature=4.0)
    scores = [[choose.uniform(-9, 30) for _ in range(count)] for count in (700, 3, 0, 256, 257, 16)]
    flat = np.array([score for own in scores for score in own], dtype="float32")
    joined = pool.join_all(flat, np.array(list(map(len, scores))))
    assert joined.tolist() == pytest.approx(
        [pool.join(sorted(own, reverse=True)) for own in scores], abs=1e-5
    )


@pytest.mark.parametrize("count", [0, 1, 999, 1_001, 5_003])
def test_the_best_of_many_rows_are_those_that_sorting_finds(count):
    rng = np.random.default_rng(count)
    scores = (rng.integers(0, 50, count) / 7).astype(np.float32)
    scores[rng.random(count) < 0.4] = -np.inf
    best = [place for place in np.argsort(-scores, kind="stable").tolist() if scores[place] > -np.inf]
    assert table_scorer._top(scores, 100).tolist() == best[:100]


def test_scores_that_differ_in_the_last_bits_of_a_product_are_equal():
    pool = Pool(best=1, temperature=0.05)
    near = np.float32(0.7), np.nextafter(np.float32(0.7), np.float32(1))
    assert near[0] != near[1]
    one, other = table_scorer._pooled(pool, np.array(near), np.array([1, 1]))
    assert one == other
