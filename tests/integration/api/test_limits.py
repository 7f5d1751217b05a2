"""Limits of the service, and what it does when callers are many, slow, gone or not who they say."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest

from api.errors import STATUS
from api.logs import JsonFormatter
from api.settings import Settings
from api.tracing import Traces
from api.work import ClientLeft, Lane
from retriever.errors import DeadlineError, OverloadedError
from retriever.wire import all_errors
from tests.live import serving
from tests.support import wait_until


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A service with narrow limits."""
    with serving(
        tmp_path_factory.mktemp("small") / "store",
        max_body_bytes=2_000,
        max_upload_bytes=5_000,
        max_upload_files=2,
        max_documents=2,
        max_inputs=3,
        max_tokens=50,
        body_timeout_s=0.3,
        cors_origins=("https://app.example",),
    ) as app:
        yield app


@pytest.fixture
def http_small(small):
    with httpx.Client(base_url=small.state.url, timeout=20) as client:
        yield client


def test_what_is_over_a_limit_is_refused_and_the_limit_named(http_small):
    embed, documents = "/v1/embeddings", "/v1/collections/c/documents"
    many = {"documents": [{"id": str(number), "text": "x"} for number in range(3)]}
    long = {"input": "word " * 60, "model": "default"}
    for answer, status, word in (
        (http_small.post(documents, content=b"x" * 3_000), 413, "2,000 bytes"),
        (http_small.post(documents, content=iter([b"x" * 1_500] * 3)), 413, "2,000 bytes"),
        (http_small.post(documents, json=many), 413, "the limit is 2"),
        (http_small.post(embed, json={"input": ["x"] * 4, "model": "default"}), 413, "the limit is 3"),
        (http_small.post(embed, json=long), 400, "60 tokens in one call, the limit is 50"),
        (http_small.post("/v1/rerank", json={"query": "x", "documents": ["word " * 60]}), 400, "limit is 50"),
    ):
        assert (answer.status_code, word in answer.text) == (status, True), answer.text


def test_a_body_that_does_not_come_is_not_waited_for(small):
    url = httpx.URL(small.state.url)
    with socket.create_connection((url.host, url.port), timeout=20) as line:
        line.sendall(b"POST /v1/rerank HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
        assert b" 408 " in line.recv(100)


def test_no_step_of_the_event_loop_takes_long(http, texts, monkeypatch):
    """Its own CPU time is measured, so that a busy machine changes nothing."""
    steps, run = [], asyncio.events.Handle._run

    def timed(handle):
        started = time.thread_time()
        run(handle)
        steps.append((time.thread_time() - started, repr(handle)))

    monkeypatch.setattr(asyncio.events.Handle, "_run", timed)
    many = [{"id": f"n{number}", "text": f"number {number} " * 800} for number in range(60)]
    assert http.post(f"{texts}/documents", json={"documents": many}).status_code == 200
    inputs = [f"text number {number}" for number in range(1_000)]
    assert http.post("/v1/embeddings", json={"input": inputs, "model": "default"}).status_code == 200
    assert http.post(f"{texts}/search", json={"query": "number", "limit": 50}).status_code == 200
    assert http.get(f"{texts}/documents", params={"limit": 1_000}).status_code == 200
    files = [("files", ("large.txt", b"a word and another " * 100_000))]
    assert http.post(f"{texts}/files", files=files).status_code == 202
    assert len(steps) > 20
    assert max(steps)[0] < 0.05, max(steps)


def test_an_upload_is_cut_off_at_its_limits_and_leaves_nothing_behind(http_small, small):
    three = [("files", (f"{number}.txt", b"x")) for number in range(3)]
    assert http_small.post("/v1/collections/c/files", files=three).status_code == 400
    large = [("files", ("a.txt", b"x" * 6_000))]
    assert http_small.post("/v1/collections/c/files", files=large).status_code == 413
    nothing = http_small.post("/v1/collections/c/files", data={"a": "b"})
    assert nothing.status_code in (400, 422)
    assert not list((small.state.service.settings.store / "uploads").glob("*"))


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 421), ("", 421)],
)
def test_on_loopback_only_loopback_names_are_answered(http_small, host, status):
    assert http_small.get("/v1/collections", headers={"Host": host}).status_code == status


