from __future__ import annotations

import numpy as np
import pytest

from encoders.fake import HashEncoder
from encoders.types import Document
from eval.cache import CachedEncoder
from eval.datasets import judged_dataset, plain_query
from eval.errors import EvaluationError
from eval.methods import METHODS, best, late_chunking, mean_of_best_three, mean_vector


def test_documents_are_scored_from_their_segments():
    query = np.array([1.0, 0.0], dtype=np.float32)
    segments = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    assert best(query, segments) == 1.0
    assert mean_of_best_three(query, segments) == pytest.approx((1 + 0.8 + 0.6) / 3)
    assert mean_of_best_three(query, segments[:2]) == pytest.approx(0.5)
    assert mean_vector(query, segments[:2]) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("name", [name for name in METHODS if name != "hybrid"])
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
            late_chunking(dataset, encoder, 5)
