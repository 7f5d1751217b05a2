"""Fixtures shared by all kinds of test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # haystack reads it when it is imported

from encoders.fake import HashEncoder
from retriever import Retriever
from tests.support import stop_owner, topic_documents

MEMORY = Path("/dev/shm")


def pytest_configure():
    """Keep temporary files in memory where there is room: half of a test's time was waiting for fsync."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 8 << 30:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


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
    return topic_documents()
