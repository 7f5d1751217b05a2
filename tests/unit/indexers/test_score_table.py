import pytest

from indexers.score_blocks import Row
from indexers.score_table import ScoreTable
from indexers.types import SparseVector


def row(ordinal):
    return Row(
        generation="g",
        ordinal=ordinal,
        key=ordinal,
        start=ordinal,
        end=ordinal + 1,
        kind=0,
        described=False,
        dense=[1.0, 0.0],
        sparse=SparseVector((1,), (1.0,)),
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