def test_only_pages_of_allowed_origins_may_read_answers(http_small):
    for origin, allowed in (("https://app.example", "https://app.example"), ("https://evil.example", None)):
        answer = http_small.get("/livez", headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_without_settings_no_page_of_another_origin_may_read_answers(http):
    answer = http.get("/livez", headers={"Origin": "https://app.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_metrics_count_calls_by_route_and_name_no_collection(http, texts):
    http.post(f"{texts}/search", json={"query": "tide"})
    text = http.get("/metrics").text
    route = 'method="POST",route="/v1/collections/{collection}/search"'
    assert f'longdoc_http_requests_total{{{route},status="200"}}' in text
    assert "topics" not in text
    for name in (
        "longdoc_queue_calls",
        "longdoc_event_loop_lag_seconds_bucket",
        "process_resident_memory_bytes",
    ):
        assert name in text


def test_log_lines_are_json_with_the_request_and_without_its_text(http, texts, caplog):
    with caplog.at_level(logging.INFO, logger="longdoc.access"):
        http.post(
            f"{texts}/search", json={"query": "a private question"}, headers={"X-Request-Id": "my-id.1"}
        )
        wait_until(lambda: any(_id_of(one) == "my-id.1" for one in caplog.records))
    [record] = [one for one in caplog.records if _id_of(one) == "my-id.1"]
    line = json.loads(JsonFormatter().format(record))
    assert (line["request_id"], line["status"], line["route"]) == (
        "my-id.1",
        200,
        "/v1/collections/{collection}/search",
    )
    assert "private" not in json.dumps(line)


def _id_of(record):
    return getattr(record, "request_id", "")


def test_every_error_has_a_status_of_its_own_or_of_a_parent():
    for kind in all_errors():
        assert next((STATUS[one] for one in kind.__mro__ if one in STATUS), None) is not None


class Request:
    """A caller that hangs up when told to."""

    def __init__(self):
        self.left = asyncio.Event()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}


def test_a_full_queue_refuses_at_once_and_has_room_again_afterwards():
    async def run():
        lane, gate = Lane("test", workers=1, waiting=1, timeout_s=10), threading.Event()
        calls = [asyncio.create_task(lane.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError) as full:
            await lane.run(lambda: None)
        assert full.value.details["retry_after_s"] >= 1
        gate.set()
        assert await asyncio.gather(*calls) == [True, True]
        await asyncio.sleep(0.05)
        assert await lane.run(lambda: "done") == "done"
        await asyncio.sleep(0.05)
        assert lane.pending == 0
        lane.close()

    asyncio.run(run())


def test_a_caller_that_hangs_up_while_waiting_frees_the_place_and_the_call_is_not_made():
    async def run():
        lane, gate, made = Lane("test", workers=1, waiting=5, timeout_s=10), threading.Event(), []
        first = asyncio.create_task(lane.run(gate.wait))
        await asyncio.sleep(0.05)
        request = Request()
        second = asyncio.create_task(lane.run(lambda: made.append(1), request=request))
        await asyncio.sleep(0.05)
        request.left.set()
        with pytest.raises(ClientLeft):
            await second
        await asyncio.sleep(0)
        assert lane.pending == 1
        gate.set()
        await first
        lane.close()
        assert made == []

    asyncio.run(run())


def test_a_call_that_takes_too_long_is_given_up():
    async def run():
        lane, gate = Lane("test", workers=1, waiting=5, timeout_s=0.1), threading.Event()
        with pytest.raises(DeadlineError, match=r"longer than 0\.1 s"):
            await lane.run(gate.wait)
        assert lane.pending == 1  # the thread is still at it
        gate.set()
        await asyncio.sleep(0.1)
        assert lane.pending == 0
        lane.close()

    asyncio.run(run())


def test_a_full_service_answers_429_with_retry_after_and_stays_responsive(tmp_path):
    """Work that blocks its threads never blocks the event loop."""
    limits = {"interactive_workers": 1, "interactive_queue": 1}
    with serving(tmp_path / "store", **limits) as app:
        service, gate = app.state.service, threading.Event()
        held = [threading.Thread(target=lambda: service.retriever()) for _ in range(1)]
        for thread in held:
            thread.start()
        service.interactive._pool.submit(gate.wait)
        service.interactive.pending += 2
        with httpx.Client(base_url=app.state.url) as client:
            refused = client.get("/v1/collections/c/document", params={"id": "x"})
            assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
            assert int(refused.headers["Retry-After"]) >= 1
            openai = client.get("/v1/models")
            assert (openai.status_code, openai.json()["error"]["code"]) == (429, "overloaded")
            started = time.perf_counter()
            assert client.get("/livez").status_code == 200
            assert time.perf_counter() - started < 1
        gate.set()
        service.interactive.pending -= 2


def test_a_stop_lets_a_call_end_and_ends_a_stream(tmp_path):
    """A slow upload that has begun is still answered; an event stream does not hold the stop up."""
    with serving(tmp_path / "store") as app:
        url = httpx.URL(app.state.url)
        httpx.put(f"{url}/v1/collections/c", timeout=20)
        with socket.create_connection((url.host, url.port), timeout=20) as line:
            body = b'{"documents": [{"id": "a", "text": "words"}]}'
            head = [
                "POST /v1/collections/c/documents HTTP/1.1",
                "Host: localhost",
                f"Content-Length: {len(body)}",
                "Content-Type: application/json",
            ]
            line.sendall("\r\n".join([*head, "", ""]).encode() + body[:10])
            stop = threading.Timer(0.3, lambda: setattr(app.state.server, "should_exit", True))
            stop.start()
            time.sleep(0.6)
            line.sendall(body[10:])
            assert b"200 OK" in line.recv(100)


def test_limits_are_checked_when_they_are_set():
    with pytest.raises(ValueError, match="interactive_workers"):
        Settings(interactive_workers=0)


class Span:
    """Keeps what a tracer is told."""

    def __init__(self):
        self.name, self.facts = "", {}

    def update_name(self, name):
        self.name = name

    def set_attribute(self, name, value):
        self.facts[name] = value


def test_a_trace_names_route_and_status_and_never_the_text(monkeypatch):
    import opentelemetry.trace

    spans = []

    class Tracer:
        @contextmanager
        def start_as_current_span(self, name, **_):
            spans.append(Span())
            yield spans[-1]

    monkeypatch.setattr(opentelemetry.trace, "get_tracer", lambda name: Tracer())

    async def application(scope, receive, send):
        scope["route"] = SimpleNamespace(path="/v1/collections/{collection}/search")
        scope["state"] = {"request_id": "req_1"}
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def nothing(message=None):
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/v1/collections/secret/search", "headers": []}
    asyncio.run(Traces(application)(scope, nothing, nothing))
    [span] = spans
    assert span.name == "POST /v1/collections/{collection}/search"
    assert (span.facts["http.response.status_code"], span.facts["longdoc.request_id"]) == (200, "req_1")
    assert "secret" not in str(span.facts)


def test_a_service_that_cannot_load_its_encoder_says_why(tmp_path, caplog):
    with serving(tmp_path / "store", ready=False, encoder="nope") as app:
        beats = []

        def said():
            answer = httpx.get(f"{app.state.url}/readyz")
            beats.append(app.state.service.trouble)
            return answer.status_code == 503 and "nope" in answer.json()["reason"] and answer.json()

        wait_until(said)
        wait_until(lambda: said() and len({id(one) for one in beats}) > 3)  # it has tried some times
        assert said()["status"] == "starting"
    logged = [one.getMessage() for one in caplog.records if "does not answer" in one.getMessage()]
    assert len(logged) == 1
    assert "ModelError: " in logged[0]
    assert "nope" in logged[0]
