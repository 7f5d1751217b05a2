"""Search finds what a plain computation over all segments finds."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Document
from indexers.lexical import analyse
from retriever import Retriever
from retriever.profile import SearchProfile

WORDS = [f"w{number}" for number in range(400)]
SMALL = SegmenterConfig(max_tokens=40, context_tokens=8)


def corpus(count, *, seed):
    choose = random.Random(seed)
    for number in range(count):
        words = choose.choices(
            WORDS, weights=[1 / (rank + 3) for rank in range(len(WORDS))], k=choose.randint(20, 400)
        )
        yield Document(id=f"d{number:03}", text=" ".join(words) + ".", metadata={"part": number % 7})


def bm25(texts, query, average):
    """Plain BM25 of texts by name."""
    terms = {name: analyse(text) for name, text in texts.items()}
    scores = dict.fromkeys(terms, 0.0)
    for term in analyse(query):
        holders = sum(term in of for of in terms.values())
        idf = math.log(1 + (len(terms) - holders + 0.5) / (holders + 0.5))
        for doc_id, of in terms.items():
            frequency = of.count(term)
            scores[doc_id] += idf * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * len(of) / average))
    return scores


def pooled(scores, count, temperature):
    """Join a document's best segment scores."""
    return temperature * math.log(sum(math.exp(one / temperature) for one in sorted(scores)[-count:]))


def bm25_of_documents(documents, query):
    """BM25 of whole documents, compared with the length of the document that a term stands in."""
    texts = {document.id: document.text for document in documents}
    lengths = [len(analyse(text)) for text in texts.values()]
    return bm25(texts, query, sum(length**2 for length in lengths) / sum(lengths))


def best_by_words(documents, query, retriever):
    """BM25 of each document's best segments, joined.

    The index weighs with an average length that may be some percent off the true one.
    """
    encoder, average = retriever.encoder, retriever.engine.collection.weights.averages.segment
    segmenter = DocumentSegmenter(encoder.tokenizer, SMALL)
    tiles = {
        (document.id, segment.ordinal): segment.span.of(document.text)
        for document in documents
        for segment in segmenter.segment(document)
    }
    true = np.mean([len(analyse(tile)) for tile in tiles.values()])
    assert average == pytest.approx(true, rel=0.06)
    scores = bm25(tiles, query, average)
    found = {}
    for document in documents:
        matching = [score for (doc_id, _), score in scores.items() if doc_id == document.id and score > 0]
        found[document.id] = pooled(matching, 16, 4.0) if matching else 0.0
    return found


def best_three(documents, query, encoder):
    """Cosine of each document's best three segments, joined."""
    segmenter = DocumentSegmenter(encoder.tokenizer, SMALL)
    [asked] = encoder.encode([query], kind="query")
    scores = {}
    for document in documents:
        readings = [segment.reading(document.text) for segment in segmenter.segment(document)]
        scores[document.id] = pooled((encoder.encode(readings) @ asked).tolist(), 3, 0.05)
    return scores


@pytest.fixture(scope="module")
def documents():
    return list(corpus(120, seed=5))


@pytest.fixture(scope="module")
def searched(documents, tmp_path_factory):
    from encoders.fake import HashEncoder

    encoder = HashEncoder(dim=48)
    profile = SearchProfile(segment_candidates=60, document_candidates=25)
    segmenter = DocumentSegmenter(encoder.tokenizer, SMALL)
    with Retriever.open(
        tmp_path_factory.mktemp("search") / "store", encoder=encoder, segmenter=segmenter, profile=profile
    ) as opened:
        # in two runs of unlike lengths, so that the average length moves and weights are made anew
        opened.add(sorted(documents, key=lambda one: len(one.text))[:40])
        opened.add(documents)
        yield opened


@pytest.mark.parametrize("query", ["w1 w77 w203", "w5", "w390 w12 w12 w44 w301 w8 w150"])
def test_every_candidate_has_the_exact_score_of_every_component(searched, documents, query):
    lexical, dense = bm25_of_documents(documents, query), best_three(documents, query, searched.encoder)
    words = best_by_words(documents, query, searched)
    result = searched.search(query, limit=100, explain=True)
    assert len(result) >= 25
    for hit in result:
        raw = {part.name: part.raw for part in hit.explain.components}
        assert raw["document_lexical"] == pytest.approx(lexical[hit.document.id], rel=1e-4)
        assert raw["segment_dense"] == pytest.approx(dense[hit.document.id], abs=1e-5)
        assert raw["segment_lexical"] == pytest.approx(words[hit.document.id], rel=1e-3)


