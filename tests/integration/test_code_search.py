"""Code in a store: what a hit says of where it is, and what is said of files that are hard to cut."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from encoders.types import Document
from retriever import Retriever
from retriever.cli import longdoc
from retriever.options import EvidenceOptions

RETRY = '''"""Retries."""

import random

DEFAULT_ATTEMPTS = 5


class Retry:
    """Calls again what failed."""

    def __init__(self, attempts=DEFAULT_ATTEMPTS):
        self.attempts = attempts
        self.history = []

    # Exponential, with jitter.
    def backoff_seconds(self, attempt):
        """Return how long to wait before the next attempt."""
        ceiling = min(60.0, 0.5 * 2 ** attempt)
        jitter = random.uniform(0, ceiling / 10)
        self.history.append(ceiling + jitter)
        return ceiling + jitter
'''
PLAIN = (
    "def greet(name):\n    return f'hello {name}'\n\n\ndef part(name):\n    return f'good bye {name}'\n" * 4
)


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "retry.py").write_text(RETRY)
    (folder / "greetings.py").write_text(PLAIN)
    (folder / "broken.py").write_text("def f(:\n    return ((1\n" * 30)
    (folder / "deep.yaml").write_text("".join(" " * depth + f"k{depth}:\n" for depth in range(130)))
    return folder


def test_a_hit_in_code_names_function_lines_and_breadcrumb(retriever, package):
    retriever.index([package])
    best = retriever.search("exponential backoff jitter attempt", limit=1).hits[0]
    place = best.evidence[0].location
    assert best.document.id == "retry.py"
    assert place.symbol_path == ("class Retry", "def backoff_seconds(self, attempt)")
    assert place.symbol == place.symbol_path[-1]
    lines = RETRY.splitlines()[place.line_start - 1 : place.line_end]
    assert any("def backoff_seconds" in line for line in lines)


def test_what_was_cut_by_weaker_rules_is_told_with_the_document_and_listed(package, store_path):
    with Retriever.open(store_path, encoder="hash:32") as retriever:
        retriever.index([package])
        notes = {info.id: info.notes for info in retriever.list()}
        assert notes["retry.py"] == notes["greetings.py"] == ()
        assert notes["broken.py"] == (
            "python cut along its syntax: the parser met syntax errors and went on after them",
        )
        assert notes["deep.yaml"] == (
            "yaml cut by lines: its lines nest deeper than the yaml grammar can hold",
        )
        assert retriever.index([package]).unchanged == ("broken.py", "deep.yaml", "greetings.py", "retry.py")
    run = CliRunner().invoke(longdoc, ["list", "--store", str(store_path), "--encoder", "hash:32"])
    assert "yaml cut by lines: its lines nest deeper" in " ".join(run.output.split())


def test_spans_are_chosen_by_kind_and_by_the_names_they_define(retriever, package):
    (package / "README.md").write_text("Exponential backoff with jitter is how this package retries.\n")
    retriever.index([package])

    def ask(**chosen):
        found = retriever.search("exponential backoff with jitter", evidence=EvidenceOptions(**chosen))
        return {hit.document.id: [one.location.symbol for one in hit.evidence] for hit in found}

    assert ask()["README.md"] == [None]
    assert ask(kinds=("code",))["README.md"] == []
    assert ask(symbols=("greet",)).keys() == {"greetings.py"}
    assert ask(symbols=("backoff_seconds", "greet")).keys() == {"greetings.py", "retry.py"}
    assert ask(symbols=("nowhere",)) == {}


def test_the_command_shows_function_lines_and_breadcrumb(package, store_path):
    options = ["--store", str(store_path), "--encoder", "hash:64"]
    with Retriever.open(store_path, encoder="hash:64") as retriever:
        retriever.index([package])
    asked = ["search", "--kind", "code", "exponential backoff jitter attempt", "--limit", "1", *options]
    run = CliRunner().invoke(longdoc, asked)
    assert "retry.py" in run.output
    assert "lines 1-21, class Retry > def backoff_seconds(self, attempt)" in run.output


def test_a_piece_of_a_long_function_is_found_by_the_name_of_the_function(retriever):
    body = "".join(f"    total += table[{n}] * {n}\n" for n in range(200))
    text = f"def lines():\n{body}\n\ndef settle_invoices():\n{body}"
    retriever.add([Document(id="long.py", text=text)])
    found = retriever.search("settle invoices", limit=1, evidence=5).hits[0].evidence
    named = {(one.location.symbol, one.lexical > 0) for one in found}
    assert ("def settle_invoices()", True) in named
    assert named <= {("def settle_invoices()", True), ("def lines()", False)}
