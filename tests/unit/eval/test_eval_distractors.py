"""Files put beside a data set: chosen by hash, each text once, none that the data holds."""

import pytest

from encoders.types import Document
from eval.distractors import read_distractors
from eval.errors import DataError

KNOWN = "The moon pulls the sea, and so the tide rises twice a day along every coast of the world. " * 4


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        (tmp_path / f"part{number % 3}").mkdir(exist_ok=True)
        (tmp_path / f"part{number % 3}" / f"f{number}.py").write_text(f"number_{number} = {number}\n" * 20)
    (tmp_path / "copy.py").write_text("number_3 =   3\n" * 20)
    (tmp_path / "known.md").write_text("# Tides\n\n" + KNOWN)
    (tmp_path / "small.py").write_text("x = 1\n")
    (tmp_path / "binary.py").write_bytes(b"\0" * 500)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 100)
    (tmp_path / "picture.png").write_bytes(b"text " * 100)
    return tmp_path


def test_files_are_text_told_once_and_not_of_the_data(folder):
    beside = [Document(id="tides", text=KNOWN)]
    found = read_distractors([folder], 12, beside=beside)
    assert len({one.text for one in found}) == 12
    assert all(one.media_type == "text/x-python" for one in found)
    assert {one.title.split("/")[0] for one in found} <= {"part0", "part1", "part2", "copy.py"}
    with pytest.raises(DataError, match="hold 12 files"):
        read_distractors([folder], 13, beside=beside)
    assert len(read_distractors([folder], 13, beside=[])) == 13


def test_fewer_files_are_some_of_the_many_wherever_the_folder_lies(folder):
    many = [one.title for one in read_distractors([folder], 10, beside=[])]
    assert [one.title for one in read_distractors([folder], 4, beside=[])] == many[:4]
