from __future__ import annotations

import pytest

from eval.errors import DataError
from eval.trec import read_run, write_run


def test_a_run_comes_back_as_it_was_written(tmp_path):
    run = {"q 1": {"docs/a b.py": 0.1, "100%": 1 / 3, "日本\u2003語": -2.5}, "q2": {"x": 1e-300}}
    write_run(tmp_path / "run.txt", run, tag="my system")
    assert read_run(tmp_path / "run.txt") == run


def test_lines_stand_in_order_of_score_then_id_with_ranks_from_1(tmp_path):
    write_run(tmp_path / "run.txt", {"q": {"b": 1.0, "a": 1.0, "c": 2.0}}, tag="t")
    assert (tmp_path / "run.txt").read_text().splitlines() == [
        "q Q0 c 1 2.0 t",
        "q Q0 a 2 1.0 t",
        "q Q0 b 3 1.0 t",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 a 1 2.0\n", "line 1: .* found 5 fields"),
        ("q Q0 a 1 2.0 t\n\nq Q0 a 2 1.0 t\n", "line 3: document 'a' is listed twice for query 'q'"),
        ("q Q0 a 1 high t\n", "the score 'high' is no number"),
    ],
)
def test_a_malformed_line_is_refused_with_its_number(tmp_path, text, message):
    (tmp_path / "run.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_run(tmp_path / "run.txt")
