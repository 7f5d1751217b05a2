from __future__ import annotations

import uuid

import pytest

from encoders.errors import InvalidInputError
from indexers.places import FolderPlace, FsspecPlace, open_place


@pytest.fixture(params=["folder", "file url", "memory"])
def place(request, tmp_path):
    if request.param == "memory":
        return open_place(f"memory://{uuid.uuid4().hex}/store")
    return open_place(tmp_path / "store" if request.param == "folder" else f"file://{tmp_path}/store")


def test_files_are_found_again_by_name_and_below(place):
    assert list(place.names()) == []
    place.write("b/two.json", b"2")
    place.write("a.txt", b"1", sync=False)
    place.sync(["a.txt"])
    assert list(place.names()) == ["a.txt", "b/two.json"]
    assert place.below("b").read("two.json") == b"2"
    place.write("a.txt", b"changed")
    assert place.read("a.txt") == b"changed"
    place.remove("a.txt")
    place.remove("a.txt")
    assert (place.exists("a.txt"), place.exists("b/two.json")) == (False, True)
    with pytest.raises(FileNotFoundError):
        place.read("a.txt")
    place.below("b").remove_all()
    assert list(place.names()) == []


def test_a_url_opens_fsspec_and_a_path_a_folder(tmp_path):
    assert isinstance(open_place("memory://x"), FsspecPlace)
    assert isinstance(open_place(str(tmp_path)), FolderPlace)
    with pytest.raises(InvalidInputError, match="cannot open nothing://x"):
        open_place("nothing://x")
