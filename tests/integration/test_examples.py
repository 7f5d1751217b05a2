"""The examples run, on small data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rerank_server import chat, chat_server

from tests.live import serving
from tests.support import stop_owner

EXAMPLES = Path(__file__).parents[2] / "examples"
CODE = '''"""Money."""


def interest(principal, rate, years):
    """Compute compound interest on a principal."""
    return principal * (1 + rate) ** years


def greet(name):
    """Say hello to somebody."""
    return f"hello {name}"
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    yield tmp_path
    for store in (".code-search", ".langchain-store"):
        stop_owner(tmp_path / store)


def run(folder, example, *arguments, given="", **environment):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / example), *arguments],
        cwd=folder,
        input=given,
        env={
            **os.environ,
            "LONGDOC_ENCODER": "hash:64",
            "PYTHONPATH": str(EXAMPLES.parent),
            "COLUMNS": "100",
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def test_the_code_search_bot_names_file_line_and_definition(folder):
    (folder / "data" / "money.py").write_text(CODE)
    (folder / "data" / "other.py").write_text("def sort(items):\n    return sorted(items)\n")
    told = run(folder, "code_search_bot.py", "data", given="compute compound interest on a principal\n")
    assert "2 added" in told
    best, *_ = told.split("── compute")[-1].split("other.py")
    assert "money.py:" in best
    assert "def interest(principal, rate, years):" in best


def test_the_code_search_bot_asks_a_service(folder, tmp_path_factory):
    (folder / "data" / "money.py").write_text(CODE)
    with serving(tmp_path_factory.mktemp("bot") / "store") as app:
        told = run(folder, "code_search_bot.py", "--url", app.state.url, "data", "say hello to somebody")
    assert "money.py:" in told
    assert not (folder / ".code-search").exists()


def test_the_langchain_pipeline_gives_the_model_numbered_sources(folder):
    (folder / "data" / "lease.md").write_text(
        "# Lease\n\nThe tenant pays the rent on the first day of the month.\n"
    )
    prompt = run(folder, "langchain_pipeline.py", "data", "when is the rent due?")
    assert "[1] Lease, line 1, Lease" in prompt
    assert "Question: when is the rent due?" in prompt
    with chat_server(lambda *_: chat("On the first day [1].")) as (url, seen):
        endpoint = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
        said = run(folder, "langchain_pipeline.py", "data", "when is the rent due?", **endpoint)
    assert said.strip() == "On the first day [1]."
    assert [one["role"] for one in seen.requests[0]["messages"]] == ["system", "user"]
    assert "first day of the month" in seen.requests[0]["messages"][1]["content"]
