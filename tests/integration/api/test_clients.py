"""The official clients of OpenAI and Cohere work unchanged."""

from __future__ import annotations

import base64
import struct
import warnings

import cohere
import numpy as np
import openai
import pytest

from encoders.fake import HashEncoder

TEXTS = ["the tide rises", "bread and butter", "the sea and the tide"]


@pytest.fixture
def ai(app):
    with openai.OpenAI(base_url=f"{app.state.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(params=[cohere.Client, cohere.ClientV2], ids=["v1", "v2"])
def co(app, request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client's own imports
        client = request.param(api_key="none", base_url=app.state.url)
    yield client
    client._client_wrapper.httpx_client.httpx_client.close()


def expected(texts=TEXTS):
    return HashEncoder(dim=32).encode(texts)


def test_openai_embeds_texts_in_both_encodings(ai):
    floats = ai.embeddings.create(input=TEXTS, model="default", encoding_format="float")
    packed = ai.embeddings.create(input=TEXTS, model="hash")  # base64, the client's own default
    for answer in (floats, packed):
        assert np.allclose([one.embedding for one in answer.data], expected(), atol=1e-6)
        assert [one.index for one in answer.data] == [0, 1, 2]
        assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == ("hash", 11, 11)


def test_the_base64_of_an_embedding_is_little_endian_floats(http):
    answer = http.post(
        "/embeddings", json={"input": "the tide rises", "model": "default", "encoding_format": "base64"}
    )
    row = struct.unpack("<32f", base64.b64decode(answer.json()["data"][0]["embedding"]))
    assert np.allclose(row, expected()[0], atol=1e-6)


def test_openai_cuts_dimensions_and_says_which_texts_were_split(ai):
    answer = ai.embeddings.create(input=["word " * 600, "short"], model="default", dimensions=8)
    assert np.linalg.norm([one.embedding for one in answer.data], axis=1) == pytest.approx(1.0)
    assert len(answer.data[0].embedding) == 8
    assert (answer.split, answer.incomplete) == ([0], [])


def test_openai_lists_the_model(ai):
    assert [model.id for model in ai.models.list()] == ["hash"]
    assert ai.models.retrieve("hash").dimensions == 32


def test_openai_gets_its_own_errors(ai):
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-4'") as missing:
        ai.embeddings.create(input=["x"], model="gpt-4")
    assert missing.value.code == "not_found"
    with pytest.raises(openai.BadRequestError, match="dimensions is 99; the model gives 1 to 32"):
        ai.embeddings.create(input=["x"], model="default", dimensions=99)
    with pytest.raises(openai.BadRequestError, match="there is nothing to embed") as wrong:
        ai.embeddings.create(input=[], model="default")
    assert wrong.value.type == "invalid_request_error"
    assert wrong.value.param.startswith("input")
    with pytest.raises(openai.BadRequestError, match="send strings"):  # this encoder has no ids
        ai.embeddings.create(input=[[1, 2, 3]], model="default")


def test_late_chunking_reads_the_inputs_as_one_document(ai):
    late = ai.embeddings.create(input=TEXTS, model="default", extra_body={"late_chunking": True})
    assert np.allclose([one.embedding for one in late.data], expected(), atol=0.05)  # no context in hashes


def test_cohere_reranks(co):
    answer = co.rerank(model="default", query="tide sea", documents=TEXTS, top_n=2)
    assert [one.index for one in answer.results] == [2, 0]
    assert answer.results[0].relevance_score == pytest.approx(1.0)
    assert answer.meta.api_version.version in ("1", "2")


def test_cohere_v1_returns_documents_and_reads_the_fields_it_is_told(http):
    documents = [{"title": "a", "body": "the sea"}, {"title": "tide", "body": "b"}]
    asked = {"query": "tide", "documents": documents, "rank_fields": ["title"], "return_documents": True}
    answer = http.post("/v1/rerank", json=asked).json()
    assert answer["results"][0]["document"] == documents[1]
    assert answer["model"] == "hash/late-interaction"
    refused = http.post("/v1/rerank", json={**asked, "rank_fields": ["nothing"]})
    assert (refused.status_code, "no field 'nothing'" in refused.json()["message"]) == (400, True)


def test_cohere_embeds(app):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = cohere.ClientV2(api_key="none", base_url=app.state.url)
    answer = client.embed(
        texts=TEXTS, model="default", input_type="search_document", embedding_types=["float", "base64"]
    )
    assert np.allclose(answer.embeddings.float_, expected(), atol=1e-6)
    assert np.frombuffer(base64.b64decode(answer.embeddings.base64[1]), "<f4") == pytest.approx(expected()[1])
    assert answer.meta.billed_units.input_tokens == 11
    client._client_wrapper.httpx_client.httpx_client.close()


def test_cohere_gets_its_own_errors(co):
    with pytest.raises(cohere.NotFoundError, match="no model 'rerank-v3'"):
        co.rerank(model="rerank-v3", query="x", documents=["y"])
    with pytest.raises(cohere.BadRequestError):
        co.rerank(model="default", query="x", documents=[])
