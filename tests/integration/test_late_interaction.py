"""Late interaction over the encoder's own token vectors."""

from __future__ import annotations

import numpy as np
import pytest

from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from encoders.types import Document
from retriever import Retriever
from retriever.late_interaction import max_similarity
from retriever.options import RerankOptions

TEXTS = {
    f"d{number:02}": f"Oak and birch number {number} grow here. " * 2
    + ("The harbour dues are paid. " * (number % 4))
    for number in range(16)
}


@pytest.fixture(scope="module")
def forests(tmp_path_factory):
    with Retriever.open(tmp_path_factory.mktemp("late") / "store", encoder=HashEncoder(dim=32)) as opened:
        opened.add([Document(id=name, text=text) for name, text in TEXTS.items()])
        yield opened


def plain_score(encoder, query, text):
    """MaxSim by two loops."""
    asked, found = (encoder.encode_tokens(one).vectors for one in (query, text))
    return sum(max(float(q @ t) for t in found) for q in asked) / len(asked)


def late(hit):
    [part] = [one for one in hit.explain.components if one.name == "late_interaction"]
    return part


def test_documents_have_the_score_that_a_plain_computation_gives(forests):
    query = "harbour dues number 7"
    found = forests.search(query, limit=16, explain=True, rerank="late_interaction")
    for hit in found.hits[:10]:
        expected = plain_score(forests.encoder, query, TEXTS[hit.document.id])
        assert late(hit).raw == pytest.approx(expected, abs=2e-3)
    assert [late(hit).contribution for hit in found.hits[10:]] == [0.0] * 6
    assert found.meta.usage.rerank_tokens > 0


def test_only_the_first_documents_change_places_and_scores_fall(forests):
    query = "oak harbour dues"
    before = [hit.document.id for hit in forests.search(query, limit=16)]
    found = forests.search(
        query, limit=16, explain=True, rerank=RerankOptions(method="late_interaction", top=6)
    )
    after = [hit.document.id for hit in found]
    assert set(after[:6]) == set(before[:6])
    assert after[6:] == before[6:]
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    for hit in found:
        assert sum(part.contribution for part in hit.explain.components) == pytest.approx(hit.score)


def test_what_was_encoded_is_remembered(forests):
    query = "birch number 3 and 5"
    first = forests.search(query, rerank="late_interaction")
    second = forests.search(query, rerank="late_interaction")
    assert [hit.score for hit in second] == [hit.score for hit in first]
    assert second.meta.usage.rerank_tokens == second.meta.usage.query_tokens


def test_out_of_time_the_rest_keep_their_scores_and_the_answer_says_so(tmp_path):
    class Slow(HashEncoder):
        def encode_tokens_of(self, texts, *, kind="document"):
            import time

            time.sleep(0.02)
            return super().encode_tokens_of(texts, kind=kind)

    with Retriever.open(tmp_path / "store", encoder=Slow(dim=32)) as slow:
        slow.add([Document(id=name, text=text) for name, text in TEXTS.items()])
        found = slow.search(
            "harbour oak", rerank=RerankOptions(method="late_interaction", top=12, timeout_ms=30)
        )
    [warning] = found.warnings
    assert (warning.code, len(found)) == ("rerank_partial", 10)
    assert "of 12 documents reranked in 30 ms" in warning.detail


def test_an_encoder_without_token_vectors_is_refused(tmp_path):
    class Plain:
        def __init__(self):
            self._inner = HashEncoder(dim=16)

        def __getattr__(self, name):
            if name in ("encode_tokens_of", "token_windows", "encode_tokens"):
                raise AttributeError(name)
            return getattr(self._inner, name)

    with Retriever.open(tmp_path / "store", encoder=Plain()) as opened:
        opened.add([Document(id="a", text="oak")])
        with pytest.raises(InvalidInputError, match="no token vectors"):
            opened.search("oak", rerank="late_interaction")


def test_maximum_similarity_by_hand():
    query = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    segment = np.array([[0.6, 0.8], [1.0, 0.0]], dtype=np.float32)
    assert max_similarity(query, segment) == pytest.approx((1.0 + 0.8) / 2)
    assert max_similarity(query, segment[:0]) == 0.0
