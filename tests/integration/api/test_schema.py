"""The whole OpenAPI document, attacked: no 500, no undocumented status, no answer off its schema.

`LONGDOC_SCHEMA_EXAMPLES` sets how many calls each operation gets, then by chance; some hundred take minutes.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from api.app import create_app
from api.examples import REQUESTS
from api.middleware_once import done_once
from api.service import Service
from api.settings import Settings
from tests.live import serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its dependencies
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

ASKED = os.environ.get("LONGDOC_SCHEMA_EXAMPLES")
UNKEYED = {"/livez", "/readyz", "/metrics"}
EXAMPLES = int(ASKED or "3")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def operations():
    """Every operation of the document, without a running service."""
    app = create_app(Service(Settings(store=Path("unused"))))
    document = schemathesis.openapi.from_dict(app.openapi())
    for found in document.get_all_operations():
        operation = found.ok()
        yield pytest.param(operation, id=operation.label)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("attacked") / "store", encoder="hash:8") as app:
        document = {"id": "a", "text": "The tide rises twice a day.", "metadata": {"year": 2021}}
        httpx.post(f"{app.state.url}/v1/collections/contracts/documents", json={"documents": [document]})
        yield app.state.url


@pytest.mark.parametrize("operation", list(operations()))
def test_no_call_makes_the_service_break_its_word(attacked, operation):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not ASKED,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def attack(case):
        answer = case.call(base_url=attacked, timeout=20)
        case.validate_response(answer, checks=CHECKS)
        assert "Traceback" not in answer.text

    attack()


def test_every_json_body_has_an_example_that_is_answered(attacked):
    document = httpx.get(f"{attacked}/openapi.json").json()
    described = schemathesis.openapi.from_dict(document)
    found = {
        operation["operationId"]: (method, path, operation["requestBody"]["content"]["application/json"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert set(found) == set(REQUESTS)
    for name in REQUESTS:
        method, path, content = found[name]
        answer = httpx.request(
            method,
            attacked + path.format(collection="examples", profile="mine", alias="live"),
            params={"id": "emea/msa-2021.txt"} if path.endswith("/document") else {},
            headers={"X-Request-Id": "req_01"},
            json=content["example"],
            timeout=20,
        )
        folder = name in ("estimate", "sync_folder")  # of a machine that has it, and allows it
        assert answer.status_code == (403 if folder else 200), (name, answer.text)
        described[path][method.upper()].validate_response(answer)
        if name == "verify":
            assert [one["status"] for one in answer.json()["quotes"]] == ["exact"]
        if name == "delete_documents":
            assert answer.json()["deleted"] == ["emea/msa-2021.txt"]


def test_what_a_route_can_answer_is_documented():
    document = create_app(Service(Settings(store=Path("unused")))).openapi()
    conditional, once = set(), set()
    for path, operations_of in document["paths"].items():
        for method, operation in operations_of.items():
            held = {one["name"] for one in operation.get("parameters", ())}
            name = operation["operationId"]
            if path not in UNKEYED:  # an encoder behind an endpoint, an extra that is not installed
                assert {"501", "502"} <= operation["responses"].keys(), name
            if "If-Match" in held:
                conditional.add(name)
                assert "412" in operation["responses"], name
            if done_once(method.upper(), path):
                once.add(name)
                assert {"409", "507"} <= operation["responses"].keys(), name
    assert conditional == {"put_document", "patch_document", "delete_document"}
    assert {"add_documents", "delete_documents", "upload_files", "sync_folder", "retry_job"} <= once
    assert "412" in document["paths"]["/v1/collections/{collection}/documents/delete"]["post"]["responses"]


def test_a_condition_that_does_not_hold_is_answered_as_documented(attacked):
    url = f"{attacked}/v1/collections/contracts/document"
    httpx.put(url, params={"id": "kept"}, json={"text": "The rent is due."})
    for call in (
        lambda match: httpx.put(url, params={"id": "kept"}, json={"text": "New."}, headers=match),
        lambda match: httpx.patch(url, params={"id": "kept"}, json={"metadata": {}}, headers=match),
        lambda match: httpx.delete(url, params={"id": "kept"}, headers=match),
    ):
        found = call({"If-Match": "0"})
        assert (found.status_code, found.json()["code"]) == (412, "version_mismatch")
