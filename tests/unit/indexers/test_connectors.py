import gzip
import io
import subprocess
import tarfile

import file_samples as samples
import pytest

from encoders.errors import InvalidInputError
from indexers.connectors import FolderConnector, Item, read_items
from indexers.connectors_fsspec import FsspecConnector
from indexers.connectors_git import GitConnector
from indexers.parsing import FileParser, FoundFile, ParseLimits, Skipped, find_files, survey


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def contents(connector):
    return {item.id: item.read() if isinstance(item, Item) else item.reason for item in connector.items()}


def packed_tar(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_what_git_ignores_is_left_out_and_the_nearest_rule_wins(tmp_path):
    write(tmp_path, {
        ".gitignore": "*.log\n/build/\n!keep.log\n",
        "a.txt": "", "a.log": "", "keep.log": "", "build/x.txt": "",
        "sub/build/y.txt": "", "sub/.gitignore": "!a.log\nz*\n", "sub/a.log": "", "sub/zz.txt": "",
    })  # fmt: skip
    assert [found.id for found in find_files(tmp_path)] == [
        "a.txt", "keep.log", "sub/a.log", "sub/build/y.txt",
    ]  # fmt: skip
    left_out = {item.id: item.reason for item in survey(tmp_path) if isinstance(item, Skipped)}
    assert left_out["build"] == f"left out by .gitignore in {tmp_path}"
    assert left_out["sub/zz.txt"] == f"left out by .gitignore in {tmp_path / 'sub'}"
    assert left_out[".gitignore"] == "hidden"


def test_rules_above_the_folder_hold_inside_a_repository_only(tmp_path):
    write(tmp_path, {".gitignore": "*.log\n", "sub/a.log": "", "sub/a.txt": ""})
    assert [found.id for found in find_files(tmp_path / "sub")] == ["a.log", "a.txt"]
    (tmp_path / ".git").mkdir()
    assert [found.id for found in find_files(tmp_path / "sub")] == ["a.txt"]


def test_a_relative_folder_is_walked_with_its_rules(tmp_path, monkeypatch):
    from pathlib import Path

    write(tmp_path, {".gitignore": "b.txt\n", "a.txt": "", "b.txt": ""})
    monkeypatch.chdir(tmp_path)
    assert list(find_files(Path())) == [FoundFile(Path("a.txt"), "a.txt")]


def test_a_folder_gives_items_whose_tags_change_with_the_files(tmp_path):
    write(tmp_path, {"a.txt": "words", "b.zip": samples.zipped({"c.txt": "inside"})})
    first = {item.id: item.tag for item in FolderConnector(tmp_path).items() if isinstance(item, Item)}
    write(tmp_path, {"a.txt": "other words"})
    second = {item.id: item.tag for item in FolderConnector(tmp_path).items() if isinstance(item, Item)}
    assert list(first) == ["a.txt", "b.zip"]
    assert first["a.txt"] != second["a.txt"]
    assert first["b.zip"] == second["b.zip"]


def test_archives_are_opened_when_asked_for(tmp_path):
    files = {"x/a.txt": b"one", "x/b.zip": samples.zipped({"deep.txt": "no"})}
    write(tmp_path, {
        "a.zip": samples.zipped(files), "b.tar.gz": packed_tar(files), "c.txt.gz": gzip.compress(b"three"),
        "d.zip": b"PK\x03\x04 damaged", "e.docx": samples.docx_of_xml("<w:p/>"), "f.gz": b"\x1f\x8b damaged",
    })  # fmt: skip
    found = contents(FolderConnector(tmp_path, archives=True))
    assert found["a.zip/x/a.txt"] == found["b.tar.gz/x/a.txt"] == b"one"
    assert found["a.zip/x/b.zip"] == found["b.tar.gz/x/b.zip"] == "an archive inside an archive; unpack it"
    assert found["c.txt.gz/c.txt"] == b"three"
    assert found["d.zip"].startswith("damaged archive after 0 files")
    assert found["f.gz"].startswith("damaged archive after 0 files")
    assert found["e.docx"].startswith(b"PK")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_an_archive_beyond_its_limits_is_reported_with_what_was_read(tmp_path, name):
    files = {f"{number}.txt": bytes(1_000) for number in range(5)}
    write(tmp_path, {name: samples.zipped(files) if name == "a.zip" else packed_tar(files)})
    few = contents(FolderConnector(tmp_path, archives=True, limits=ParseLimits(entries=3)))
    assert few[name] == "more than 3 files inside; 3 files were read, raise the limit for the rest"
    small = contents(FolderConnector(tmp_path, archives=True, limits=ParseLimits(unpacked_bytes=3_500)))
    assert small[name].startswith("unpacks to more than the limit; ")


def test_a_repository_is_read_at_its_revision(tmp_path):
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {"a.md": "# old", "sub/b.txt": "kept"})
    (tmp_path / "link").symlink_to("a.md")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    write(tmp_path, {"a.md": "# new"})
    git(tmp_path, "commit", "--quiet", "-am", "two")
    old = GitConnector(tmp_path, commit[:12])
    assert contents(old) == {"a.md": b"# old", "link": "a symbolic link", "sub/b.txt": b"kept"}
    assert contents(GitConnector(tmp_path))["a.md"] == b"# new"
    assert contents(GitConnector(tmp_path, commit, "sub/")) == {"sub/b.txt": b"kept"}
    item = next(old.items())
    assert (item.metadata["commit"], item.source) == (commit, f"{tmp_path}@{commit[:12]}:a.md")
    changed = {one.id for one in GitConnector(tmp_path).items() if isinstance(one, Item)} - {
        one.id for one, same in zip(GitConnector(tmp_path).items(), old.items(), strict=True)
        if isinstance(one, Item) and one.tag == same.tag
    }  # fmt: skip
    assert changed == {"a.md"}


@pytest.mark.parametrize("revision", ["no-such-branch", "--output=x", ""])
def test_a_revision_that_is_none_is_refused(tmp_path, revision):
    git(tmp_path, "init", "--quiet")
    with pytest.raises(InvalidInputError, match="git rev-parse"):
        list(GitConnector(tmp_path, revision).items())


def test_any_location_of_fsspec_is_read(tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/docs/a.txt": b"words", "/docs/sub/b.html": b"<p>more"})
    connector = FsspecConnector("memory://docs", limits=ParseLimits(file_bytes=6))
    assert contents(connector) == {
        "a.txt": b"words",
        "sub/b.html": "7 bytes are more than 6; raise the limit",
    }
    write(tmp_path, {"c.txt": "local"})
    assert contents(FsspecConnector(f"file://{tmp_path}")) == {"c.txt": b"local"}
    with pytest.raises(InvalidInputError, match="no file at memory://nowhere"):
        list(FsspecConnector("memory://nowhere").items())
    with pytest.raises(InvalidInputError, match="cannot open nonsense://x"):
        list(FsspecConnector("nonsense://x").items())


def test_items_are_parsed_unless_their_tag_is_known(tmp_path):
    write(tmp_path, {"a.txt": "words", "b.html": "<p>more", "c.bin": bytes(100)})
    tags = {item.id: item.tag for item in FolderConnector(tmp_path).items() if isinstance(item, Item)}
    with FileParser() as parser:
        known = {"a.txt": tags["a.txt"], "b.html": "older"}
        found = list(read_items(FolderConnector(tmp_path), parser, known_tags=known))
    assert isinstance(found[0], tuple)
    assert (found[0][1].id, found[0][1].text) == ("b.html", "more\n")
    assert found[1:] == [Skipped("c.bin", "binary content")]
