from __future__ import annotations

from statistics import fmean

import pytest

from eval.errors import EvaluationError
from eval.haystack import Haystack
from eval.synthetic import LENGTHS, known_facts, needle, passkey, passkey_ceiling

PUBLISHED_CHARACTERS = dict(
    zip(LENGTHS, (875, 1_785, 3_607, 7_242, 14_518, 29_071, 58_174, 116_380), strict=True)
)


@pytest.mark.parametrize("length", LENGTHS)
def test_passkey_documents_are_as_long_as_the_published_ones(length):
    lengths = [len(document.text) for document in passkey(length).documents]
    assert fmean(lengths) == pytest.approx(PUBLISHED_CHARACTERS[length], rel=0.01)


def test_a_task_has_a_hundred_documents_and_fifty_queries_each_with_its_own_document():
    haystack = Haystack(["The cat sat on the mat. The dog ran away. Nothing else happened that day."])
    for dataset in (passkey(512), needle(512, haystack)):
        assert (len(dataset.documents), len(dataset.queries)) == (100, 50)
        relevant = [next(iter(grades)) for grades in dataset.qrels.values()]
        assert len(set(relevant)) == 50
        texts = {document.id: document.text for document in dataset.documents}
        for query in dataset.queries:
            (gold,) = dataset.spans[query.id]
            assert dataset.qrels[query.id] == {gold.doc_id: 1}
            assert len(texts[gold.doc_id].split()) <= 0.75 * 512


def test_a_key_is_told_in_its_document_alone_and_the_span_holds_it():
    dataset = passkey(256)
    texts = {document.id: document.text for document in dataset.documents}
    for query in dataset.queries:
        name = query.text.removeprefix("what is the passkey for ").removesuffix("?")
        (gold,) = dataset.spans[query.id]
        assert gold.span.of(texts[gold.doc_id]).startswith(f"{name}'s pass key is ")
        assert [doc_id for doc_id, text in texts.items() if name in text] == [gold.doc_id]


def test_keys_stand_anywhere_in_the_document():
    dataset = passkey(4096)
    texts = {document.id: document.text for document in dataset.documents}
    depths = [one.span.start / len(texts[one.doc_id]) for (one,) in dataset.spans.values()]
    assert min(depths) < 0.15
    assert max(depths) > 0.85


def test_the_same_seed_gives_the_same_task_and_another_seed_another():
    assert passkey(256, seed=1) == passkey(256, seed=1)
    assert passkey(256, seed=1).documents != passkey(256, seed=2).documents


def test_facts_are_a_hundred_distinct_pairs_that_share_words():
    facts = known_facts()
    assert len(facts) == len({question for question, _ in facts}) == len({fact for _, fact in facts}) == 100
    assert all(question.endswith("?") and fact.endswith(".") for question, fact in facts)


def test_the_ceiling_is_the_mean_share_that_is_seen():
    tokens_per_character = 24 / 90
    shares = [min(1.0, 510 / (PUBLISHED_CHARACTERS[length] * tokens_per_character)) for length in LENGTHS]
    assert 100 * passkey_ceiling(shares) == pytest.approx(38.1, abs=1.5)
    with pytest.raises(EvaluationError, match="at least one length"):
        passkey_ceiling([])
