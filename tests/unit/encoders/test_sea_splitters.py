from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.errors import InvalidInputError
from encoders.fake import HashTokenizer
from encoders.sea_splitters import WindowConfig, WindowSegmenter
from encoders.types import Document


def readings(text, **config):
    segments = WindowSegmenter(HashTokenizer(), WindowConfig(**config)).segment(Document(id="d", text=text))
    return [segment.reading(text) for segment in segments]


def test_windows_of_words_overlap_by_window_less_step():
    assert readings("a b c d e", unit="space", window=3, step=2) == ["a b ", "b c d ", "d e"]


def test_windows_of_tokens_and_of_lines():
    assert readings("f(x)", unit="token", window=2, step=1) == ["f", "f(", "(x", "x)"]
    assert readings("a\n\nb\nc\n", unit="line", window=2, step=2) == ["a\n\nb\n", "c\n"]


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from("ab(\n \t\u0301\U0001f469\u200d"), max_size=200),
    unit=st.sampled_from(["space", "token", "line"]),
    step=st.integers(1, 5),
    more=st.integers(0, 5),
)
def test_windows_tile_the_text_within_the_budget(text, unit, step, more):
    config = WindowConfig(unit=unit, window=step + more, step=step, max_tokens=12)
    segments = WindowSegmenter(HashTokenizer(), config).segment(Document(id="d", text=text))
    assert "".join(segment.span.of(text) for segment in segments) == text
    for segment in segments:
        [tokens] = HashTokenizer().tokenize([segment.reading(text)])
        assert len(tokens) + 2 <= 12 or "\u0301" in text or "\u200d" in text


def test_a_step_beyond_the_window_would_lose_text_and_is_refused():
    with pytest.raises(InvalidInputError, match="step is 3 and window 2"):
        WindowConfig(window=2, step=3)
