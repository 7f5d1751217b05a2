"""Who may call what: every route against every kind of key."""

from __future__ import annotations

import httpx
import pytest

from api.keys import KeyFile
from encoders.errors import InvalidInputError
from indexers.errors import InvalidFilterError
from tests.live import serving
from tests.support import wait_until

HIDDEN, SHOWN = "secret/plan.txt", "open/notes.txt"
DOCUMENTS = [
    {"id": HIDDEN, "text": "the secret plan about tides and bread", "metadata": {"acl": "board"}},
    {"id": SHOWN, "text": "open notes about tides and bread", "metadata": {"acl": "all"}},
]
C = "/v1/collections/{collection}"

PUBLIC, ANYONE, READ, WRITE, ADMIN, OPERATOR, JOB = (
    "public",
    "anyone",
    "read",
    "write",
    "admin",
    "operator",
    "job",
)

ROWS = {
    ("GET", "/livez"): (PUBLIC, {}),
    ("GET", "/readyz"): (PUBLIC, {}),
    ("GET", "/metrics"): (OPERATOR, {}),
    ("GET", "/v1/collections"): (ANYONE, {}),
    ("GET", C): (READ, {}),
    ("PUT", C): (ADMIN, {}),
    ("DELETE", C): (ADMIN, {}),
    ("GET", C + "/documents"): (READ, {}),
    ("POST", C + "/documents"): (WRITE, {"json": {"documents": [{"id": "new", "text": "new"}]}}),
    ("POST", C + "/documents/delete"): (WRITE, {"json": {"ids": ["nowhere"]}}),
    ("GET", C + "/document"): (READ, {"params": {"id": SHOWN}}),
    ("PUT", C + "/document"): (WRITE, {"params": {"id": "new"}, "json": {"text": "new"}}),
    ("PATCH", C + "/document"): (WRITE, {"params": {"id": SHOWN}, "json": {"metadata": {}}}),
    ("DELETE", C + "/document"): (WRITE, {"params": {"id": "nowhere"}}),
    ("GET", C + "/text"): (READ, {"params": {"id": SHOWN}}),
    ("GET", C + "/resolve"): (READ, {"params": {"evidence_id": "{evidence}"}}),
    ("POST", C + "/facets"): (READ, {"json": {"facets": [{"field": "source"}]}}),
    ("POST", C + "/feedback"): (
        READ,
        {"json": {"request_id": "req_1", "document_id": SHOWN, "useful": True}},
    ),
    ("GET", C + "/feedback"): (ADMIN, {}),
    ("GET", C + "/profiles"): (READ, {}),
    ("PUT", C + "/profiles/{profile}"): (ADMIN, {"json": {}}),
    ("DELETE", C + "/profiles/{profile}"): (ADMIN, {}),
    ("POST", C + "/search"): (READ, {"json": {"query": "tides"}}),
    ("POST", C + "/explain"): (READ, {"json": {"query": "tides", "document_id": SHOWN}}),
    ("POST", C + "/context"): (READ, {"json": {"query": "tides", "max_tokens": 100}}),
    ("POST", C + "/verify"): (READ, {"json": {"answer": "tides", "citations": []}}),
    ("GET", C + "/unread"): (READ, {}),
    ("POST", C + "/files"): (WRITE, {"files": [("files", ("up.txt", b"words"))]}),
    ("POST", C + "/estimate"): (WRITE, {"json": {"folder": "{folder}"}}),
    ("POST", C + "/sync"): (WRITE, {"json": {"folder": "{folder}"}}),
    ("GET", "/v1/aliases"): (ANYONE, {}),
    ("PUT", "/v1/aliases/{alias}"): (OPERATOR, {"json": {"collection": "c"}}),
    ("DELETE", "/v1/aliases/{alias}"): (OPERATOR, {}),
    ("GET", "/v1/jobs"): (ANYONE, {}),
    ("GET", "/v1/jobs/{job}"): (JOB, {}),
    ("GET", "/v1/jobs/{job}/events"): (JOB, {}),
    ("POST", "/v1/jobs/{job}/cancel"): (WRITE, {}),
    ("POST", "/v1/jobs/{job}/retry"): (WRITE, {}),
    ("GET", "/v1/model"): (ANYONE, {}),
    ("POST", "/v1/embed"): (ANYONE, {"json": {"texts": ["x"]}}),
    ("POST", "/v1/score"): (ANYONE, {"json": {"query": "x", "texts": ["y"]}}),
    ("POST", "/v1/embeddings"): (ANYONE, {"json": {"input": "x", "model": "default"}}),
    ("POST", "/embeddings"): (ANYONE, {"json": {"input": "x", "model": "default"}}),
    ("GET", "/v1/models"): (ANYONE, {}),
    ("GET", "/v1/models/{model:path}"): (ANYONE, {}),
    ("POST", "/v1/rerank"): (ANYONE, {"json": {"query": "x", "documents": ["y"]}}),
    ("POST", "/rerank"): (ANYONE, {"json": {"query": "x", "documents": ["y"]}}),
    ("POST", "/v2/rerank"): (ANYONE, {"json": {"query": "x", "documents": ["y"], "model": "default"}}),
    ("POST", "/v2/embed"): (
        ANYONE,
        {"json": {"texts": ["x"], "model": "default", "input_type": "search_query"}},
    ),
}

