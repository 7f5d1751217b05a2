"""What can be indexed beside files and folders, and what is told of files that cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from encoders.types import Document
from indexers.locations import absolute, is_local, normal, repository
from retriever import Retriever
from retriever.cli import longdoc
from tests.support import stop_owner


@pytest.fixture
def store(tmp_path):
    with Retriever.open(tmp_path / "store", encoder=HashEncoder(dim=32)) as opened:
        yield opened


def ids(store):
    return [info.id for info in store.list()]


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("location", "local"),
    [
        ("contracts", True),
        ("/srv/contracts.zip", True),
        ("C:/contracts", True),
        ("git+app@v1", False),
        ("s3://bucket/x", False),
        ("zip::s3://bucket/x.zip", False),
    ],
)
def test_a_location_is_a_path_or_it_is_not(location, local):
    assert is_local(location) is local
    assert absolute(location) == (str(Path(location).absolute()) if local else absolute(location))


def test_a_repository_is_named_with_its_revision_or_without():
    assert repository("git+/srv/app@feature/x") == (Path("/srv/app"), "feature/x")
    assert repository("git+/srv/app") == (Path("/srv/app"), "HEAD")
    assert repository("git+/srv/a@b@v1") == (Path("/srv/a@b"), "v1")
    assert absolute("git+app@v1") == f"git+{Path('app').absolute()}@v1"


def test_another_spelling_of_a_folder_changes_nothing_and_sync_still_deletes_what_is_gone(
    store, tmp_path, monkeypatch
):
    for name in ("k", "x2"):
        (tmp_path / name).mkdir()
    for number in range(3):
        (tmp_path / "k" / f"{number}.txt").write_text(f"words of {number}")
    (tmp_path / "k" / "empty.txt").write_text("")
    monkeypatch.chdir(tmp_path / "x2")
    assert len(store.index(["../k"]).added) == 3
    assert store.get("2.txt").source == str(tmp_path / "k" / "2.txt")
    found = store.search("words", filter={"source": {"$prefix": f"{tmp_path}/k/"}})
    assert {hit.document.id for hit in found} == {"0.txt", "1.txt", "2.txt"}
    (tmp_path / "k" / "2.txt").unlink()
    (tmp_path / "k" / "empty.txt").unlink()
    report = store.sync(tmp_path / "k")
    assert (report.index.unchanged, report.index.updated) == (("0.txt", "1.txt"), ())
    assert report.deleted == ("2.txt",)
    assert store.unread() == ()


def test_sync_knows_a_folder_again_behind_a_link_that_stays_as_it_is_named(store, tmp_path):
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "kept.txt").write_text("words")
    for name in ("a.txt", "b.txt"):
        (tmp_path / "one" / name).write_text(f"words of {name}")
    (tmp_path / "current").symlink_to("one")
    store.index([tmp_path / "one"])
    (tmp_path / "one" / "a.txt").unlink()
    assert store.sync(tmp_path / "current").deleted == ("a.txt",)
    assert store.get("b.txt").source == str(tmp_path / "current" / "b.txt")
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("two")
    assert store.sync(tmp_path / "current").deleted == ("b.txt",)


def test_sync_finds_what_a_store_calls_by_a_path_with_dots(store, tmp_path):
    (folder := tmp_path / "k").mkdir()
    store.add([Document(id="gone.txt", text="words", source=f"{tmp_path}/x/../k/gone.txt")])
    assert store.sync(folder).deleted == ("gone.txt",)


def test_dots_after_a_link_name_the_file_that_they_mean(tmp_path):
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "deep")
    assert normal(tmp_path / "link" / ".." / "a.txt") == tmp_path / "far" / "a.txt"
    assert normal(tmp_path / "far" / ".." / "link" / "a.txt") == tmp_path / "link" / "a.txt"
    assert absolute(f"git+{tmp_path}/x/../far@v1") == f"git+{tmp_path}/far@v1"


def test_an_archive_in_a_folder_is_left_out_and_one_that_is_named_is_read(store, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "papers.zip", "w") as packed:
        packed.writestr("one/lease.txt", "The rent is due.")
        packed.writestr("broken.pdf", "%PDF-1.7 nothing follows")
    left_out = store.index([folder])
    assert left_out.added == ()
    assert "name the file itself" in left_out.skipped[0].reason
    report = store.index([folder / "papers.zip"])
    assert report.added == ("papers.zip/one/lease.txt",)
    assert [one.id for one in report.skipped] == ["papers.zip/broken.pdf"]
    assert store.get("papers.zip/one/lease.txt").source.endswith("papers.zip!/one/lease.txt")
    assert store.index([folder / "papers.zip"]).unchanged == ("papers.zip/one/lease.txt",)


def test_a_damaged_archive_gives_what_it_holds_and_the_reason(store, tmp_path):
    path = tmp_path / "papers.tar"
    with tarfile.open(path, "w") as packed:
        for number in range(3):
            (tmp_path / f"{number}.txt").write_text(f"words of {number}")
            packed.add(tmp_path / f"{number}.txt", f"{number}.txt")
    path.write_bytes(path.read_bytes()[:1_600])
    report = store.index([path])
    assert report.added == ("papers.tar/0.txt",)
    assert report.skipped[0].reason.startswith("damaged archive after 1 files")


def test_a_repository_is_read_at_a_revision_and_says_which(store, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    git(folder, "init")
    (folder / "notes.md").write_text("# First\nwords")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    git(folder, "tag", "v1")
    (folder / "notes.md").write_text("# Second\nother words")
    (folder / "uncommitted.txt").write_text("not there")
    git(folder, "add", "notes.md")
    git(folder, "commit", "-m", "two")
    store.index([f"git+{folder}@v1"])
    assert store.text("notes.md") == "# First\nwords"
    commit = store.get("notes.md").metadata["commit"]
    assert store.index([f"git+{folder}"]).updated == ("notes.md",)
    assert ids(store) == ["notes.md"]
    assert store.get("notes.md").metadata["commit"] != commit
    with pytest.raises(InvalidInputError, match="clone it"):
        store.index(["git+https://example.org/app.git"])


def test_any_location_of_fsspec_is_read_by_its_url(store):
    import fsspec

    system = fsspec.filesystem("memory")
    system.pipe_file("/bucket/a/lease.txt", b"The rent is due.")
    system.pipe_file("/bucket/b.html", b"<h1>Notice</h1>in writing")
    try:
        assert store.index(["memory://bucket"]).added == ("a/lease.txt", "b.html")
        assert store.get("b.html").source == "memory:///bucket/b.html"
    finally:
        system.rm("/bucket", recursive=True)
    with pytest.raises(InvalidInputError, match="no file at"):
        store.index(["memory://nothing"])
    with pytest.raises(InvalidInputError, match="only files and folders can be estimated"):
        store.estimate(["memory://bucket"])


def test_files_that_cannot_be_read_stay_listed_until_they_are_read_or_gone(store, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / ".gitignore").write_text("*.log")
    for name, data in {"a.txt": b"words", "b.pdf": b"%PDF-1.7 x", "c.txt": b" ", "d.log": b"no"}.items():
        (folder / name).write_bytes(data)
    store.index([folder])
    assert [one.id for one in store.unread()] == ["b.pdf", "c.txt"]  # what nobody wants indexed is not listed
    first = store.unread()[0]
    assert first.reason.startswith("damaged PDF")
    assert first.source == str(folder / "b.pdf")
    store.index([folder])
    assert store.unread()[0] == first
    (folder / "c.txt").write_text("now it has words")
    store.index([folder])
    assert [one.id for one in store.unread()] == ["b.pdf"]
    (folder / "b.pdf").unlink()
    store.sync(folder)
    assert store.unread() == ()


MISNAMED = os.fsdecode(b"bad\xffname.txt")


def test_a_name_that_is_no_utf8_is_listed_and_all_other_files_are_indexed(store, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.txt", MISNAMED, "." + MISNAMED, "z.txt"):
        (folder / name).write_text("words of " + ascii(name))
    reason = "its name holds bytes that are no UTF-8; rename it"
    told = []
    report = store.index([folder], progress=told.append)
    assert report.added == ("a.txt", "z.txt")
    assert [(one.id, one.reason) for one in report.failed] == [(r"bad\xffname.txt", reason)]
    assert [(one.id, one.reason) for one in report.skipped] == [(r".bad\xffname.txt", "hidden")]
    assert r"bad\xffname.txt" in [one.current for one in told]
    assert store.estimate([folder]).files == 3
    store.sync(folder)
    assert [(one.id, one.source) for one in store.unread()] == [
        (r"bad\xffname.txt", str(folder / r"bad\xffname.txt"))
    ]
    (folder / MISNAMED).rename(folder / "good.txt")
    assert store.sync(folder).index.added == ("good.txt",)
    assert store.unread() == ()


def test_a_name_in_an_archive_that_is_no_utf8_is_listed(store, tmp_path):
    (tmp_path / "a.txt").write_text("words")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(tmp_path / "a.txt", MISNAMED)
        archive.add(tmp_path / "a.txt", "good.txt")
    report = store.index([tmp_path / "a.tar"])
    assert report.added == ("a.tar/good.txt",)
    assert [one.id for one in report.failed] == [r"a.tar/bad\xffname.txt"]
    (tmp_path / MISNAMED.replace(".txt", ".tar")).write_bytes((tmp_path / "a.tar").read_bytes())
    again = store.index([tmp_path / MISNAMED.replace(".txt", ".tar")])
    assert [one.id for one in again.failed] == [r"bad\xffname.tar"]


@pytest.mark.parametrize("verb", ["index", "sync"])
def test_the_command_tells_a_name_that_is_no_utf8_and_indexes_the_rest(tmp_path, verb):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.txt", MISNAMED):
        (folder / name).write_text("words")
    options = ["--store", str(tmp_path / "store"), "--encoder", "hash"]
    done = CliRunner().invoke(longdoc, [verb, str(folder), *options], catch_exceptions=False)
    assert done.exit_code == 3
    assert "1 added, 1 failed" in done.output
    assert r"failed bad\xffname.txt: its name holds bytes that are no UTF-8" in done.output.replace("\n", " ")
    if verb == "index":
        job = CliRunner().invoke(longdoc, ["index", "--detach", "--json", str(folder), *options])
        told = CliRunner().invoke(
            longdoc, ["jobs", json.loads(job.output)[0]["id"], "--wait", "--json", *options]
        )
        [report] = [one["report"] for one in json.loads(told.output)]
        assert (report["unchanged"], [one["id"] for one in report["failed"]]) == (
            ["a.txt"],
            [r"bad\xffname.txt"],
        )
    stop_owner(tmp_path / "store")


def test_a_detached_job_tells_its_losses_like_a_run_in_the_foreground(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in (("a.txt", "words"), ("b.txt", ""), (MISNAMED, "words")):
        (folder / name).write_text(text)
    options = ["--store", str(tmp_path / "store"), "--encoder", "hash"]

    def run(*arguments):
        return CliRunner().invoke(longdoc, [*arguments, *options], catch_exceptions=False)

    job = json.loads(run("index", "--detach", "--json", str(folder)).output)[0]["id"]
    done = run("jobs", job, "--wait")
    assert done.exit_code == 3
    assert "1 added, 1 skipped, 1 failed" in done.output
    assert "skipped b.txt: empty file" in done.output
    assert "1 skipped, 1 failed" in run("jobs").output
    stop_owner(tmp_path / "store")


def test_sync_names_what_it_deletes(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.txt").write_text("words")
    options = ["--store", str(tmp_path / "store"), "--encoder", "hash"]
    CliRunner().invoke(longdoc, ["index", str(folder), *options], catch_exceptions=False)
    for number in range(1, 12):
        (folder / f"{number:02}.txt").unlink()
    told = CliRunner().invoke(longdoc, ["sync", str(folder), *options], catch_exceptions=False)
    assert "11 deleted: 01.txt, 02.txt" in told.output
    assert told.output.rstrip().endswith("10.txt and 1 more")
    stop_owner(tmp_path / "store")


def test_a_file_that_cannot_be_read_any_more_says_that_its_earlier_text_stays(store, tmp_path):
    (tmp_path / "a.txt").write_text("words of the lease")
    store.index([tmp_path / "a.txt"])
    (tmp_path / "a.txt").write_text("")
    [skipped] = store.index([tmp_path / "a.txt"]).skipped
    assert skipped.reason == "empty file; what it held before stays searchable until it is deleted"
    assert store.search("lease").hits[0].document.id == "a.txt"
    assert [one.reason for one in store.unread()] == [skipped.reason]


def test_a_listed_file_can_be_deleted_from_the_list(store, tmp_path):
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7 x")
    store.index([tmp_path / "b.pdf"])
    assert store.delete(["b.pdf"]) == ()
    assert store.unread() == ()


def test_the_command_lists_them_and_reads_pictures_when_told_to(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "scan.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (folder / "notes.txt").write_text("words")
    program = tmp_path / "tesseract"
    program.write_text('#!/bin/sh\ncat > /dev/null\necho "text in $4"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        options = ["--store", str(tmp_path / "store"), "--encoder", "hash", "--json"]

        def run(*arguments):
            done = CliRunner().invoke(longdoc, [*arguments, *options], catch_exceptions=False)
            return json.loads(done.output)

        run("index", str(folder))
        listed = run("list", "--not-searchable")
        assert listed["documents"] == []
        assert [one["id"] for one in listed["unread"]] == ["scan.png"]
        assert "switch OCR on" in listed["unread"][0]["reason"]
        assert run("index", str(folder), "--ocr", "eng+deu")["added"] == ["scan.png"]
        assert run("list", "--not-searchable")["unread"] == []
        assert run("text", "scan.png")["text"] == "text in eng+deu\n"
        run("jobs", run("index", str(folder), "--detach", "--ocr", "fra")[0]["id"], "--wait")
        assert run("text", "scan.png")["text"] == "text in fra\n"
