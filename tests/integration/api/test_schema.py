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
