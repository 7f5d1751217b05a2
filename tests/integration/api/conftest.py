from __future__ import annotations

import httpx
import pytest

from tests.live import serving


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("live") / "store") as app:
        yield app


@pytest.fixture
def http(app):
    with httpx.Client(base_url=app.state.url, timeout=20) as client:
        yield client


@pytest.fixture
def texts(http, topics):
    """A collection of the four topics, made anew."""
    name = "topics"
    http.delete(f"/v1/collections/{name}")
    documents = [
        {"id": f"folder/{document.id}.txt", "text": document.text, "metadata": dict(document.metadata)}
        for document in topics
    ]
    answer = http.post(f"/v1/collections/{name}/documents", json={"documents": documents})
    assert answer.status_code == 200, answer.text
    return f"/v1/collections/{name}"