@pytest.mark.parametrize("query", ["w1 w77 w203", "w5"])
def test_contributions_add_up_to_the_score_and_terms_to_bm25(searched, query):
    for hit in searched.search(query, limit=20, explain=True):
        assert sum(part.contribution for part in hit.explain.components) == pytest.approx(hit.score)
        assert hit.explain.total == hit.score
        [lexical] = [part for part in hit.explain.components if part.name == "document_lexical"]
        assert sum(lexical.matched_terms.values()) == pytest.approx(lexical.raw, rel=1e-4)


def test_with_all_documents_as_candidates_the_order_is_that_of_the_full_computation(searched, documents):
    query = "w9 w31 w250"
    lexical, dense = bm25_of_documents(documents, query), best_three(documents, query, searched.encoder)
    ids = sorted(lexical)

    def z(scores):
        values = np.array([scores[doc_id] for doc_id in ids])
        return (values - values.mean()) / values.std()

    words = best_by_words(documents, query, searched)
    total = dict(zip(ids, 0.24 * z(lexical) + 0.5 * z(dense) + 0.22 * z(words), strict=True))
    found = [hit.document.id for hit in searched.search(query, limit=120)]
    assert len(found) == len(documents)
    assert found[:20] == sorted(total, key=lambda doc_id: -total[doc_id])[:20]


@pytest.mark.parametrize(
    "where", [{"metadata.part": 3}, {"metadata.part": {"$in": [1, 5]}}, {"id": {"$prefix": "d00"}}]
)
def test_a_filtered_search_ranks_exactly_the_documents_that_match(searched, documents, where):
    [(_field, condition)] = where.items()
    match condition:
        case {"$prefix": prefix}:
            expected = {one.id for one in documents if one.id.startswith(prefix)}
        case {"$in": values}:
            expected = {one.id for one in documents if one.metadata["part"] in values}
        case value:
            expected = {one.id for one in documents if one.metadata["part"] == value}
    found = searched.search("w3 w40", limit=120, filter=where)
    assert {hit.document.id for hit in found} == expected


def test_evidence_is_the_best_of_the_documents_own_segments(searched, documents):
    text = {document.id: document.text for document in documents}
    for hit in searched.search("w7 w99", limit=5, evidence=4):
        assert hit.evidence_total >= len(hit.evidence) > 0
        assert [one.score for one in hit.evidence] == sorted(
            (one.score for one in hit.evidence), reverse=True
        )
        spans = sorted((one.start, one.end) for one in hit.evidence)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
        for one in hit.evidence:
            assert one.text == text[hit.document.id][one.start : one.end]


def test_documents_that_were_replaced_or_deleted_leave_no_trace_in_any_score(tmp_path, encoder, documents):
    kept, gone, query = documents[:20], documents[20:40], "w1 w7 w99 w203"
    with Retriever.open(tmp_path / "lived", encoder=encoder) as lived:
        lived.add([Document(id=one.id, text="w1 w7 " * 40 + one.text) for one in kept])
        lived.add(gone)
        lived.add(kept)
        lived.delete([one.id for one in gone])
        with Retriever.open(tmp_path / "fresh", encoder=encoder) as fresh:
            fresh.add(kept)
            # weights made with another average length would differ by as much as the averages do
            collection = lived.engine.collection
            collection.weights.settle(list(collection.entries.values()), tolerance=0.0)
            pairs = zip(
                lived.search(query, limit=20, explain=True, evidence=3),
                fresh.search(query, limit=20, explain=True, evidence=3),
                strict=True,
            )
            for mine, theirs in pairs:
                assert mine.document.id == theirs.document.id
                assert mine.score == pytest.approx(theirs.score, abs=1e-5)
                assert [(one.start, one.end) for one in mine.evidence] == [
                    (one.start, one.end) for one in theirs.evidence
                ]
                assert [one.lexical for one in mine.evidence] == pytest.approx(
                    [one.lexical for one in theirs.evidence], rel=1e-4
                )
