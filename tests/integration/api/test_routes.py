"""The routes of our own, over loopback."""

from __future__ import annotations

import pytest

from retriever.owner.client import OwnedEngine


def test_documents_come_in_are_found_and_their_spans_are_exact(http, texts, topics):
    answer = http.post(f"{texts}/search", json={"query": "knead the dough and bake bread", "limit": 2})
    assert answer.status_code == 200
    best = answer.json()["data"][0]
    assert best["document"]["id"] == "folder/bread.txt"
    evidence = best["evidence"][0]
    params = {"id": "folder/bread.txt", "start": evidence["start"], "end": evidence["end"]}
    text = http.get(f"{texts}/text", params=params).json()
    assert text["text"] == evidence["text"]
    [bread] = [document.text for document in topics if document.id == "bread"]
    assert text["text"] == bread[evidence["start"] : evidence["end"]]
    assert answer.headers["X-Request-Id"].startswith("req_")


def test_a_document_is_replaced_edited_and_deleted_only_in_the_version_that_was_seen(http, texts):
    one = {"id": "folder/tides.txt"}
    first = http.get(f"{texts}/document", params=one)
    assert first.headers["ETag"] == '"1.0"'
    url, seen = f"{texts}/document", {"If-Match": first.headers["ETag"]}
    edited = http.patch(url, params=one, headers=seen, json={"metadata": {"sea": True, "length": None}})
    assert (edited.status_code, edited.json()["metadata"], edited.headers["ETag"]) == (
        200,
        {"sea": True},
        '"1.1"',
    )
    for refused in (
        http.patch(url, params=one, headers=seen, json={"metadata": {}}),
        http.put(url, params=one, headers=seen, json={"text": "other"}),
        http.delete(url, params=one, headers=seen),
    ):
        assert (refused.status_code, refused.json()["code"]) == (412, "version_mismatch")
    replaced = http.put(url, params=one, headers={"If-Match": '"1"'}, json={"text": "the sea is salt"})
    assert replaced.json()["updated"] == ["folder/tides.txt"]
    cited = http.get(f"{texts}/text", params={**one, "start": 0, "end": 7, "version": 1}).json()
    assert (cited["version"], cited["text"]) == (1, "Nothing")
    assert http.get(f"{texts}/text", params={**one, "version": 9}).status_code == 404
    gone = http.delete(url, params=one, headers={"If-Match": '"2.0"'})
    assert gone.json() == {"deleted": ["folder/tides.txt"], "missing": []}
    assert http.get(url, params=one).json()["code"] == "document_not_found"


