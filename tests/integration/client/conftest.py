from __future__ import annotations

import uuid

import pytest

from retriever import Client, Retriever
from tests.live import ENCODER, serving


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("live") / "store") as app:
        yield app


@pytest.fixture
def name():
    """A collection of the test's own."""
    return uuid.uuid4().hex


@pytest.fixture
def client(app, name):
    with Client(app.state.url, collection=name, timeout_s=20) as opened:
        yield opened


@pytest.fixture
def embedded(app, name):
    """The same collection through the embedded door."""
    with Retriever.open(app.state.service.settings.store, collection=name, encoder=ENCODER) as opened:
        yield opened
