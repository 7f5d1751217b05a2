import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from encoders.errors import InputTooLongError, InvalidInputError, ModelError
from encoders.fake import HashEncoder, HashTokenizer
from encoders.http_encoder import EstimatedTokenizer, HttpEncoder, HttpEncoderConfig
from encoders.http_json import post_json


class EmbeddingServer:
    """Serves a `HashEncoder` the way OpenAI and TEI do, or misbehaves as it is told."""

    def __init__(self):
        self.requests = []
        self.failures = []  # statuses to answer with before behaving
        self.answer = None

    def respond(self, path, body, headers):
        self.requests.append((path, body, headers))
        if self.failures:
            return self.failures.pop(0), {"error": "later"}
        if self.answer is not None:
            return 200, self.answer
        vectors = HashEncoder(dim=8).encode(body.get("input") or body["inputs"]).tolist()
        if path == "/embed":
            return 200, vectors
        data = [{"index": i, "embedding": row} for i, row in enumerate(vectors)]
        return 200, {"data": data[::-1]}


@contextmanager
def serving(server):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = server.respond(self.path, body, self.headers)
            sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *arguments):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def server():
    return EmbeddingServer()


@pytest.fixture
def url(server):
    with serving(server) as address:
        yield address


def open_encoder(url, **options):
    options = {"model": "m", "retries": 2, **options}
    return HttpEncoder(HttpEncoderConfig(url=url, **options), HashTokenizer())


@pytest.mark.parametrize("api", ["openai", "tei"])
def test_vectors_are_those_of_the_server_in_input_order(server, url, api):
    encoder = open_encoder(url, api=api, batch_texts=2, api_key="secret")
    texts = ["short", "a rather longer text", "mid size", "", "x"]
    found = encoder.embed(texts)
    np.testing.assert_allclose(found.vectors, HashEncoder(dim=8).encode(texts), atol=1e-6)
    assert encoder.dim == 8
    assert all(ledger.complete for ledger in found.coverage)
    path, _, headers = server.requests[-1]
    assert path == ("/embeddings" if api == "openai" else "/embed")
    assert headers["Authorization"] == "Bearer secret"
    assert max(len(body.get("input") or body["inputs"]) for _, body, _ in server.requests) == 2


def test_a_long_text_is_the_mean_of_its_windows(server, url):
    encoder = open_encoder(url, max_tokens=5)
    found = encoder.embed(["one two three four five six"])
    expected = HashEncoder(dim=8).encode(["one two three", "four five six"]).mean(axis=0)
    np.testing.assert_allclose(found.vectors[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert (found.coverage[0].segments, found.coverage[0].embedded) == (2, 6)


def test_overflow_is_refused_or_reported(url):
    with pytest.raises(InputTooLongError, match="has 4 tokens, the endpoint reads 3"):
        open_encoder(url, max_tokens=5, overflow="error").embed(["one two three four"])
    [ledger] = open_encoder(url, max_tokens=5, overflow="truncate").embed(["one two three four"]).coverage
    assert (ledger.embedded, ledger.tokens, ledger.truncated, ledger.lost_characters) == (3, 4, True, 4)


def test_prompts_are_sent_and_counted(server, url):
    encoder = open_encoder(url, prompts={"query": "find: "}, max_tokens=6)
    encoder.encode(["one two three"], kind="query")
    sent = [body["input"] for _, body, _ in server.requests[1:]]
    assert sent == [["find: one two", "find: two three"]]
    assert open_encoder(url, prompts={"document": "doc"}).tokenizer.special_tokens == 3


def test_what_may_pass_is_tried_again(server, url):
    encoder = open_encoder(url)
    server.failures = [503, 429]
    assert encoder.encode(["a"]).shape == (1, 8)
    server.failures = [503, 503, 503]
    with pytest.raises(ModelError, match=r"answered 503 after 3 tries: .*later"):
        encoder.encode(["a"])


def test_a_refusal_is_not_repeated(server, url):
    encoder = open_encoder(url)
    before = len(server.requests)
    server.failures = [401, 401]
    with pytest.raises(ModelError, match="answered 401 after 1 tries"):
        encoder.encode(["a"])
    assert len(server.requests) == before + 1


@pytest.mark.parametrize(
    "answer",
    [
        {"data": []},
        {"data": [{"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": []}]},
        {"data": [{"index": 0, "embedding": [0.0, 0.0]}]},
        {"data": [{"index": 0, "embedding": ["1"]}]},
        {"data": [{"index": 0, "embedding": [float("nan")]}]},
        {"error": "no"},
        [1.0],
    ],
    ids=str,
)
def test_an_answer_that_is_no_vectors_is_an_error(server, url, answer):
    server.answer = answer
    with pytest.raises(ModelError, match="something else than 1 vectors"):
        open_encoder(url)


def test_a_change_of_dimension_is_an_error(server, url):
    encoder = open_encoder(url)
    server.answer = {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}
    with pytest.raises(ModelError, match="from 8 to 2 dimensions"):
        encoder.encode(["a"])


def test_a_dead_server_is_named():
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9/embed cannot be reached after 2 tries"):
        post_json("http://127.0.0.1:9/embed", {}, headers={}, timeout_s=1.0, retries=1, wait_s=0.01)


def test_a_configuration_that_cannot_work_is_refused_and_hides_the_key():
    with pytest.raises(InvalidInputError, match="must begin with http"):
        HttpEncoderConfig(url="localhost", model="m")
    with pytest.raises(InvalidInputError, match="needs the name of a model"):
        HttpEncoderConfig(url="http://localhost")
    assert "secret" not in repr(HttpEncoderConfig(url="http://localhost", model="m", api_key="secret"))


def test_the_estimate_covers_every_printable_character():
    [spans] = EstimatedTokenizer(characters=3).tokenize(["naïve co-operation 东京"])
    assert spans.offsets.tolist()[:4] == [[0, 3], [3, 5], [6, 8], [8, 9]]
    assert spans.word_starts.tolist()[:4] == [True, False, True, True]
    assert spans.known.all()
