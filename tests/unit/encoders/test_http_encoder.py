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
from encoders.loading import load_encoder


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
        {"data": [{"index": 0, "embedding": [1e300]}]},
        {"data": [{"index": 0, "embedding": [10**400]}]},
        {"data": [{"index": None, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
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
    assert spans.offsets.tolist()[:6] == [[0, 2], [2, 3], [3, 5], [6, 8], [8, 9], [9, 12]]
    assert spans.word_starts.tolist()[:6] == [True, False, False, True, True, True]
    assert spans.offsets[-2:].tolist() == [[19, 20], [20, 21]]
    assert spans.known.all()


@pytest.mark.parametrize(
    "text",
    [
        "The tenant may end the contract with thirty days' notice. " * 5,
        "房东应当在三十日内退还押金。" * 20,
        "20260131" * 30,
        "9f86d081884c7d659a2feaa0c55ad015" * 8,
        "Арендатор платит за ремонт. " * 10,
        "for (int i=0;i<n;++i){a[i]+=b[i]*c;} " * 10,
    ],
    ids=["prose", "Chinese", "digits", "hex", "Russian", "code"],
)
def test_the_estimate_is_not_below_what_a_real_tokenizer_counts(text):
    [real], [estimated] = (one.tokenize([text]) for one in (load_encoder().tokenizer, EstimatedTokenizer()))
    assert len(estimated) >= len(real)


@pytest.mark.parametrize("overflow", ["split", "truncate"])
def test_no_window_has_more_tokens_alone_than_the_endpoint_reads(server, url, overflow):
    tokenizer = load_encoder().tokenizer
    config = HttpEncoderConfig(url=url, model="m", max_tokens=12, overflow=overflow)
    words = ["unbelievability", "antidisestablishmentarianism", "electroencephalographically", "rent"]
    text = " ".join(words * 4) + " " + "honorificabilitudinitatibus" * 3
    [ledger] = HttpEncoder(config, tokenizer).embed([text]).coverage
    sent = [piece for _, body, _ in server.requests[1:] for piece in body["input"]]
    assert max(len(spans) for spans in tokenizer.tokenize(sent)) <= 10
    assert (len(sent), ledger.truncated) == (ledger.segments, overflow == "truncate")
    if overflow == "split":
        assert ledger.complete
        assert {letter for piece in sent for letter in piece.split()} >= {"rent"}


@pytest.mark.parametrize(
    ("prompts", "kind"), [({"query": "a b c"}, "query"), ({"document": "a b c"}, "document")]
)
def test_a_limit_that_leaves_no_room_is_refused(url, prompts, kind):
    with pytest.raises(
        InvalidInputError, match=f"max_tokens of 5 leaves no room.*the {kind} prompt.*least 6"
    ):
        open_encoder(url, prompts=prompts, max_tokens=5)
    assert open_encoder(url, prompts=prompts, max_tokens=6).encode(["one two"], kind=kind).shape == (1, 8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout_s": float("nan")}, "timeout_s must be a positive number of seconds, got nan"),
        ({"timeout_s": -1.0}, "timeout_s must be a positive number of seconds, got -1"),
        ({"api_key": "abc\n"}, "api_key holds a line end"),
        ({"prompts": {"passage": "p: "}}, "got 'passage'"),
        ({"prompts": None}, "prompts must map query or document to text, got NoneType"),
        ({"max_tokens": 1.5}, "max_tokens must be a whole number, got 1.5"),
    ],
)
def test_options_of_an_endpoint_that_cannot_be_are_refused(options, words):
    with pytest.raises(InvalidInputError, match=words):
        HttpEncoderConfig(url="http://localhost", model="m", **options)


def test_a_kind_that_is_neither_query_nor_document_is_refused(url):
    with pytest.raises(InvalidInputError, match="kind must be query or document, got 'passage'"):
        open_encoder(url).encode(["a"], kind="passage")
