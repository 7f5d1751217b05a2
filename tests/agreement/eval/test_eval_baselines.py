from __future__ import annotations

import math
import random

import numpy as np
import pytest
from rank_bm25 import BM25Okapi

from encoders.fake import HashEncoder
from encoders.types import Document
from eval.baselines import K1, B, BM25Baseline, TruncatedBaseline, beginning, readable
from eval.types import Query

WORDS = [f"w{n}" for n in range(30)]


def texts(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(WORDS))]
    return [" ".join(chance.choices(WORDS, weights, k=chance.randint(1, 40))) for _ in range(count)]


def test_laid_out_scores_equal_rank_bm25_with_the_same_idf():
    corpus = texts(1, 50)
    reference = BM25Okapi([text.split() for text in corpus], k1=K1, b=B)
    holding = {word: sum(word in text.split() for text in corpus) for word in WORDS}
    reference.idf = {w: math.log(1 + (50 - n + 0.5) / (n + 0.5)) for w, n in holding.items() if n}
    ours = BM25Baseline([Document(id=str(n), text=text) for n, text in enumerate(corpus)], str.split)
    for query in [*texts(2, 20), "w1 w1 w1 unknown", ""]:
        np.testing.assert_allclose(ours.scores(query), reference.get_scores(query.split()), rtol=1e-12)


def test_a_word_of_every_document_still_counts_a_little():
    documents = [Document(id=text, text=text) for text in ("common", "common rare", "common other")]
    scores = BM25Baseline(documents, str.split).scores("common")
    assert (scores > 0).all()


def test_bm25_leaves_out_what_shares_no_word_and_breaks_ties_by_id():
    documents = [Document(id=i, text=t) for i, t in (("c", "apple"), ("b", "apple"), ("a", "pear"))]
    query = Query(id="q", text="apple", origin="s", local_id="q")
    run = BM25Baseline(documents, str.split).run([query], limit=10)
    assert list(run["q"]) == ["b", "c"]
    assert list(BM25Baseline(documents, str.split).run([query], limit=1)["q"]) == ["b"]


@pytest.mark.parametrize("texts_", [[""], ["", "word"]], ids=["all empty", "one empty"])
def test_empty_documents_do_no_harm(texts_):
    documents = [Document(id=str(n), text=text) for n, text in enumerate(texts_)]
    assert BM25Baseline(documents, str.split).scores("word")[0] == 0


def test_the_beginning_holds_as_many_tokens_as_the_limit_allows():
    encoder = HashEncoder(max_tokens=256)
    text = " ".join(f"tok{n}" for n in range(400))
    assert beginning(text, encoder, max_tokens=12) == " ".join(f"tok{n}" for n in range(10))
    assert len(encoder.tokenizer.tokenize([beginning(text, encoder)])[0]) == 254
    assert beginning("short text", encoder) == "short text"


def test_the_truncated_baseline_does_not_see_what_stands_late():
    filler = " ".join(["filler"] * 600)
    documents = [Document(id="late", text=f"{filler} needle"), Document(id="early", text=f"needle {filler}")]
    query = Query(id="q", text="needle", origin="s", local_id="q")
    run = TruncatedBaseline(documents, HashEncoder()).run([query], limit=10)
    assert list(run["q"]) == ["early", "late"]


def test_the_title_is_read_once():
    assert readable(Document(id="a", text="Title\nbody", title="Title")) == "Title\nbody"
    assert readable(Document(id="a", text="body", title="Title")) == "Title\nbody"
    assert readable(Document(id="a", text="body")) == "body"
