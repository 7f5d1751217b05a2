"""The command line, as a person or a script meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from indexers.layout import claim
from retriever.cli import longdoc as cli
from retriever.context.display import print_context
from retriever.terminal import harmless

LIGHT = (
    "import sys, {module}\n"
    "heavy = {{'torch', 'transformers', 'sentence_transformers', 'numpy'}}\n"
    "heavy |= {{'qdrant_edge', 'qdrant_client', 'rich'}}\n"
    "print(sorted(heavy & set(sys.modules)))"
)


def longdoc(*arguments, store=None, timeout=120, raw=False):
    command = [sys.executable, "-c", "from retriever.cli import main; main()", *map(os.fsdecode, arguments)]
    if store is not None:
        command += ["--store", str(store)]
    return subprocess.run(command, capture_output=True, text=not raw, timeout=timeout, check=False)


@pytest.mark.parametrize(
    "module",
    [
        "retriever",
        "retriever.cli",
        "retriever.types",
        "retriever.owner.client",
        "eval.commands",
    ],
)
def test_importing_the_door_loads_no_heavy_library(module):
    found = subprocess.run(
        [sys.executable, "-c", LIGHT.format(module=module)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["retriever.client", "retriever.async_client"])
def test_a_client_loads_no_heavy_library(module):
    found = subprocess.run(
        [sys.executable, "-c", LIGHT.format(module=module)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() in ("[]", "['rich']")  # httpx has a command line


def test_help_lists_the_verbs_without_a_heavy_library():
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom retriever.cli import longdoc\n"
        "print(CliRunner().invoke(longdoc, ['--help']).output)\n"
        "print('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert all(verb in told for verb in ("index", "search", "get", "text", "list", "delete"))
    assert told.strip().endswith("False")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "tides.md").write_text("# Tides\n\n## Causes\n\nThe moon pulls the sea.\n")
    (folder / "bread.txt").write_text("Knead the dough.\nBake the bread.\n")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    return folder


@pytest.fixture(scope="module")
def store(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("command") / "store"
    done = longdoc("index", corpus, store=path)
    assert done.returncode == 0, done.stderr
    assert "2 added, 1 skipped" in done.stdout
    assert "skipped picture.png: a picture" in done.stdout
    return path


def test_search_prints_place_and_text(store):
    done = longdoc("search", "what pulls the sea?", store=store)
    assert done.returncode == 0, done.stderr
    first = done.stdout[: done.stdout.index("2. ")]
    assert "1. tides.md" in first
    assert "lines 1-5, Tides" in first
    assert "The moon pulls the sea." in first


def test_search_as_json_has_exact_spans(store, corpus):
    answer = json.loads(longdoc("search", "bake bread", "--json", "--explain", store=store).stdout)
    best = answer["hits"][0]
    assert best["document"]["id"] == "bread.txt"
    span = best["evidence"][0]
    assert (corpus / "bread.txt").read_text()[span["start"] : span["end"]] == span["text"]
    parts = best["explain"]["components"]
    assert {"segment_dense", "segment_lexical", "document_lexical"} < {part["name"] for part in parts}
    assert sum(part["contribution"] for part in parts) == pytest.approx(best["score"])


def test_a_filter_with_an_unknown_field_fails_with_code_1_and_json_says_why(store):
    done = longdoc("search", "bread", "--filter", '{"metadata.x": 1}', "--json", store=store)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "unknown_field"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("search", "x", "--filter", "{"), 2, "not JSON"),
        (("search", "   "), 1, "the query is empty"),
        (("search", "x", "--limit", "0"), 1, "limit is 0; it can be 1 to 1,000"),
        (("get", "nothing"), 1, "no document 'nothing'"),
        (("text", "bread.txt", "--end", "999999"), 1, "the text ends at 33, the span at 999999"),
        (("index", "/no/such/path"), 2, "does not exist"),
        (("jobs", "x", "--cancel", "--retry"), 2, "give one of --cancel and --retry"),
        (("jobs", "--wait"), 2, "--wait takes the id of a job"),
        (("frobnicate",), 2, "No such command"),
        (("text", "bread.txt", "--start", "10", "--end", "5"), 2, "--start 10 is behind --end 5"),
        (("text", "bread.txt", "--start", "-5"), 2, "-5 is not in the range x>=0"),
        (("text", "bread.txt", "--start", "99999"), 1, "the text of 'bread.txt' ends before --start 99999"),
        (("search", b"caf\xe9"), 1, r"'caf\udce9' is not UTF-8: at character 3"),
        (("text", b"caf\xe9"), 1, r"'caf\udce9' is not UTF-8: at character 3"),
        (("backup", "/no/such/folder/store.tar.zst"), 1, "/no/such/folder is no folder; make it"),
    ],
)
def test_mistakes_end_with_one_line_and_a_code(store, arguments, code, message):
    done = longdoc(*arguments, store=None if arguments[0] == "frobnicate" else store)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("list",), ("mcp",), ("search", "x")])
def test_a_file_in_place_of_the_store_is_named(tmp_path, arguments):
    (tmp_path / "file").write_text("words")
    for store in (tmp_path / "file", tmp_path / "file" / "store"):
        done = longdoc(*arguments, store=store)
        assert (done.returncode, done.stdout) == (1, "")
        made = arguments[0] == "mcp"
        said = f"the folder {store} cannot be made: " if made else f"there is no store in {store};"
        assert done.stderr.startswith(f"error: {said}")
        assert done.stderr.count("\n") == 1


def test_backups_have_their_own_folders(store, tmp_path):
    (tmp_path / "file").write_text("words")
    into = longdoc("backup", tmp_path / "file" / "backup", store=store)
    assert into.stderr.startswith(f"error: {tmp_path / 'file'} is no folder; make it")
    for target in (tmp_path / "file" / "store", tmp_path / "file"):
        out_of = longdoc("restore", tmp_path / "file", target)
        assert out_of.returncode in (1, 2)
        assert "Traceback" not in out_of.stderr


def test_what_is_no_text_is_told_by_its_first_byte(store, tmp_path):
    (tmp_path / "answer").write_bytes(b"words \xff")
    (tmp_path / "context.json").write_text('{"citations": []}')
    for answer, given in (("answer", "context.json"), ("context.json", "answer")):
        done = longdoc("verify", tmp_path / answer, tmp_path / given, store=store)
        assert done.returncode == 2
        assert f"{tmp_path / 'answer'} is not UTF-8: byte 0xff at 6, invalid start byte" in done.stderr
        assert "Traceback" not in done.stderr
    done = longdoc("rerank", "words", tmp_path / "answer", "--model", "none", "--url", "http://127.0.0.1:1")
    assert (done.returncode, "byte 0xff at 6" in done.stderr) == (2, True)


def test_an_error_of_the_system_is_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "/a/store")

    monkeypatch.setattr("retriever.Retriever.open", refuse)
    for flag, said in (("", "error: /a/store: Permission denied\n"), ("--json", '"code": "os_error"')):
        done = CliRunner().invoke(cli, ["index", str(tmp_path), *filter(None, [flag])])
        assert (done.exit_code, said in done.output) == (1, True)


def test_control_characters_of_documents_are_shown_and_not_obeyed(tmp_path):
    folder, store = tmp_path / "in", tmp_path / "store"
    folder.mkdir()
    words = "\x1b[31mKnead \x1b]0;owned\x07 the \x9b31m dough\ttwice\nand bake it.\n"
    (folder / "bread.txt").write_bytes(words.encode())
    (folder / "wor\x1b[2Jds.txt").write_text("words")
    indexed = longdoc("index", folder, store=store)
    text = longdoc("text", "bread.txt", store=store, raw=True).stdout.decode()
    assert text == words + "\n"  # exactly what is there
    found = longdoc("search", "knead the dough", store=store, raw=True).stdout.decode()
    assert r"Knead \x1b]0;owned\x07 the \x9b31m dough" in found
    for shown in (
        indexed.stdout,
        found,
        longdoc("list", "--not-searchable", store=store, raw=True).stdout.decode(),
    ):
        assert not set(shown) & set("\x1b\x07\x9b\r")
    assert r"wor\x1b[2Jds.txt" in indexed.stdout
    assert harmless("a\rb\r\nc\td\x7f\x00é\u2028") == "a\\x0db\r\nc\td\\x7f\\x00é\u2028"


def test_what_a_context_shows_is_exact_but_for_a_terminal(monkeypatch, capsys):
    context = SimpleNamespace(
        messages=(),
        text="a\x1b[2Jb",
        dropped=(),
        tokens=SimpleNamespace(used=1, budget=2, tokenizer="x"),
        citations=(),
        warnings=(),
    )
    print_context(context)
    assert capsys.readouterr().out == "a\x1b[2Jb\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_context(context)
    assert capsys.readouterr().out == "a\\x1b[2Jb\n"


def test_get_text_list_and_delete_work_on_a_store(corpus, tmp_path):
    store = tmp_path / "store"
    assert longdoc("index", corpus, "--json", store=store).returncode == 0
    assert json.loads(longdoc("get", "bread.txt", "--json", store=store).stdout)["version"] == 1
    assert longdoc("text", "bread.txt", "--start", "0", "--end", "5", store=store).stdout == "Knead\n"
    assert [one["id"] for one in json.loads(longdoc("list", "--json", store=store).stdout)] == [
        "bread.txt",
        "tides.md",
    ]
    gone = longdoc("delete", "bread.txt", "nothing", store=store)
    assert (gone.returncode, gone.stdout) == (1, "deleted 1, not there: nothing\n")


def test_a_store_in_use_ends_with_code_4_and_the_holder(tmp_path):
    claim(store := tmp_path / "store")
    script = "import sys, time\nfrom indexers.lock import StoreLock\nfrom pathlib import Path\n"
    script += "lock = StoreLock(Path(sys.argv[1]) / 'lock')\nprint('held', flush=True)\ntime.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", script, str(store)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        done = longdoc("list", store=store)
    finally:
        holder.kill()
        holder.communicate()
    assert done.returncode == 4
    assert f"in use by process {holder.pid}" in done.stderr


def test_a_foreign_package_with_one_of_our_names_is_named(tmp_path):
    (tmp_path / "encoders").mkdir()
    (tmp_path / "encoders" / "__init__.py").write_text("")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import retriever"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    assert f"needs its own package 'encoders', but {tmp_path / 'encoders'} answers" in done.stderr


def test_retain_without_options_shows_the_limit_and_leaves_it(store):
    for options, said in (
        (("--versions", "2"), "2 earlier versions of each document are kept for ever"),
        ((), "2 earlier versions of each document are kept for ever"),
        (("--for-ever",), "all earlier versions of each document are kept for ever"),
    ):
        done = longdoc("retain", *options, store=store)
        assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr
    done = longdoc("retain", "--for-ever", "--days", "3", store=store)
    assert done.returncode == 2
    assert "leave them out" in done.stderr


def test_a_store_that_is_copied_onto_itself_is_told_so(store):
    done = longdoc("copy", store, store)
    assert done.returncode == 1
    assert "is the store that is copied; name another folder" in done.stderr


def test_a_key_that_is_dead_from_the_start_is_not_made(tmp_path):
    made = ("keys", "create", "robot", "--scope", "c=read", "--expires")
    done = longdoc(*made, "2020-01-01T00:00:00Z", store=tmp_path)
    assert done.returncode == 2
    assert "2020-01-01T00:00:00Z has passed" in done.stderr
    done = longdoc(*made, "soon", store=tmp_path)
    assert done.returncode == 1
    assert "is no time with a zone" in done.stderr
    assert not longdoc("keys", "list", store=tmp_path).stdout
    done = longdoc(*made, "2999-01-01T00:00:00Z", store=tmp_path)
    assert done.stdout.startswith("ld_"), done.stderr


@pytest.mark.parametrize(
    "verb", [("list",), ("search", "x"), ("jobs",), ("doctor",), ("text", "a"), ("delete", "a")]
)
def test_a_mistyped_store_is_refused_and_nothing_is_made(tmp_path, verb):
    told = CliRunner().invoke(cli, [*verb, "--store", str(tmp_path / "stoer")])
    assert told.exit_code == 1
    assert f"there is no store in {tmp_path / 'stoer'}" in told.output
    assert not list(tmp_path.iterdir())