KEYS = {
    "reader": {"c": "read"},
    "writer": {"c": "write"},
    "manager": {"c": "admin"},
    "stranger": {"elsewhere": "admin"},
    "filtered": {"c": "read"},
    "operator": {"*": "admin"},
}
MAY = {
    ANYONE: set(KEYS),
    READ: set(KEYS) - {"stranger"},
    WRITE: {"writer", "manager", "operator"},
    ADMIN: {"manager", "operator"},
    OPERATOR: {"operator"},
    JOB: set(KEYS) - {"stranger", "filtered"},
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A service that needs keys, with a key of each kind, a collection and a job."""
    folder = tmp_path_factory.mktemp("guarded")
    synced = folder / "synced"
    synced.mkdir()
    (synced / "a.txt").write_text("a synced file")
    with serving(folder / "store", require_key=True, sync_roots=(synced,)) as app:
        made = KeyFile(app.state.service.settings.keys_file)
        keys = {
            name: made.create(name, scopes, filter={"metadata.acl": "all"} if name == "filtered" else None)[1]
            for name, scopes in KEYS.items()
        }
        with httpx.Client(base_url=app.state.url, timeout=20) as client:
            app.state.keys, app.state.client, app.state.folder = keys, client, synced
            fill(app)
            job = call(app, "operator", "POST", "/v1/collections/c/files", files=[("files", ("f", b"x"))])
            app.state.job = job.json()["id"]
            found = call(app, "operator", "POST", "/v1/collections/c/search", json={"query": "secret plan"})
            app.state.evidence = found.json()["data"][0]["evidence"][0]["id"]
            yield app


def fill(app):
    answer = call(app, "operator", "POST", "/v1/collections/c/documents", json={"documents": DOCUMENTS})
    assert answer.status_code == 200, answer.text


def call(app, key, method, path, **given):
    headers = {"Authorization": f"Bearer {app.state.keys.get(key, key)}"} if key else {}
    return app.state.client.request(method, path, headers=headers, **given)


def concrete(app, path, given):
    values = {
        "{collection}": "c",
        "{job}": getattr(app.state, "job", ""),
        "{model:path}": "hash",
        "{profile}": "mine",
        "{alias}": "also-c",
        "{folder}": str(getattr(app.state, "folder", "")),
        "{evidence}": getattr(app.state, "evidence", ""),
    }

    def fill_in(value):
        if isinstance(value, str):
            for name, own in values.items():
                value = value.replace(name, own)
            return value
        return {name: fill_in(one) for name, one in value.items()} if isinstance(value, dict) else value

    return fill_in(path), {name: fill_in(part) for name, part in given.items()}


def routes(app):
    for route in app.routes:
        for own in getattr(getattr(route, "original_router", None), "routes", [route]):
            if own.path not in ("/docs", "/docs/oauth2-redirect", "/openapi.json"):
                yield from ((method, own.path) for method in own.methods)


def test_every_route_has_a_row_and_every_row_a_route(guarded):
    assert set(routes(guarded)) == set(ROWS)


@pytest.mark.parametrize(("method", "path"), ROWS, ids=lambda value: value)
def test_a_route_lets_in_those_who_may_and_nobody_else(guarded, method, path):
    level, given = ROWS[method, path]
    path, given = concrete(guarded, path, given)
    for stranger in ("", "wrong", "ld_000000000000_wrong"):
        status = call(guarded, stranger, method, path, **given).status_code
        assert status == (200 if level == PUBLIC else 401), stranger
    for key in KEYS:
        answer = call(guarded, key, method, path, **given)
        if level == PUBLIC or key in MAY[level]:
            assert answer.status_code < 500, (key, answer.text)
            assert answer.status_code not in (401, 403), (key, answer.text)
        else:
            hidden = path.startswith("/v1/jobs/") and key in ("stranger", "filtered")
            assert answer.status_code == (404 if hidden else 403), (key, answer.text)
    if level in (WRITE, ADMIN):
        fill(guarded)


def test_a_filter_hides_a_document_from_every_route_that_could_show_it(guarded):
    fill(guarded)

    def asked(method, path, **given):
        return call(guarded, "filtered", method, "/v1/collections/c" + path, **given)

    for widening in (
        {},
        {"filter": {"metadata.acl": "board"}},
        {"filter": {"$or": [{"metadata.acl": "board"}, {"metadata.acl": "all"}]}},
        {"filter": {"$not": {"metadata.acl": "all"}}},
    ):
        hits = asked("POST", "/search", json={"query": "secret plan tides", **widening}).json()["data"]
        assert {hit["document"]["id"] for hit in hits} <= {SHOWN}, widening
    assert [one["id"] for one in asked("GET", "/documents").json()["data"]] == [SHOWN]
    for path, params in (
        ("/document", {"id": HIDDEN}),
        ("/text", {"id": HIDDEN}),
        ("/text", {"id": HIDDEN, "version": 1}),
    ):
        answer = asked("GET", path, params=params)
        nowhere = asked("GET", path, params={**params, "id": "nowhere"})
        assert answer.status_code == 404, path
        assert answer.json()["detail"].replace(HIDDEN, "nowhere") == nowhere.json()["detail"]
    resolved = asked("GET", "/resolve", params={"evidence_id": guarded.state.evidence}).json()
    assert (resolved["status"], resolved["text"], resolved["live_version"]) == ("gone", "", None)
    assert HIDDEN not in str(resolved)
    for given in (
        {"query": "secret plan"},
        {"evidence_ids": [guarded.state.evidence]},
        {"query": "secret plan", "search": {"filter": {"metadata.acl": "board"}}},
    ):
        packed = asked("POST", "/context", json={"max_tokens": 500, **given})
        assert packed.status_code == 200, packed.text
        assert "secret plan" not in packed.json()["text"]
        assert {one["document"]["id"] for one in packed.json()["citations"]} <= {SHOWN}
    one, other = (
        asked("POST", "/explain", json={"query": "secret plan", "document_id": doc_id}).text
        for doc_id in (HIDDEN, "nowhere")
    )
    assert one.replace(HIDDEN, "nowhere") == other
    counted = asked("POST", "/search", json={"query": "tides", "facets": [{"field": "metadata.acl"}]}).json()
    assert counted["facets"] == {"metadata.acl": [{"value": "all", "documents": 1}]}
    cited = {"n": 1, "document_id": HIDDEN, "version": 1, "start": 0, "end": 10}
    guess = {"answer": '"the secret plan" [1]', "citations": [cited]}
    assert asked("POST", "/verify", json=guess).status_code == 404
    assert asked("GET", "/text", params={"id": SHOWN}).json()["text"] == DOCUMENTS[1]["text"]
    assert call(guarded, "filtered", "GET", "/v1/jobs").json()["data"] == []


def test_a_filter_keeps_hidden_documents_out_of_the_counts_and_fields_of_a_collection(guarded):
    fill(guarded)
    secret = {"id": HIDDEN, "text": "the secret plan " * 300, "metadata": {"acl": "board", "price": 7}}
    call(guarded, "operator", "POST", "/v1/collections/c/documents", json={"documents": [secret]})
    [listed] = call(guarded, "filtered", "GET", "/v1/collections").json()["data"]
    shown = call(guarded, "filtered", "GET", "/v1/collections/c").json()
    assert shown == listed
    assert (shown["documents"], shown["characters"]) == (1, len(DOCUMENTS[1]["text"]))
    whole = call(guarded, "operator", "GET", "/v1/collections/c").json()
    assert whole["documents"] > 1
    assert whole["segments"] > shown["segments"] == 1
    assert set(whole["fields"]) - set(shown["fields"]) == {"metadata.price"}
    assert shown["fields"]["metadata.acl"] == ["string"]
    fill(guarded)


def test_files_that_could_not_be_read_are_listed_for_readers_without_a_filter(guarded):
    files = [("files", (name, b"%PDF-1.7 x")) for name in ("b.pdf", "c.pdf")]
    job = call(guarded, "writer", "POST", "/v1/collections/c/files", files=files).json()["id"]
    wait_until(lambda: call(guarded, "writer", "GET", f"/v1/jobs/{job}").json()["state"] == "done")
    at = "/v1/collections/c/unread"
    first = call(guarded, "reader", "GET", at, params={"limit": 1}).json()
    rest = call(guarded, "reader", "GET", at, params={"cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in (*first["data"], *rest["data"])] == ["b.pdf", "c.pdf"]
    assert first["data"][0]["reason"].startswith("damaged PDF")
    assert first["data"][0]["source"] == ""  # it lay in the store, and not for long
    assert rest["next_cursor"] is None
    assert call(guarded, "filtered", "GET", at).json()["data"] == []


def test_lists_show_only_what_the_key_may_read(guarded):
    call(guarded, "operator", "PUT", "/v1/collections/elsewhere")
    for key, names in (("reader", ["c"]), ("stranger", ["elsewhere"]), ("operator", ["c", "elsewhere"])):
        assert [one["name"] for one in call(guarded, key, "GET", "/v1/collections").json()["data"]] == names
    assert call(guarded, "stranger", "GET", "/v1/jobs").json()["data"] == []
    shown = call(guarded, "reader", "GET", f"/v1/jobs/{guarded.state.job}")
    assert shown.json()["paths"] == []
    assert str(guarded.state.service.settings.store) not in shown.text


def test_rights_are_those_of_the_collection_that_an_alias_means(guarded):
    fill(guarded)
    made = KeyFile(guarded.state.service.settings.keys_file)
    scopes = {
        "reaching": {"other": "admin", "live": "admin"},
        "both": {"c": "admin", "other": "admin", "live": "admin"},
        "alias-only": {"live": "read"},
        "all-but-one": {"*": "admin", "other": "read"},
    }
    keys = {name: made.create(name, given)[1] for name, given in scopes.items()}

    def asked(key, method, path, **given):
        return call(guarded, keys.get(key, key), method, path, **given)

    def ids(key):
        answer = asked(key, "POST", "/v1/collections/live/search", json={"query": "tides"})
        return answer.status_code, [hit["document"]["id"] for hit in answer.json().get("data", ())]

    asked("operator", "PUT", "/v1/collections/other")
    new = {"documents": [{"id": "o", "text": "tides of another collection"}]}
    assert asked("operator", "POST", "/v1/collections/other/documents", json=new).status_code == 200
    assert asked("both", "PUT", "/v1/aliases/live", json={"collection": "c"}).json() == {
        "name": "live",
        "collection": "c",
    }
    for key, status in (("reaching", 403), ("alias-only", 403), ("stranger", 403), ("reader", 200)):
        assert ids(key)[0] == status, key
    assert {HIDDEN, SHOWN} <= set(ids("reader")[1])
    assert ids("filtered") == (200, [SHOWN])
    for path in ("/document", "/text"):
        hidden = asked("filtered", "GET", f"/v1/collections/live{path}", params={"id": HIDDEN})
        assert hidden.status_code == 404
    refused = asked("alias-only", "GET", "/v1/collections/live")
    assert "'live'" in refused.json()["detail"]
    assert "'c'" not in refused.text
    for key, alias, target, status in (
        ("reaching", "live", "other", 403),  # it would take the name away from c
        ("reaching", "mine", "other", 403),  # not a name of its own
        ("reaching", "other", "other", 409),
        ("alias-only", "live", "c", 403),
        ("manager", "live", "c", 403),
        ("both", "live", "nowhere", 403),
        ("operator", "live", "nowhere", 404),
        ("operator", "c", "other", 409),
        ("operator", "live", "x/y", 422),
    ):
        answer = asked(key, "PUT", f"/v1/aliases/{alias}", json={"collection": target})
        assert answer.status_code == status, (key, alias, target, answer.text)
    assert asked("reaching", "DELETE", "/v1/aliases/live").status_code == 403
    in_use = asked("both", "DELETE", "/v1/collections/c")
    assert (in_use.status_code, in_use.json()["code"]) == (409, "alias_conflict")
    assert asked("both", "PUT", "/v1/aliases/live", json={"collection": "other"}).status_code == 200
    assert ids("reader") == (403, [])
    assert ids("reaching") == (200, ["o"])
    assert ids("all-but-one") == (200, ["o"])
    to_read_only = asked("all-but-one", "POST", "/v1/collections/live/documents", json=new)
    assert to_read_only.status_code == 403
    for key, names in (("reader", []), ("reaching", ["live"]), ("operator", ["live"])):
        assert [one["name"] for one in asked(key, "GET", "/v1/aliases").json()["data"]] == names
    files = [("files", ("f.txt", b"words"))]
    job = asked("reaching", "POST", "/v1/collections/live/files", files=files).json()
    assert job["collection"] == "other"
    assert (
        asked("operator", "POST", "/v1/collections/live/files", files=files).json()["collection"] == "other"
    )
    assert asked("both", "DELETE", "/v1/aliases/live").json() == {"deleted": ["live"]}
    assert asked("both", "DELETE", "/v1/aliases/live").json()["code"] == "alias_not_found"
    assert asked("operator", "DELETE", "/v1/collections/other").status_code == 200


def test_a_revoked_or_expired_key_is_not_let_in_and_its_secret_is_not_kept(guarded):
    made = KeyFile(guarded.state.service.settings.keys_file)
    key, secret = made.create("short", {"c": "read"})
    late, past = made.create("past", {"c": "read"}, expires_at="2020-01-01T00:00:00Z")
    assert call(guarded, secret, "GET", "/v1/collections/c").status_code == 200
    assert guarded.state.client.get("/v1/collections/c", headers={"X-API-Key": secret}).status_code == 200
    assert call(guarded, past, "GET", "/v1/collections/c").status_code == 401
    path = guarded.state.service.settings.keys_file
    assert secret.rpartition("_")[2] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert made.revoke(key.id)
    assert not made.revoke(key.id)
    made.revoke(late.id)
    refused = call(guarded, secret, "GET", "/v1/collections/c")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_key_that_makes_no_sense_is_not_made(tmp_path):
    made = KeyFile(tmp_path / "keys.json")
    for scopes, more in (
        ({}, {}),
        ({"c": "owner"}, {}),
        ({"c": "write"}, {"filter": {"id": "x"}}),
        ({"c": "read"}, {"expires_at": "2027-01-01"}),
        ({"c": "read"}, {"expires_at": "tomorrow"}),
    ):
        with pytest.raises(InvalidInputError):
            made.create("x", scopes, **more)
    with pytest.raises(InvalidFilterError):
        made.create("x", {"c": "read"}, filter={"$like": 1})
    assert made.keys() == ()
