"""Fixtures shared by all kinds of test."""

from __future__ import annotations

import pytest

from encoders.fake import HashEncoder
from encoders.types import Document
from retriever import Retriever
from tests.support import stop_owner

TOPICS = {
    "tides": "The moon pulls the sea and the tide rises twice a day along the coast.",
    "bread": "Knead the dough, let it rise for an hour and bake the bread until the crust is brown.",
    "locks": "A lock lets one process write while the others wait until the file is released.",
    "courts": "The tenant shall pay the rent on the first day of each month, or the landlord may sue.",
}


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left(tmp_path_factory):
    """End the processes that own stores of tests."""
    yield
    for address in tmp_path_factory.getbasetemp().rglob("owner.json"):
        stop_owner(address.parent)


@pytest.fixture
def encoder():
    return HashEncoder(dim=64)


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def retriever(store_path, encoder):
    with Retriever.open(store_path, encoder=encoder) as opened:
        yield opened


@pytest.fixture
def topics():
    """Four documents about different things, each some segments long."""
    filler = "Nothing of note happened on the way and so the report goes on for a while. "
    return [
        Document(id=name, text=filler * 12 + text + " " + filler * 12, metadata={"length": len(text)})
        for name, text in TOPICS.items()
    ]
