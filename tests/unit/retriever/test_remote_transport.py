"""Retries, keys, time limits and strange answers, over a transport that plays the service."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.errors import DocumentNotFoundError
from retriever import Client
from retriever.errors import DeadlineError, IdempotencyError, OverloadedError, ServiceError, UnreachableError
from retriever.remote.uploads import LazyFile
from retriever.types import IndexReport


class Script:
    """Answers in turn and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, request):
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def problem(status, code, detail="what happened", *, headers=None, **details):
    return httpx.Response(
        status,
        json={"code": code, "detail": detail, "details": details, "status": status},
        headers={"content-type": "application/problem+json", **(headers or {})},
    )


def deleted(*ids):
    return httpx.Response(200, json={"deleted": ids, "missing": []})


@pytest.fixture
def pauses(monkeypatch):
    waited = []
    monkeypatch.setattr("retriever.remote.transport.time.sleep", waited.append)
    return waited


def client(script, **options):
    return Client("http://there", transport=httpx.MockTransport(script), **options)


def test_a_change_is_tried_again_under_the_same_key(pauses):
    script = Script(
        httpx.ConnectError("refused"), problem(503, "owner_lost"), httpx.ReadError("cut"), deleted("x")
    )
    assert client(script).delete(["x"]) == ("x",)
    keys = [request.headers["Idempotency-Key"] for request in script.asked]
    assert len(set(keys)) == 1
    assert len(pauses) == 3
    assert all(0.75 * 0.25 * 2**n <= pause <= 1.25 * 0.25 * 2**n for n, pause in enumerate(pauses))
    client(script := Script(deleted())).delete(["x"])
    assert script.asked[0].headers["Idempotency-Key"] not in keys


def test_a_change_that_is_still_at_work_is_waited_for(pauses):
    busy = problem(409, "idempotency_conflict", "still at work")
    assert client(Script(httpx.ReadError("cut"), busy, busy, deleted("x"))).delete(["x"]) == ("x",)
    with pytest.raises(IdempotencyError):
        client(Script(busy)).delete(["x"])


def test_a_question_carries_no_idempotency_key_and_the_api_key(pauses, monkeypatch):
    monkeypatch.setenv("LONGDOC_API_KEY", "from-environment")
    script = Script(httpx.Response(200, json={"data": [], "next_cursor": None}))
    assert client(script).collections() == ()
    assert "Idempotency-Key" not in script.asked[0].headers
    assert script.asked[0].headers["Authorization"] == "Bearer from-environment"


def test_the_service_says_how_long_to_wait(pauses):
    busy = problem(429, "overloaded", headers={"Retry-After": "7"}, retry_after_s=7)
    endless = problem(429, "overloaded", headers={"Retry-After": "7000"}, retry_after_s=7000)
    client(Script(busy, endless, deleted())).delete(["x"])
    assert pauses == [7.0, 30.0]
    with pytest.raises(OverloadedError) as caught:
        client(Script(busy, busy), attempts=2).delete(["x"])
    assert caught.value.details == {"retry_after_s": 7}


def test_what_another_attempt_cannot_mend_is_raised_at_once(pauses):
    script = Script(problem(404, "document_not_found", "no document 'x'", id="x"))
    with pytest.raises(DocumentNotFoundError, match="no document 'x'") as caught:
        client(script).get("x")
    assert (caught.value.details, pauses) == ({"id": "x"}, [])
    with pytest.raises(DeadlineError, match="no answer in 60 s"):
        client(Script(httpx.ReadTimeout("slow"))).get("x")
    with pytest.raises(ServiceError, match="disk"):
        client(Script(problem(507, "code_of_tomorrow", "the disk is full"))).get("x")


def test_a_service_that_is_not_there_is_named(pauses):
    with pytest.raises(UnreachableError, match="http://there cannot be reached after 2 attempts: refused"):
        client(Script(*[httpx.ConnectError("refused")] * 2), attempts=2).get("x")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            httpx.Response(404, text="<html>nginx</html>"),
            "answered 404, not as a longdoc service does: <html>",
        ),
        (httpx.Response(301, headers={"location": "https://there/"}), "answered 301, to https://there/"),
        (httpx.Response(200, text="<html>welcome</html>"), "cannot read"),
        (httpx.Response(200, json={"unexpected": 1}), "cannot read"),
    ],
)
def test_an_answer_of_something_else_is_an_error(pauses, answer, said):
    with pytest.raises(ServiceError, match=said):
        client(Script(answer)).get("x")


def test_a_proxy_that_finds_no_service_is_asked_again(pauses):
    client(Script(httpx.Response(502, text="bad gateway"), deleted())).delete(["x"])
    assert len(pauses) == 1


def test_an_address_without_a_scheme_is_refused():
    with pytest.raises(InvalidInputError, match="begins with http"):
        Client("localhost:8000")


def test_a_document_over_the_services_limit_is_a_failure_of_its_own(pauses):
    report = msgspec.to_builtins(IndexReport(added=("small",)))
    script = Script(problem(413, "too_large", "over 9 bytes"), httpx.Response(200, json=report))
    big = Document(id="big", text="x" * 5_000_000)
    got = client(script).add([big, Document(id="small", text="x")])
    assert got.added == ("small",)
    assert [(item.id, item.reason) for item in got.failed] == [("big", "over 9 bytes")]


def test_a_file_is_open_only_while_it_is_read(tmp_path):
    (tmp_path / "x").write_bytes(b"0123456789")
    file = LazyFile(tmp_path / "x", 10)
    assert (file.seek(0, 2), file.tell(), file.seek(0)) == (10, 10, 0)
    assert file._file is None
    assert file.read(4) == b"0123"
    assert file._file is not None
    assert (file.read(), file.read()) == (b"456789", b"")
    assert file._file is None
    assert (file.seek(2), file.read(2)) == (2, b"23")
    file.close()
