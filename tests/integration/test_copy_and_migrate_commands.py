"""`longdoc copy` and `longdoc migrate`, done by the store's process."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from eval.targets import open_target
from eval.types import Query
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
    held = run("migrate", "hash:48", "--hold", "--store", there, "--encoder", "hash:32")
    assert (held["now"], held["switched"]) == ("default@2", False)
    target = open_target(f"store:{there}/default@2", limit=3, load=lambda: None)  # to be judged beside it
    assert [
        one.doc_id for one in target.answer(Query(id="q", text="tide", origin="q", local_id="q")).documents
    ] == ["note.txt"]
    migrated = run("migrate", "hash:48", "--store", there, "--encoder", "hash:32")
    assert (migrated["now"], migrated["was"], migrated["documents"]) == ("default@2", "default", 1)
    found = run("search", "tide", "--store", there, "--encoder", "hash:32")  # the collection knows better
    assert "note.txt" in json.dumps(found)
    assert run("migrate", "--drop-old", "--store", there) == {"dropped": ["default"]}
    for store in (here, there):
        stop_owner(store)
