"""The remote SDK over a real service on the loopback answers as the embedded one does."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from encoders.errors import InvalidInputError, RetrievalError
from encoders.types import Document, Mark, Span
from indexers.errors import (
    AliasConflictError,
    AliasNotFoundError,
    ClosedError,
    CollectionNotFoundError,
    DocumentNotFoundError,
    UnknownFieldError,
    VersionMismatchError,
)
from retriever import AsyncClient, Client
from retriever.cli import longdoc
from retriever.embedded import BaseRetriever
from retriever.errors import (
    AnswerNotKnownError,
    NotFoundError,
    NotOfferedError,
    PermissionDeniedError,
    ProfileNotFoundError,
)
from retriever.profile import SearchProfile
from retriever.remote import batches as batching
from retriever.remote import uploads as uploading
from retriever.types import Alias


def test_it_answers_as_the_embedded_retriever_does(client, embedded, topics):
    report = client.add(topics)
    assert report.added == ("tides", "bread", "locks", "courts")
    for options in (
        {},
        {"limit": 2, "evidence": 1},
        {"filter": {"metadata.length": {"$gt": 80}}, "explain": True},
    ):
        found = client.search("knead the dough and bake bread", **options)
        assert found.hits == embedded.search("knead the dough and bake bread", **options).hits
    assert client.list() == embedded.list()
    assert client.get("bread") == embedded.get("bread")
    assert client.text("bread") == topics[1].text
    assert client.text("bread", 3, 20) == topics[1].text[3:20]
    assert client.describe() == embedded.describe()
    assert client.describe().name in client.collections()
    assert client.model() == embedded.model()
    evidence = found.hits[0].evidence[0]
    assert client.resolve(evidence.id) == embedded.resolve(evidence.id)
    assert client.resolve_span("bread", 1, 3, 20) == embedded.resolve_span("bread", 1, 3, 20)
    asked = ("knead the dough and bake bread", "tides")
    assert client.explain(*asked) == embedded.explain(*asked)
    context = client.context("knead the dough and bake bread", max_tokens=300, order="edges")
    assert context.citations == embedded.context(asked[0], max_tokens=300, order="edges").citations
    answer = f'It says "{context.citations[0].quote.exact}" [1].'
    assert client.verify(answer, context) == embedded.verify(answer, context)
    assert client.embed(["a text", "another"]) == embedded.embed(["a text", "another"])
    assert client.score("rent", ["the rent", "bread"]) == embedded.score("rent", ["the rent", "bread"])


def test_lists_facets_and_profiles_are_those_of_the_collection(client, embedded, topics):
    client.add(topics)
    where = {"metadata.length": {"$gt": 80}}
    page = client.documents(limit=1, filter=where)
    assert page.documents == embedded.documents(limit=1, filter=where).documents
    rest = client.documents(limit=9, filter=where, cursor=page.next_cursor)
    assert [info.id for info in (*page, *rest)] == ["bread", "courts"]
    assert client.facets(["metadata.length"]) == embedded.facets(["metadata.length"])
    kept = client.save_profile("dense", SearchProfile(weights={"segment_dense": 1.0}))
    assert client.profiles()["dense"] == kept == embedded.profiles()["dense"]
    client.delete_profile("dense")
    assert client.profiles().keys() == {"default"}
    with pytest.raises(ProfileNotFoundError):
        client.delete_profile("dense")
    with pytest.raises(NotOfferedError, match="key"):
        client.get("bread", mandatory=where)


def test_an_answer_goes_on_where_it_stopped(client, topics):
    client.add(topics)
    first = client.search("bread", limit=3)
    second = client.search("bread", limit=3, cursor=first.next_cursor)
    assert [hit.rank for hit in (*first, *second)] == [1, 2, 3, 4]
    assert len({hit.document.id for hit in (*first, *second)}) == 4


def test_feedback_is_kept_with_the_collection(client, embedded, topics):
    client.add(topics)
    found = client.search("knead the dough and bake bread", limit=1)
    said = client.feedback(found.meta.request_id, "bread")
    assert (said.rank, said.query, said.useful) == (1, "knead the dough and bake bread", True)
    assert client.judgements() == embedded.judgements() == (said,)
    with pytest.raises(AnswerNotKnownError, match="req_none"):
        client.feedback("req_none", "bread")
    with pytest.raises(DocumentNotFoundError):
        client.feedback(found.meta.request_id, "nothing")


def test_changes_arrive_and_conditions_hold(client, embedded, topics):
    client.add(topics)
    patched = client.patch("bread", {"kind": "food", "length": None})
    assert (patched.metadata, patched.revision) == ({"kind": "food"}, 1)
    with pytest.raises(VersionMismatchError):
        client.patch("bread", {}, if_version=1, if_revision=0)
    with pytest.raises(VersionMismatchError):
        client.delete(["bread"], if_version=2)
    assert client.patch("bread", {"kind": "loaf"}, if_version=1, if_revision=1).revision == 2
    assert client.delete(["bread", "nothing"], if_version=1) == ("bread",)
    assert client.delete_where({"metadata.length": {"$gt": 0}}) == ("courts", "locks", "tides")
    assert embedded.list() == ()
    client.drop()
    with pytest.raises(CollectionNotFoundError):
        client.describe()
    assert client.create() == embedded.describe()


CALLS = {
    "nothing indexed": lambda r: r.search("bread"),
    "no document": lambda r: r.get("nothing"),
    "no text": lambda r: r.text("nothing"),
    "inverted": lambda r: r.text("one", 5, 2),
    "negative": lambda r: r.text("one", -1),
    "past the end": lambda r: r.text("one", 0, 6),
    "empty query": lambda r: r.search(""),
    "limit": lambda r: r.search("words", limit=0),
    "unknown field": lambda r: r.search("words", filter={"metadata.lenght": 1}),
    "unknown operator": lambda r: r.search("words", filter={"source": {"$near": 1}}),
    "empty filter": lambda r: r.delete_where({}),
    "no evidence": lambda r: r.resolve("ev_?"),
    "one string": lambda r: r.delete("one"),
    "one path": lambda r: r.index("one"),
    "no file": lambda r: r.index(["/there/is/no/such/file"]),
    "no job": lambda r: r.job("nothing"),
    "no unicode": lambda r: r.get("\ud800"),
    "no unicode in a body": lambda r: r.patch("one", {"a": "\ud800"}),
    "bad patch": lambda r: r.patch("one", {"a.b": 1}),
}


@pytest.mark.parametrize("case", CALLS)
def test_errors_are_those_of_the_embedded_retriever(client, embedded, case):
    if case != "nothing indexed":
        client.add([Document(id="one", text="words")])
    told = []
    for door in (client, embedded):
        with pytest.raises((RetrievalError, ValueError, TypeError, FileNotFoundError)) as caught:
            CALLS[case](door)
        told.append(caught.type)
    assert told[0] is told[1] or (case, told) == ("no job", [NotFoundError, InvalidInputError])


def test_everything_of_a_document_arrives(client, embedded):
    text = "Ünïcode 🌊 and\x00more\n" * 5
    full = Document(
        id="a/b c?#%.txt",
        text=text,
        title="Title",
        source="s3://x",
        media_type="text/markdown",
        metadata={"deep": {"list": [1, "two"]}},
        marks=(Mark("page", Span(0, 40), 1), Mark("heading", Span(40, len(text)), "Head", 2)),
        notes=("a note",),
    )
    assert client.add([full]).added == (full.id,)
    info = client.get(full.id)
    assert (info.title, info.source, info.media_type) == ("Title", "s3://x", "text/markdown")
    assert (info.metadata, info.notes) == (full.metadata, ("a note",))
    assert client.text(full.id) == text
    places = [span.location for span in client.search("unicode", evidence=9).hits[0].evidence]
    assert {(place.page_start, place.heading_path) for place in places} & {
        (1, ()),
        (1, ("Head",)),
        (None, ("Head",)),
    }
    assert embedded.add([full]).unchanged == (full.id,)


def test_many_documents_go_in_bounded_calls_and_bad_ones_are_reported(client, monkeypatch):
    monkeypatch.setattr(batching, "MAX_DOCUMENTS", 3)
    told = []
    documents = [Document(id=str(number), text=f"words of {number}") for number in range(7)]
    documents[2:2] = [
        Document(id="nan", text="words", metadata={"x": float("nan")}),
        Document(id="0", text="other words"),
        Document(id="void", text=""),
        Document(id="out", text="short", marks=(Mark("page", Span(0, 99), 1),)),
    ]
    report = client.add(iter(documents), progress=lambda step: told.append(step.items))
    assert report.added == tuple(map(str, range(7)))
    assert [item.id for item in report.skipped] == ["void"]
    assert [item.id for item in report.failed] == ["nan", "0", "out"]
    assert "given twice" in report.failed[1].reason
    assert told == sorted(told)
    assert told[-1] == len(documents)
    assert len(told) == 3
    assert report.coverage.tokens > 0


def test_files_are_sent_in_bounded_uploads_and_indexed_as_they_are_here(
    client, embedded, tmp_path, monkeypatch
):
    monkeypatch.setattr(uploading, "MAX_FILES", 2)
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    for number in range(3):
        (folder / "deep" / f"ä {number}.txt").write_text(f"Report {number} on herons. " * 40)
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 40)
    (folder / ".hidden").write_text("not for you")
    (folder / 'quo"te.txt').write_text("words")
    (folder / os.fsdecode(b"bad\xffname.txt")).write_text("words")
    told = []
    report = client.index([folder], progress=lambda step: told.append((step.items, step.total)))
    assert report.added == ("deep/ä 0.txt", "deep/ä 1.txt", "deep/ä 2.txt")
    assert {item.id for item in report.skipped} == {".hidden", "binary.bin"}
    assert [item.id for item in report.failed] == [r"bad\xffname.txt", 'quo"te.txt']
    assert told[-1] == (4, 4)
    assert [items for items, _ in told] == sorted(items for items, _ in told)
    assert client.text("deep/ä 1.txt") == (folder / "deep" / "ä 1.txt").read_text()
    assert client.index([folder]).unchanged == report.added
    assert [one.id for one in client.unread()] == ["binary.bin"]
    with pytest.raises(NotOfferedError, match="LONGDOC_OCR"):
        client.index([folder], ocr="eng")
    with pytest.raises(InvalidInputError, match="only files and folders are sent"):
        client.index(["s3://bucket"])


def test_a_job_is_queued_watched_and_listed(client, tmp_path):
    (tmp_path / "note.txt").write_text("The rent is due on the first day of the month. " * 30)
    job = client.submit([tmp_path / "note.txt"])
    told = []
    done = client.wait(job.id, progress=told.append)
    assert (done.state, done.report.added) == ("done", ("note.txt",))
    assert job.id in [one.id for one in client.jobs()]
    assert client.cancel(job.id).state == "done"
    assert client.retry(job.id).state == "done"
    (tmp_path / "a\tb.txt").write_text("words")
    with pytest.raises(InvalidInputError, match="nothing was sent"):
        client.submit([tmp_path])
    with pytest.raises(PermissionDeniedError, match="LONGDOC_SYNC_ROOTS"):
        client.submit([tmp_path], sync=True)


def test_what_is_done_where_the_store_is_says_so(client, tmp_path):
    for call in (
        client.doctor,
        lambda: client.estimate([tmp_path]),
        lambda: client.retain(versions=1),
        client.retention,
        lambda: client.purge(["x"]),
        lambda: client.collect_garbage(),
        lambda: client.back_up(tmp_path / "x"),
        lambda: client.copy_to(tmp_path / "x"),
        lambda: client.migrate("x"),
        lambda: client.drop_predecessors(),
        lambda: client.sync(tmp_path),
    ):
        with pytest.raises(NotOfferedError, match="machine"):
            call()


class LosesFirstAnswer(httpx.HTTPTransport):
    """Delivers every request and loses the first answer."""

    lost = False

    def handle_request(self, request):
        answer = super().handle_request(request)
        if not self.lost:
            self.lost = True
            answer.read()
            raise httpx.ReadError("the line was cut")
        return answer


def test_a_change_whose_answer_was_lost_is_made_once_and_told_as_made(app, name, topics, tmp_path):
    def losing():
        return Client(app.state.url, collection=name, transport=LosesFirstAnswer())

    with losing() as client:
        assert len(client.add(topics).added) == 4
    with losing() as client:
        assert client.delete(["bread", "nothing"]) == ("bread",)
    (tmp_path / "note.txt").write_text("The rent is due.")
    with losing() as client:
        job = client.submit([tmp_path / "note.txt"])
        assert client.wait(job.id).report.added == ("note.txt",)
        assert len([one for one in client.jobs() if one.collection == name]) == 1


def test_a_further_name_of_a_collection_is_given_moved_and_taken_away(app, client, embedded, name, topics):
    alias = f"also-{name[:8]}"
    client.add(topics)
    assert client.set_alias(alias, name) == Alias(name=alias, collection=name)
    assert Alias(name=alias, collection=name) in client.aliases() == embedded.aliases()
    with Client(app.state.url, collection=alias, timeout_s=20) as other:
        assert other.search("bread").hits == client.search("bread").hits
        assert other.describe().name == name
        with pytest.raises(AliasConflictError, match="has the alias"):
            other.drop()
    with pytest.raises(AliasConflictError, match="is a collection"):
        client.set_alias(name, name)
    with pytest.raises(CollectionNotFoundError):
        client.set_alias(alias, "nowhere")
    client.remove_alias(alias)
    with pytest.raises(AliasNotFoundError, match="no alias"):
        client.remove_alias(alias)


def test_a_list_longer_than_a_page_is_read_to_its_end(client, monkeypatch):
    monkeypatch.setattr("retriever.remote.engine._PAGE", 2)
    client.add([Document(id=str(number), text="words") for number in range(5)])
    assert [info.id for info in client.list()] == ["0", "1", "2", "3", "4"]


def test_every_method_of_the_sdk_is_asked_here_or_refused():
    source = inspect.getsource(inspect.getmodule(test_it_answers_as_the_embedded_retriever_does))
    public = {name for name in dir(BaseRetriever) if not name.startswith("_")}
    assert {name for name in public if f"client.{name}" not in source} <= {
        "close",
        "engine",
        "rerank",
    }


def test_a_closed_client_says_so(app, name):
    with Client(app.state.url, collection=name) as client:
        assert client.model()
    with pytest.raises(ClosedError, match="this retriever is closed; open it again"):
        client.search("bread")
    client.close()

    async def main():
        async with AsyncClient(app.state.url, collection=name) as same:
            assert await same.model()
        with pytest.raises(ClosedError, match="this retriever is closed; open it again"):
            await same.search("bread")
        await same.close()

    asyncio.run(main())


def test_the_awaitable_client_does_the_same_many_at_a_time(app, name, topics):
    async def main():
        async with AsyncClient(app.state.url, collection=name) as same:
            assert len((await same.add(topics)).added) == 4
            found = await asyncio.gather(*(same.search("bread", limit=1) for _ in range(40)))
            assert {one.hits[0].document.id for one in found} == {"bread"}
            with pytest.raises(DocumentNotFoundError):
                await same.get("nothing")

    asyncio.run(main())


def test_the_command_line_asks_a_service(app, name, tmp_path, monkeypatch):
    (tmp_path / "rent.txt").write_text("The rent is due on the first day of the month. " * 30)
    monkeypatch.setenv("LONGDOC_URL", app.state.url)
    monkeypatch.setenv("LONGDOC_COLLECTION", name)

    def said(*arguments, code=0):
        outcome = CliRunner().invoke(longdoc, [*arguments, "--json"])
        assert outcome.exit_code == code, outcome.output
        return json.loads(outcome.output)

    assert said("index", str(tmp_path / "rent.txt"))["added"] == ["rent.txt"]
    assert said("search", "when is the rent due?")["hits"][0]["document"]["id"] == "rent.txt"
    assert said("text", "rent.txt", "--end", "8")["text"] == "The rent"
    assert said("doctor", code=1)["error"]["code"] == "not_offered"
    assert said("delete", "rent.txt")["deleted"] == ["rent.txt"]


def test_a_client_needs_nothing_but_the_base_install(app, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "note.txt").write_text("The rent is due on the first day.")
    script = Path(__file__).with_name("base_install.py")
    done = subprocess.run(
        [sys.executable, str(script), app.state.url, str(tmp_path / "data")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "note.txt" in done.stdout


def test_keys_are_sent_and_refusals_understood(tmp_path_factory, topics, monkeypatch):
    from retriever.errors import AuthenticationError
    from tests.live import serving

    with serving(tmp_path_factory.mktemp("keyed") / "store", require_key=True) as app:
        keys = app.state.service.keys
        _, writer = keys.create("writer", {"mine": "write"})
        _, reader = keys.create("reader", {"mine": "read"})
        with Client(app.state.url, collection="mine", api_key=writer) as client:
            client.add(topics)
        monkeypatch.setenv("LONGDOC_API_KEY", reader)
        with Client(app.state.url, collection="mine") as client:
            assert len(client.list()) == 4
            with pytest.raises(PermissionDeniedError):
                client.delete(["bread"])
            with pytest.raises(UnknownFieldError):
                client.search("bread", filter={"metadata.nothing": 1})
        for key in ("", "ld_x_y"):
            with Client(app.state.url, collection="mine", api_key=key) as client:
                with pytest.raises(AuthenticationError):
                    client.list()
