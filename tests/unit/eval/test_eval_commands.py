from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from eval.commands import eval_

VERBS = (
    "answers",
    "code",
    "compare",
    "context",
    "coverage",
    "longembed",
    "mteb",
    "needle",
    "own",
    "published",
    "report",
    "run",
    "shadow",
    "vector",
    "votes",
)


def test_asking_for_help_loads_no_heavy_library():
    program = (
        "import sys; from eval.commands import eval_; "
        "print(sorted({'torch', 'numpy', 'transformers', 'ir_measures', 'mteb', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_verb_is_there_and_explains_itself():
    assert tuple(sorted(eval_.commands)) == VERBS
    for name in VERBS:
        outcome = CliRunner().invoke(eval_, [name, "--help"])
        assert outcome.exit_code == 0
        assert eval_.commands[name].help


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "--data", "nowhere"],
        ["needle", "--kind", "rusty"],
        ["own", "--llm", "http://localhost:1/v1"],
        ["published", "chess", "--data", "."],
        ["report", "--out", "page.html"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_wrong_usage_is_said_before_any_work(arguments):
    assert CliRunner().invoke(eval_, arguments).exit_code == 2


def test_votes_are_counted(tmp_path):
    (tmp_path / "votes.json").write_text('{"q1": "left", "q2": "equal"}')
    (tmp_path / "key.json").write_text(json.dumps({q: {"left": "a", "right": "b"} for q in ("q1", "q2")}))
    outcome = CliRunner().invoke(eval_, ["votes", str(tmp_path / "votes.json"), str(tmp_path / "key.json")])
    assert outcome.output == "a: 1\nb: 0\nno difference: 1\nsign test: p = 1.0000\n"


def test_a_report_is_written_with_its_pictures(tmp_path):
    grid = {"512": {"0": 1.0}}
    record = {
        "format": 1,
        "kind": "needle",
        "settings": {"kind": "plain", "per_cell": 1, "distractors": 0},
        "dataset": {"documents": 1},
        "systems": [
            {"name": "longdoc", "figures": {"all": {"acc@1": {"mean": 1.0, "low": 1.0, "high": 1.0}}}}
        ],
        "grids": dict.fromkeys(("acc@1", "hit@1", "hit@10"), grid),
    }
    (tmp_path / "record.json").write_text(json.dumps(record))
    arguments = ["report", str(tmp_path / "record.json"), "--out", str(tmp_path / "page.html")]
    outcome = CliRunner().invoke(eval_, [*arguments, "--pictures", str(tmp_path / "pictures")])
    assert outcome.exit_code == 0, outcome.output
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert len(list((tmp_path / "pictures").glob("*.svg"))) == 3
