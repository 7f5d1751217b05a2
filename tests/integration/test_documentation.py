"""The Python in README and docs/ runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.live import serving

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [
    pytest.param(page, number, block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text()))
]


SERVICE = "http://localhost:8000"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """What a page says runs at localhost:8000."""
    with serving(tmp_path_factory.mktemp("documentation") / "store") as app:
        yield app.state.url


@pytest.mark.parametrize(("page", "number", "block"), BLOCKS)
def test_the_code_on_a_page_runs(page, number, block, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    if SERVICE in block:
        block = block.replace(SERVICE, request.getfixturevalue("service"))
    exec(compile(block, f"{page.name} block {number}", "exec"), {"__name__": "documentation"})


def test_every_page_that_is_linked_exists():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
