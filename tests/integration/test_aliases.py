"""Further names of collections: followed by every door, moved from one instant to the next."""

from __future__ import annotations

import asyncio
import json
import threading
from itertools import cycle, islice

import pytest
from click.testing import CliRunner

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.errors import AliasConflictError, AliasNotFoundError, CollectionNotFoundError
from indexers.remote_settings import MEMORY, RemoteSettings
from retriever import AsyncRetriever, Retriever
from retriever.cli import longdoc
from retriever.types import Alias
from tests.qdrant_server import QdrantServer
from tests.support import stop_owner, wait_until

ENCODER = "hash:32"


@pytest.fixture(params=["embedded", "memory", "server"])
def opened(request, tmp_path):
    """Open collections of one store: in its folder, on the client library's stand-in, or on a server."""
    server = QdrantServer() if request.param == "server" else None
    place = str(tmp_path / "shared") if server else ""
    remote = {
        "embedded": None,
        "memory": RemoteSettings(url=MEMORY),
        "server": RemoteSettings(url=server.url if server else "http://none", place=place),
    }[request.param]
    folders, opened = set(), []

    def open_one(collection, folder="one"):
        folders.add(tmp_path / folder)
        one = Retriever.open(tmp_path / folder, collection=collection, encoder=ENCODER, qdrant=remote)
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()
    for folder in folders:
        stop_owner(folder)
    if server:
        server.close()


def fill(opened, **counts):
    """Make collections; each document of one says which it is of."""
    for collection, count in counts.items():
        opened(collection).add(
            [
                Document(id=f"{collection}-{n}", text=f"the tide of {collection} rises, part {n}. " * 60)
                for n in range(count)
            ]
        )


def owners(result):
    return {hit.document.id.rpartition("-")[0] for hit in result.hits}


def test_every_call_through_an_alias_is_one_on_the_collection_that_it_means(opened):
    fill(opened, old=2, new=3)
    live = opened("live")
    with pytest.raises(CollectionNotFoundError, match="no collection 'live'"):
        live.search("tide")
    assert live.set_alias("live", "old") == Alias(name="live", collection="old")
    assert [info.id for info in live.list()] == ["old-0", "old-1"]
    assert live.describe().name == "old"
    found = live.search("which tide", limit=5)
    assert owners(found) == {"old"}
    assert opened("old").get("old-0") == live.get("old-0")
    live.add([Document(id="old-2", text="added through the alias")])
    assert opened("old").text("old-2") == "added through the alias"
    live.patch("old-2", {"year": 2021})
    assert live.delete_where({"metadata.year": 2021}) == ("old-2",)
    live.feedback(found.meta.request_id, "old-0", useful=True)
    assert [one.document_id for one in opened("old").judgements()] == ["old-0"]
    assert live.collections() == ("new", "old")
    live.set_alias("live", "new")
    assert live.describe().documents == 3
    assert owners(live.search("which tide")) == {"new"}
    live.set_alias("second", "live")  # an alias of an alias means the collection
    live.remove_alias("live")
    assert live.aliases() == (Alias(name="second", collection="new"),)
    assert opened("second").describe().name == "new"
    with pytest.raises(CollectionNotFoundError):
        live.search("tide")


def test_what_stands_in_each_others_way_is_refused_and_nothing_changes(opened):
    fill(opened, old=1, new=1)
    one = opened("old")
    one.set_alias("live", "old")
    before = one.aliases()
    with pytest.raises(AliasConflictError, match="'new' is a collection and cannot be an alias of 'old'"):
        one.set_alias("new", "old")
    with pytest.raises(CollectionNotFoundError, match=r"no collection 'nowhere'.*there are: new, old"):
        one.set_alias("live", "nowhere")
    for name in ("", "a/b", "../live", "x" * 65, "old@2"):
        with pytest.raises(InvalidInputError, match="named by 1 to 64 letters"):
            one.set_alias(name, "old")
    with pytest.raises(AliasNotFoundError, match="no alias 'other'; there are: live"):
        one.remove_alias("other")
    for door in (one, opened("live")):
        with pytest.raises(AliasConflictError, match="the collection 'old' has the alias 'live'"):
            door.drop()
    assert one.aliases() == before
    assert opened("live").create().name == "old"  # it is there, and stays as it is
    one.remove_alias("live")
    one.drop()
    assert one.collections() == ("new",)


def test_searches_see_one_collection_or_the_other_while_an_alias_moves(opened):
    fill(opened, old=4, new=4)
    live = opened("live")
    live.set_alias("live", "old")
    done, failed, seen = threading.Event(), [], []

    def search():
        mine = opened("live")
        while not done.is_set():
            try:
                result = mine.search("which tide rises", limit=4)
                assert len(result.hits) == 4
                [owner] = owners(result)
                seen.append(owner)
            except Exception as error:  # whatever it is, it is a failed query
                failed.append(error)

    searchers = [threading.Thread(target=search) for _ in range(3)]
    for thread in searchers:
        thread.start()
    for target in islice(cycle(["new", "old"]), 12):
        before = len(seen)
        live.set_alias("live", target)
        assert owners(live.search("which tide")) == {target}  # from that instant on
        wait_until(lambda start=before: failed or len(seen) > start + 6)
    done.set()
    for thread in searchers:
        thread.join()
    assert failed == []
    assert set(seen) == {"old", "new"}


