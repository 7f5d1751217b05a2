"""`longdoc copy` and `longdoc migrate`, done by the store's process."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from retriever.cli import longdoc
from tests.qdrant_server import QdrantServer
from tests.support import stop_owner


def run(*arguments):
    done = CliRunner().invoke(longdoc, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def server():
    running = QdrantServer()
    yield running
    running.close()


def test_a_store_is_copied_to_a_server_and_migrated_there(server, tmp_path):
    (tmp_path / "note.txt").write_text("The tide rises twice a day along the coast. " * 40)
    here, there = tmp_path / "here", tmp_path / "there"
    run("index", tmp_path / "note.txt", "--store", here, "--encoder", "hash:32")
    copied = run("copy", here, there, "--qdrant", server.url)
    assert (copied["collections"], copied["documents"]) == (["default"], 1)
    found = run("search", "tide", "--store", there, "--encoder", "hash:32")
    assert json.dumps(found).count("note.txt") >= 1
    migrated = run("migrate", "hash:48", "--store", there, "--encoder", "hash:32")
    assert (migrated["now"], migrated["was"], migrated["documents"]) == ("default@2", "default", 1)
    found = run("search", "tide", "--store", there, "--encoder", "hash:32")  # the collection knows better
    assert "note.txt" in json.dumps(found)
    assert run("migrate", "--drop-old", "--store", there) == {"dropped": ["default"]}
    for store in (here, there):
        stop_owner(store)
