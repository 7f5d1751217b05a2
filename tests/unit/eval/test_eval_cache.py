from __future__ import annotations

import numpy as np

from encoders.fake import HashEncoder
from eval.cache import CachedEncoder


class CountingEncoder(HashEncoder):
    """Remembers what it was asked to embed."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked: list[str] = []

    def embed(self, texts, *, kind="document"):
        self.asked.extend(texts)
        return super().embed(texts, kind=kind)


def test_a_text_is_embedded_once_and_vectors_and_ledgers_come_back_equal(tmp_path):
    plain, inner = HashEncoder(), CountingEncoder()
    texts = ["one two", "three", "one two", ""]
    for encoder in (CachedEncoder(inner, tmp_path), CachedEncoder(inner, tmp_path)):
        found = encoder.embed(texts)
        expected = plain.embed(texts)
        np.testing.assert_array_equal(found.vectors, expected.vectors)
        assert found.coverage == expected.coverage
    assert sorted(inner.asked) == ["", "one two", "three"]


def test_queries_and_documents_are_kept_apart(tmp_path):
    inner = CountingEncoder()
    encoder = CachedEncoder(inner, tmp_path)
    encoder.encode(["text"], kind="document")
    encoder.encode(["text"], kind="query")
    assert inner.asked == ["text", "text"]


def test_another_model_does_not_read_the_vectors_of_the_first(tmp_path):
    CachedEncoder(HashEncoder(dim=8), tmp_path).encode(["text"])
    assert CachedEncoder(HashEncoder(dim=16), tmp_path).encode(["text"]).shape == (1, 16)


def test_no_text_gives_no_rows(tmp_path):
    assert CachedEncoder(HashEncoder(dim=8), tmp_path).encode([]).shape == (0, 8)
