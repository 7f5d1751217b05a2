"""Vectors and scores of texts that are in no collection, in process and through the store's process."""

from __future__ import annotations

import numpy as np
import pytest

from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from retriever import Retriever
from retriever.inference import decode_tokens, embed_texts, score_texts
from tests.support import stop_owner

TEXTS = ["the tide rises", "bread and butter", "the sea and the tide"]


@pytest.fixture(params=[True, False], ids=["in process", "owned"])
def retriever(request, store_path):
    with Retriever.open(store_path, encoder="hash:16", in_process=request.param) as opened:
        yield opened
    stop_owner(store_path)


def test_vectors_are_the_encoders_own_and_say_what_was_read(retriever):
    made = retriever.embed(TEXTS)
    expected = HashEncoder(dim=16).embed(TEXTS)
    assert np.array_equal(np.array(made.rows(), dtype=np.float32), expected.vectors)
    assert (made.model, made.dim, len(made)) == ("hash", 16, 3)
    assert made.coverage == expected.coverage


def test_a_score_is_the_mean_over_query_tokens_of_the_best_cosine(retriever):
    scored = retriever.score("tide sea", TEXTS)
    encoder = HashEncoder(dim=16)
    query = encoder.encode_tokens("tide sea").vectors
    by_hand = [(query @ encoder.encode_tokens(text).vectors.T).max(1).mean() for text in TEXTS]
    assert scored.scores == pytest.approx(np.clip(by_hand, 0, 1), abs=1e-6)
    assert scored.scores[2] == pytest.approx(1.0)
    assert scored.model == "hash/late-interaction"
    assert scored.tokens == 2 + 3 + 3 + 5


def test_the_model_is_named(retriever):
    info = retriever.model()
    assert (info.name, info.dim, info.reranks_by) == ("hash", 16, "late-interaction")


def test_cut_vectors_have_unit_length_and_more_than_there_are_is_refused(retriever):
    cut = np.array(retriever.embed(TEXTS, dimensions=4).rows())
    assert cut.shape == (3, 4)
    assert np.linalg.norm(cut, axis=1) == pytest.approx(1.0)
    with pytest.raises(InvalidInputError, match="dimensions is 17; the model gives 1 to 16"):
        retriever.embed(TEXTS, dimensions=17)


def test_late_chunking_gives_each_text_the_mean_of_its_own_tokens():
    encoder = HashEncoder(dim=16)  # no token of it sees another, so context changes nothing
    late = np.array(embed_texts(encoder, TEXTS, late_chunking=True).rows())
    means = np.array([encoder.encode_tokens(text).vectors.mean(0) for text in TEXTS])
    assert late == pytest.approx(means / np.linalg.norm(means, axis=1, keepdims=True), abs=1e-5)


class VectorsOnly:
    """An encoder that gives no token vectors, as those behind an HTTP endpoint."""

    def __init__(self):
        own = HashEncoder(dim=16)
        self.fingerprint, self.dim, self.max_tokens = own.fingerprint, own.dim, own.max_tokens
        self.tokenizer, self.embed, self.encode = own.tokenizer, own.embed, own.encode


def test_without_token_vectors_texts_are_scored_by_cosine_and_late_chunking_is_refused():
    encoder = VectorsOnly()
    scored = score_texts(encoder, "the tide rises", TEXTS)
    assert scored.scores[0] == pytest.approx(1.0)
    assert scored.model == "hash/cosine"
    with pytest.raises(InvalidInputError, match="no token vectors"):
        embed_texts(encoder, TEXTS, late_chunking=True)


def test_token_ids_of_an_encoder_without_ids_are_refused():
    with pytest.raises(InvalidInputError, match="send strings"):
        decode_tokens(HashEncoder(), [[1, 2]])


@pytest.mark.parametrize("empty", [[], [""]])
def test_nothing_to_embed_gives_no_number_that_is_not_finite(retriever, empty):
    assert np.isfinite(np.array(retriever.embed(empty).rows())).all()
    assert retriever.score("tide", empty).scores == (0.0,) * len(empty)
