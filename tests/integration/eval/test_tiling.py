"""``longdoc eval coverage`` passes what is whole and finds what is not."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from encoders.fake import HashTokenizer
from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Span
from eval.progress import ProgressWatch
from eval.tiling import check_files, source_files
from retriever.cli import longdoc

CONFIG = SegmenterConfig(max_tokens=40, context_tokens=8)


@pytest.fixture
def folder(tmp_path):
    tmp_path.joinpath("whole.py").write_text("def f(x):\n    return x\n\n\n" * 30)
    tmp_path.joinpath("broken.js").write_text("function (((\n" * 20)
    tmp_path.joinpath("wide.py").write_bytes(("name = 'Zürich'\n" * 9).encode("utf-16"))
    tmp_path.joinpath("read.md").write_text("# Title\n\nWords.\n")
    tmp_path.joinpath("binary.c").write_bytes(bytes(range(256)) * 40)
    tmp_path.joinpath("picture.png").write_bytes(b"\x89PNG")
    return tmp_path


class Spoiled:
    """A segmenter that loses, changes or overfills a tile now and then."""

    def __init__(self, spoil):
        self._inner = DocumentSegmenter(HashTokenizer(), CONFIG)
        self._spoil = spoil
        self._calls = 0

    @property
    def recipe(self):
        return self._inner.recipe

    def segment(self, document):
        return self.segment_with_report(document)[0]

    def segment_with_report(self, document):
        self._calls += 1
        segments, report = self._inner.segment_with_report(document)
        return self._spoil(segments, self._calls), report


def lose(segments, calls):
    return segments[:-1]


def waver(segments, calls):
    return segments if calls % 2 else [replace(segments[0], tokens=-1), *segments[1:]]


def overfill(segments, calls):
    last = segments[-1]
    return [replace(last, ordinal=0, span=Span(0, last.span.end), context_start=0)]


def checked(folder, segmenter):
    with ProgressWatch() as watch:
        return check_files(list(source_files([folder])), segmenter, HashTokenizer(), CONFIG.max_tokens, watch)


def test_whole_files_pass_with_their_figures_and_reasons(folder):
    report = checked(folder, DocumentSegmenter(HashTokenizer(), CONFIG))
    assert report.broken == []
    assert report.binary == 1
    assert {name: tally.files for name, tally in report.tallies.items()} == {
        "javascript": 1,
        "python": 2,
        "markdown": 1,
    }
    assert report.tallies["javascript"].troubled == 1
    assert report.reasons["javascript: the parser met syntax errors and went on after them"] == 1


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lose, "the tiles are not the text"),
        (waver, "a second run cuts otherwise"),
        (overfill, "of 38 tokens"),
    ],
)
def test_every_broken_rule_is_found(folder, spoil, finding):
    report = checked(folder, Spoiled(spoil))
    assert any("whole.py" in line and finding in line for line in report.broken)


def test_the_command_prints_a_table(folder):
    figures = folder / "figures.json"
    options = ["--encoder", "hash", "--json", str(figures)]
    run = CliRunner().invoke(longdoc, ["eval", "coverage", str(folder), *options])
    assert run.exit_code == 0, run.output
    assert json.loads(figures.read_text())["tallies"]["python"]["files"] == 2
    assert "1 files hold no text; 0 broken rules" in run.output


def test_a_share_of_the_files_is_the_same_every_time(tmp_path):
    for number in range(200):
        tmp_path.joinpath(f"f{number}.py").touch()
    chosen = list(source_files([tmp_path], share=0.25))
    assert 25 < len(chosen) < 75
    assert chosen == list(source_files([tmp_path], share=0.25))


def test_cutting_tells_the_rate_of_each_step_over_as_many_megabytes_as_asked(folder):
    for number in range(5):
        folder.joinpath(f"more{number}.py").write_text("def f(x):\n    return x\n\n\n" * 100)
    arguments = ["bench", "cutting", "--code", str(folder), "--encoder", "hash", "--rounds", "1"]
    whole = CliRunner().invoke(longdoc, arguments)
    small = CliRunner().invoke(longdoc, [*arguments, "--megabytes", "0.004"])
    assert whole.exit_code == small.exit_code == 0, whole.output + small.output
    steps = [line.split(":")[0] for line in whole.output.splitlines()[:-1]]
    assert steps == ["parsing alone", "parsing, walking and merging", "token counts alone",
                     "segments with token counts"]  # fmt: skip
    assert int(whole.output.splitlines()[-1].split()[0]) == 7
    assert int(small.output.splitlines()[-1].split()[0]) < 7
