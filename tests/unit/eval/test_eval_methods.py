from __future__ import annotations

import numpy as np
import pytest

from encoders.fake import HashEncoder
from encoders.loading import load_encoder
from encoders.types import Document
from eval.cache import CachedEncoder
from eval.datasets import judged_dataset, plain_query
from eval.errors import EvaluationError
from eval.methods import METHODS, best, late_chunking, mean_of_best_three, mean_vector
from eval.repeated_rows import RepeatedRows, remembering


def test_documents_are_scored_from_their_segments():
    query = np.array([1.0, 0.0], dtype=np.float32)
    segments = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    assert best(query, segments) == 1.0
    assert mean_of_best_three(query, segments) == pytest.approx((1 + 0.8 + 0.6) / 3)
    assert mean_of_best_three(query, segments[:2]) == pytest.approx(0.5)
    assert mean_vector(query, segments[:2]) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("name", [name for name in METHODS if not name.startswith("hybrid")])
def test_every_method_ranks_the_right_document_first_and_survives_an_empty_one(name):
    documents = [
        Document(id="a", text="The otter swims in the river. " * 3),
        Document(id="b", text="The heron stands by the lake. " * 3),
        Document(id="empty", text=""),
    ]
    query = plain_query("q", "heron by the lake", "s")
    dataset = judged_dataset("s", documents, [query], {"q": {"b": 1}})
    run = METHODS[name](dataset, HashEncoder(), 2)
    assert next(iter(run["q"])) == "b"
    assert len(run["q"]) <= 2


class PlainEncoder:
    """An encoder of one vector a text, and nothing more."""

    def __init__(self) -> None:
        inner = HashEncoder()
        self.fingerprint, self.dim, self.max_tokens = inner.fingerprint, inner.dim, inner.max_tokens
        self.tokenizer, self.encode, self.embed = inner.tokenizer, inner.encode, inner.embed


def test_late_chunking_needs_token_vectors(tmp_path):
    documents, queries = [Document(id="a", text="x")], [plain_query("q", "x", "s")]
    dataset = judged_dataset("s", documents, queries, {"q": {"a": 1}})
    for encoder in (PlainEncoder(), CachedEncoder(PlainEncoder(), tmp_path)):
        with pytest.raises(EvaluationError, match="PlainEncoder gives no token vectors"):
            late_chunking(overlap=0)(dataset, encoder, 5)


def test_a_cached_encoder_gives_token_vectors_where_the_wrapped_one_does(tmp_path):
    encoder = HashEncoder()
    [expected] = encoder.encode_tokens_of(["the otter"])
    [found] = CachedEncoder(encoder, tmp_path).encode_tokens_of(["the otter"])
    assert np.array_equal(found.vectors, expected.vectors)
    assert not hasattr(CachedEncoder(PlainEncoder(), tmp_path), "encode_tokens_of")


def test_a_remembered_row_is_computed_once_and_the_oldest_are_forgotten():
    encoder = load_encoder(dtype="float32")
    texts = ["The otter swims.", "The heron stands by the lake.", "The otter swims."]
    plain = encoder.parts.forward
    computed: list[int] = []

    class Counting:
        note = plain.note

        def __call__(self, rows):
            computed.append(len(rows))
            return plain(rows)

    assert np.allclose(remembering(encoder).encode(texts), encoder.encode(texts), atol=1e-6)
    rows = [np.array([101, 7, 102]), np.array([101, 7, 8, 102])]
    repeated = RepeatedRows(Counting(), kept_tokens=4)
    for asked in (rows, [rows[1]], [rows[0], rows[0]]):
        found = {place: states for [place], states in repeated(asked)}
        expected = {
            place: row for places, group in plain(asked) for place, row in zip(places, group, strict=True)
        }
        assert sorted(found) == list(range(len(asked)))
        assert all(np.allclose(found[place][0], expected[place], atol=1e-4) for place in found)
    assert computed == [2, 1]