@pytest.mark.parametrize("opened", ["embedded", "server"], indirect=True)
def test_an_alias_outlives_a_migration_and_the_process(opened, tmp_path):
    fill(opened, old=2)
    live = opened("live")
    live.set_alias("live", "old")
    live.migrate("hash:48")
    assert (live.describe().name, live.describe().dim) == ("old", 48)
    live.drop_predecessors()
    assert owners(live.search("which tide")) == {"old"}
    stop_owner(tmp_path / "one")
    assert owners(live.search("which tide")) == {"old"}


@pytest.mark.parametrize("opened", ["server"], indirect=True)
def test_another_service_follows_an_alias_at_its_next_call(opened):
    fill(opened, old=2, new=2)
    here, there = opened("live"), opened("live", "two")
    for target in ("old", "new", "old"):
        here.set_alias("live", target)
        assert owners(there.search("which tide")) == {target}
    there.remove_alias("live")
    with pytest.raises(CollectionNotFoundError):
        here.search("tide")


def test_a_copy_takes_aliases_along_and_a_backup_too(tmp_path):
    folders = [tmp_path / name for name in ("here", "there", "back")]

    def opened(collection, folder=folders[0]):
        return Retriever.open(folder, collection=collection, encoder=ENCODER)

    fill(opened, old=1, new=1)
    opened("old").set_alias("live", "old")
    opened("old").set_alias("next", "new")
    report = opened("old").copy_to(folders[1], collections=["live"])
    assert (report.collections, report.aliases) == (("old",), ("live",))
    assert owners(opened("live", folders[1]).search("tide")) == {"old"}
    assert opened("old", folders[1]).aliases() == (Alias(name="live", collection="old"),)
    opened("next", folders[1]).add([Document(id="x", text="a collection of this name")])
    stop_owner(folders[1])
    with pytest.raises(AliasConflictError, match="'next' is an alias in one store and a collection"):
        opened("old").copy_to(folders[1])
    opened("old").back_up(tmp_path / "x.backup")
    Retriever.restore(tmp_path / "x.backup", folders[2])
    assert owners(opened("next", folders[2]).search("tide")) == {"new"}
    for folder in folders:
        stop_owner(folder)


def test_a_retriever_in_this_process_follows_too(tmp_path):
    with Retriever.open(tmp_path / "s", collection="old", encoder=ENCODER, in_process=True) as one:
        one.add([Document(id="x", text="the tide rises")])
        one.set_alias("live", "old")
    with Retriever.open(tmp_path / "s", collection="live", encoder=ENCODER, in_process=True) as live:
        assert live.encoder.dim == 32
        result = live.search("tide", limit=1)
        live.feedback(result.meta.request_id, "x", useful=True)
        assert live.context("tide", max_tokens=50).citations[0].document.id == "x"
        live.remove_alias("live")
        live.add([Document(id="y", text="by now a collection of its own")])
        assert live.collections() == ("live", "old")


def test_the_command_and_the_awaited_door_set_list_and_remove(tmp_path):
    store = tmp_path / "s"

    def run(*arguments, code=0):
        done = CliRunner().invoke(longdoc, ["alias", *arguments, "--store", str(store), "--encoder", ENCODER])
        assert done.exit_code == code, done.output
        return done.output

    with Retriever.open(store, collection="old", encoder=ENCODER) as one:
        one.add([Document(id="x", text="the tide rises")])
    assert run() == ""
    assert run("live", "old") == "live means old\n"
    assert json.loads(run("--json")) == [{"name": "live", "collection": "old"}]
    found = CliRunner().invoke(
        longdoc, ["search", "tide", "--collection", "live", "--store", str(store), "--encoder", ENCODER]
    )
    assert "x" in found.output
    assert "no collection 'nowhere'" in run("live", "nowhere", code=1)
    assert "say which COLLECTION" in run("live", code=2)
    assert "alone" in run("live", "old", "--remove", code=2)
    assert run("live", "--remove") == "removed live\n"

    async def awaited():
        async with await AsyncRetriever.open(store, collection="live", encoder=ENCODER) as one:
            await one.set_alias("live", "old")
            known = await one.aliases()
            hits = (await one.search("tide")).hits
            await one.remove_alias("live")
            return known, [hit.document.id for hit in hits], await one.aliases()

    assert asyncio.run(awaited()) == ((Alias(name="live", collection="old"),), ["x"], ())
    stop_owner(store)