def test_lists_come_in_pages_that_hold_everything_once(http, texts):
    seen, cursor = [], None
    while True:
        page = http.get(
            f"{texts}/documents", params={"limit": 3, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += [info["id"] for info in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ["folder/bread.txt", "folder/courts.txt", "folder/locks.txt", "folder/tides.txt"]
    assert http.get(f"{texts}/documents", params={"coverage_lt": 1}).json()["data"] == []
    for cursor in ("x", "c_x", "c_eyJ"):
        answer = http.get(f"{texts}/documents", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_documents_are_deleted_by_ids_and_by_filter(http, texts):
    url = f"{texts}/documents/delete"
    answer = http.post(url, json={"ids": ["folder/bread.txt", "nowhere"]})
    assert answer.json() == {"deleted": ["folder/bread.txt"], "missing": ["nowhere"]}
    longer = http.post(url, json={"filter": {"metadata.length": {"$gt": 80}}}).json()["deleted"]
    assert longer == ["folder/courts.txt"]
    for body in ({}, {"filter": {}}, {"ids": [], "filter": {"id": "x"}}):
        assert http.post(url, json=body).status_code == 422


def test_an_unknown_field_is_refused_at_every_depth_and_named(http, texts):
    for body, field in (
        ({"query": "x", "limt": 3}, "limt"),
        ({"query": "x", "limit": "3"}, "limit"),
        ({"query": "x", "filter": []}, "filter"),
        ({"documents": [{"id": "a", "text": "b", "txt": "c"}]}, "documents.0.txt"),
    ):
        route = "documents" if "documents" in body else "search"
        answer = http.post(f"{texts}/{route}", json=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "invalid_request"
        assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_problems_have_stable_codes_and_name_no_folder(http, texts, app):
    unknown = {"query": "x", "filter": {"metadata.nothing": 1}}
    backwards = {"id": "folder/bread.txt", "start": 9, "end": 3}
    for answer, status, code in (
        (http.post(f"{texts}/search", json=unknown), 422, "unknown_field"),
        (http.post(f"{texts}/search", json={"query": " "}), 422, "invalid_input"),
        (http.post("/v1/collections/none/search", json={"query": "x"}), 404, "collection_not_found"),
        (http.get("/v1/collections/none"), 404, "collection_not_found"),
        (http.get("/v1/collections/.hidden"), 422, "invalid_request"),
        (http.get(f"{texts}/text", params={"id": "nowhere"}), 404, "document_not_found"),
        (
            http.get(f"{texts}/text", params=backwards),
            422,
            "invalid_input",
        ),
        (http.get("/v1/jobs/none"), 404, "not_found"),
        (http.get("/nowhere"), 404, "not_found"),
        (http.delete("/livez"), 405, "method_not_allowed"),
        (http.post(f"{texts}/search", content=b"{"), 422, "invalid_request"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.json()["type"] == f"urn:longdoc:problem:{code}"
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
        assert str(app.state.service.settings.store) not in answer.text


def test_lone_surrogates_are_refused_and_the_service_goes_on(http, texts):
    lone, json = "\\ud800", {"Content-Type": "application/json"}
    bad = [
        '{"id": "text", "text": "a%s"}',
        '{"id": "name%s", "text": "words"}',
        '{"id": "title", "text": "words", "title": "%s"}',
        '{"id": "metadata", "text": "words", "metadata": {"a": {"b": ["%s"]}}}',
        '{"id": "key", "text": "words", "metadata": {"a%s": 1}}',
    ]
    for one in bad:  # more than the workers of the bulk queue
        body = '{"documents": [%s, {"id": "good", "text": "words"}]}' % (one % lone)
        answer = http.post(f"{texts}/documents", content=body, headers=json)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["failed"]) == 1, answer.text
    for verb, route, body in (
        ("post", "documents", '{"documents": [], "x%s": 1}'),
        ("put", "document?id=x", '{"text": "words", "metadata": {"a": "%s"}}'),
        ("patch", "document?id=folder/tides.txt", '{"metadata": {"a": "%s"}}'),
        ("post", "documents/delete", '{"ids": ["%s"]}'),
        ("post", "documents/delete", '{"filter": {"id": "%s"}}'),
        ("post", "search", '{"query": "%s"}'),
        ("post", "search", '{"query": "x", "filter": {"metadata.a": "%s"}}'),
        ("post", "search", '{"query": "x", "filter": {"metadata.a%s": "x"}}'),
    ):
        answer = http.request(verb, f"{texts}/{route}", content=body % lone, headers=json)
        assert answer.status_code == 422, (route, body, answer.text)
    good = {"documents": [{"id": "good", "text": "words"}, {"id": "last", "text": "more words"}]}
    assert http.post(f"{texts}/documents", json=good).json()["added"] == ["last"]


def test_collections_are_made_listed_and_deleted(http):
    made = http.put("/v1/collections/empty")
    assert (made.status_code, made.json()["documents"], made.json()["dim"]) == (200, 0, 32)
    assert "empty" in [one["name"] for one in http.get("/v1/collections").json()["data"]]
    assert http.delete("/v1/collections/empty").json() == {"deleted": ["empty"]}
    assert http.delete("/v1/collections/empty").status_code == 404


def test_an_upload_becomes_a_job_whose_events_end_with_its_report(http, texts):
    files = [
        ("files", ("deep/er/a.txt", b"about apples and pears")),
        ("files", ("b.md", b"# Title\n\nabout bread")),
    ]
    answer = http.post(f"{texts}/files", files=files)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    with http.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
        lines = list(stream.iter_lines())
    assert lines[-3] == "event: end"
    ended = http.get(f"/v1/jobs/{job['id']}").json()
    assert (ended["state"], ended["report"]["added"]) == ("done", ["b.md", "deep/er/a.txt"])
    assert job["id"] in [one["id"] for one in http.get("/v1/jobs").json()["data"]]
    assert http.get(f"{texts}/document", params={"id": "deep/er/a.txt"}).status_code == 200


def test_names_of_files_that_lead_out_are_refused(http, texts):
    for name in ("../x.txt", "/etc/x.txt", "a/../../x", ".hidden", "a/.git/x", "a\\b.txt", "a//b", "x" * 300):
        answer = http.post(f"{texts}/files", files=[("files", (name, b"text"))])
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), name
    twice = [("files", ("a.txt", b"1")), ("files", ("a.txt", b"2"))]
    assert http.post(f"{texts}/files", files=twice).status_code == 422


def test_sync_reads_only_allowed_folders(http, texts, tmp_path):
    answer = http.post(f"{texts}/sync", json={"folder": str(tmp_path)})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_context_is_packed_and_an_answer_checked_against_it(http, texts):
    packed = http.post(f"{texts}/context", json={"query": "bake bread", "max_tokens": 200}).json()
    assert packed["tokens"]["used"] <= 200
    cited = packed["citations"][0]
    reference = {
        "n": cited["n"],
        "document_id": cited["document"]["id"],
        **{name: cited[name] for name in ("start", "end")},
        "version": cited["document"]["version"],
    }
    answer = 'First "knead the dough, let it rise for an hour" [1], then "burn it" [1].'
    checked = http.post(f"{texts}/verify", json={"answer": answer, "citations": [reference]}).json()
    assert [one["status"] for one in checked["quotes"]] == ["normalised", "not_found"]
    [first, _] = checked["quotes"]
    span = {"id": first["document_id"], "start": first["start"], "end": first["end"]}
    assert http.get(f"{texts}/text", params=span).json()["text"].startswith("Knead the dough")


def test_a_context_opens_no_tokenizer_that_the_settings_do_not_list(http, texts):
    for name in ("/etc/passwd", "gpt2", "owner/model", "../x"):
        asked = {"query": "x", "max_tokens": 10, "tokenizer": name}
        answer = http.post(f"{texts}/context", json=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_a_call_with_an_idempotency_key_is_done_once(http, texts):
    url, key = f"{texts}/documents", {"Idempotency-Key": "once-1"}
    body = {"documents": [{"id": "new", "text": "some words"}]}
    first = http.post(url, json=body, headers=key)
    again = http.post(url, json=body, headers=key)
    assert first.json()["added"] == ["new"]
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    other = http.post(url, json={"documents": [{"id": "other", "text": "words"}]}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    files = [("files", ("up.txt", b"words of a file"))]
    jobs = {
        http.post(f"{texts}/files", files=files, headers={"Idempotency-Key": "up"}).json()["id"] for _ in "12"
    }
    assert len(jobs) == 1
    wrong = [http.post(f"{texts}/files", json={}, headers={"Idempotency-Key": "wrong"}) for _ in "12"]
    assert [one.status_code for one in wrong] == [422, 422]


@pytest.mark.parametrize("error", [FileNotFoundError, OSError, KeyError, RuntimeError])
def test_what_breaks_inside_is_answered_without_a_word_about_the_inside(http, texts, monkeypatch, error):
    def broken(*_):
        raise error("/srv/store/collections/topics/rows.npy")

    monkeypatch.setattr(OwnedEngine, "search", broken)
    answer = http.post(f"{texts}/search", json={"query": "tides"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "/srv" not in answer.text
