import pytest

from encoders.types import Document
from indexers.documents import canonical, checked, content_hash, field_types
from indexers.errors import InvalidDocumentError


def test_lone_surrogates_are_replaced_without_moving_an_offset():
    text, note = canonical("a\ud800b🙂\udfffc")
    assert (text, note) == (
        "a\N{REPLACEMENT CHARACTER}b🙂\N{REPLACEMENT CHARACTER}c",
        "2 lone surrogates were replaced by U+FFFD",
    )
    assert checked(Document(id="x", text="a\ud800")).notes == ("1 lone surrogates were replaced by U+FFFD",)


@pytest.mark.parametrize(
    ("doc_id", "message"),
    [
        ("", "not empty"),
        ("a\nb", "do not print"),
        ("é" * 257, "at most 512 bytes"),
        ("a\ud800", "do not print"),
    ],
)
def test_an_id_that_cannot_be_kept_is_refused(doc_id, message):
    with pytest.raises(InvalidDocumentError, match=message):
        checked(Document(id=doc_id, text="words"))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a.b": 1}, "a metadata key is"),
        ({"": 1}, "a metadata key is"),
        ({"x": float("inf")}, "is not JSON"),
        ({"x": 1 << 70}, "does not fit into 64 bits"),
        ({"x": {1, 2}}, "set cannot be filtered by"),
        ({"x": [None]}, "NoneType cannot be filtered by"),
        ({"x": {"y": "\ud800"}}, r"metadata\.x\.y of 'x': the string holds lone surrogates"),
    ],
)
def test_metadata_that_cannot_be_filtered_by_is_refused(metadata, message):
    with pytest.raises(InvalidDocumentError, match=message):
        checked(Document(id="x", text="words", metadata=metadata))


def test_fields_are_named_with_the_types_they_hold():
    metadata = {"a": 1, "b": {"c": ["x", True]}, "d": None}
    assert sorted(field_types(metadata)) == [
        ("metadata.a", "number"),
        ("metadata.b.c", "boolean"),
        ("metadata.b.c", "string"),
    ]


def test_the_content_hash_is_sha256_of_the_utf8_text():
    assert content_hash("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
