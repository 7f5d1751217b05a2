import os
from dataclasses import replace

import pytest

from encoders.types import Document, Mark, Span
from indexers.documents import canonical, checked, content_hash, field_types, printable
from indexers.errors import InvalidDocumentError


def test_lone_surrogates_are_replaced_without_moving_an_offset():
    text, note = canonical("a\ud800b🙂\udfffc")
    assert (text, note) == (
        "a\N{REPLACEMENT CHARACTER}b🙂\N{REPLACEMENT CHARACTER}c",
        "2 lone surrogates were replaced by U+FFFD",
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", "a\ud800", "the text of 'x' holds a lone surrogate at character 1"),
        ("title", "\udcff", "the title of 'x' holds a lone surrogate at character 0"),
        ("source", "/a/\udcff", "the source of 'x' holds a lone surrogate at character 3"),
        ("media_type", "text/\ud800", "the media_type of 'x' holds a lone surrogate at character 5"),
        ("notes", ("as is", "\ud800"), "a note of 'x' holds a lone surrogate at character 0"),
        (
            "marks",
            (Mark("heading", Span(0, 1), "A\ud800"),),
            "a heading mark of 'x' holds a lone surrogate at character 1",
        ),
    ],
)
def test_a_document_with_a_lone_surrogate_is_refused_by_its_place(field, value, message):
    with pytest.raises(InvalidDocumentError, match=message):
        checked(replace(Document(id="x", text="words"), **{field: value}))


def test_a_lone_surrogate_is_shown_as_an_escape_and_a_byte_of_a_file_name_as_that_byte():
    assert printable(os.fsdecode(b"caf\xe9.txt")) == r"caf\xe9.txt"
    assert printable("a\ud800b🙂") == r"a\ud800b🙂"


@pytest.mark.parametrize(
    ("doc_id", "message"),
    [
        ("", "not empty"),
        ("a\nb", "do not print"),
        ("é" * 257, "at most 512 bytes"),
        ("a\ud800", "holds a lone surrogate at character 1"),
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
        ({"x": {"y": "\ud800"}}, r"metadata\.x\.y of 'x': the string holds a lone surrogate at character 0"),
        ({"x\ud800": 1}, "a metadata key is"),
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
