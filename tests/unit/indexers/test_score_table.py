import numpy as np
import pytest

from indexers.score_blocks import Row
from indexers.score_table import ScoreTable


def row(ordinal, terms=1):
    return Row(
        generation="g",
        ordinal=ordinal,
        key=ordinal,
        start=ordinal,
        end=ordinal + 1,
        kind=0,
        described=False,
        dense=np.array([1.0, 0.0], dtype=np.float32),
        terms=np.arange(1, 1 + terms, dtype=np.uint32),
        weights=np.ones(terms, dtype=np.float32),
    )


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["dense.npy", "keys.npy", "generations.json"])
def test_a_table_that_cannot_be_read_is_empty_and_can_be_filled_again(tmp_path, damage, name):
    table = ScoreTable(tmp_path, 2)
    table.put([row(0), row(1)])
    table.close()
    assert ScoreTable(tmp_path, 2).counts() == {"g": 2}
    [path] = tmp_path.rglob(name)
    damage(path)
    again = ScoreTable(tmp_path, 2)
    assert again.counts() == {}
    again.put([row(0)])
    again.close()
    assert ScoreTable(tmp_path, 2).counts() == {"g": 1}


def test_rows_of_many_terms_are_written_sooner_so_that_no_search_lays_out_thousands(tmp_path):
    table = ScoreTable(tmp_path, 2)
    for ordinal in range(40):
        table.put([row(ordinal, terms=20_000)])
        table.tidy()
    table.set_live(["g"], live=True)
    in_memory = [len(part.block.rows) for part in table.view().parts if part.number < 0]
    assert sum(in_memory) < 150_000
    assert table.view().live == 40
    table.close()


def test_nothing_is_written_before_it_is_tidied(tmp_path):
    table = ScoreTable(tmp_path, 2)
    table.put([row(ordinal, terms=200) for ordinal in range(1_000)])
    assert not list(tmp_path.iterdir())
    table.tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
