"""Whatever the text, what is stored is the text, and every span of an answer is exact."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.fake import HashEncoder
from encoders.types import Document
from indexers.filters import equals
from retriever import Retriever

characters = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(list(" \t\r\n\0.,;#`")),
    st.sampled_from(["e\u0301", "👨‍👩‍👧", "กำ", "한", "\u200d", "\N{REPLACEMENT CHARACTER}"]),
)
texts = st.builds(
    lambda parts, times: "".join(parts) * times,
    st.lists(characters, min_size=1, max_size=60),
    st.integers(1, 60),
)
media_types = st.sampled_from(["text/plain", "text/markdown", "text/x-python"])


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    with Retriever.open(tmp_path_factory.mktemp("any") / "store", encoder=HashEncoder(dim=8)) as opened:
        yield opened


@settings(max_examples=60, deadline=None)
@given(text=texts, media_type=media_types)
def test_stored_segments_tile_the_text_and_spans_are_exact(retriever, text, media_type):
    if retriever.collections():
        retriever.delete(["x"])
    report = retriever.add([Document(id="x", text=text, media_type=media_type)])
    assert report.added == ("x",)
    assert retriever.text("x") == text
    segments = retriever.engine.collection.index.scroll(equals("point", "segment"))
    tiles = sorted(
        (point.payload["ordinal"], point.payload["start"], point.payload["end"]) for point in segments
    )
    assert [ordinal for ordinal, _, _ in tiles] == list(range(len(tiles)))
    assert "".join(text[start:end] for _, start, end in tiles) == text
    ledger = retriever.get("x").coverage
    [tokens] = retriever.encoder.tokenizer.tokenize([text])
    assert ledger.tokens == len(tokens)
    assert ledger.embedded == int(tokens.known.sum())
    query = next((text[start:end] for _, start, end in tiles if text[start:end].strip()), "words")
    for hit in retriever.search(query, evidence=5):
        assert all(span.text == text[span.start : span.end] for span in hit.evidence)
