"""Looking words up gives the tokens that reading the whole text gives."""

import json
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from encoders import word_table
from encoders.fast_tokenizer import FastTokenizer
from encoders.loading import bundled_folder
from encoders.word_table import WordTable, reads_by_words

PIECES = [
    *["def", "get_http_response", "Zürich", "naïve", "e\u0301", "\u0301", "İ", "ΟΔΟΣ", "日本語", "한글"],
    *["กำ", " ", "\n", "\t"],
    *["\r\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2003", "\u200d", "\ufffd"],
    *["[SEP]", "[UNK]", "##ing", "\u201cquoted\u201d", "\U0001f600", "a" * 101, "x1" * 120, "f0(", "é" * 130],
]  # fmt: skip


@pytest.fixture(scope="module")
def rust():
    return Tokenizer.from_file(str(bundled_folder() / "tokenizer.json"))


@pytest.fixture(scope="module")
def by_words(rust):
    return FastTokenizer(rust)


@pytest.fixture(scope="module")
def whole(rust):
    """The same tokenizer in a shape that is not known to read word by word."""
    other = Tokenizer.from_str(rust.to_str())
    other.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer()])
    assert not reads_by_words(json.loads(other.to_str()))
    return FastTokenizer(other)


def assert_same(by_words, whole, text):
    found, truth = by_words.read([text])[0], whole.read([text])[0]
    assert found.ids.tolist() == truth.ids.tolist()
    for name in ("offsets", "known", "word_starts"):
        assert np.array_equal(getattr(found.spans, name), getattr(truth.spans, name)), name


@settings(max_examples=60)
@given(text=st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=25).map("".join))
def test_any_text_has_the_same_tokens(by_words, whole, text):
    assert_same(by_words, whole, text)


def test_source_files_have_the_same_tokens(by_words, whole):
    assert reads_by_words(json.loads(Tokenizer.from_file(str(bundled_folder() / "tokenizer.json")).to_str()))
    for path in (Path(word_table.__file__), Path(json.__file__), Path(pytest.__file__)):
        assert_same(by_words, whole, path.read_text(encoding="utf-8"))


def test_a_full_table_starts_again_and_stays_right(monkeypatch, by_words, whole):
    monkeypatch.setattr(word_table, "_MOST_PIECES", 5)
    for start in range(0, 60, 10):
        assert_same(by_words, whole, " ".join(f"word{number} again" for number in range(start, start + 12)))


def test_threads_that_read_at_once_get_their_own_text(by_words, whole):
    texts = [" ".join(f"w{thread}x{number}" for number in range(300)) for thread in range(4)]
    found = {}

    def read(row):
        found[row] = by_words.read([texts[row]])[0].ids.tolist()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [Thread(target=read, args=(row,)) for row in range(len(texts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert [found[row] for row in range(len(texts))] == [one.ids.tolist() for one in whole.read(texts)]


def test_each_new_word_is_read_once():
    asked = []

    def encode(text):
        asked.append(text)
        starts = [0, *[place + 1 for place, sign in enumerate(text) if sign == "\n"]]
        offsets = np.array([[start, start + 1] for start in starts], dtype=np.int64)
        return np.arange(len(starts)), offsets, np.ones(len(starts), dtype=np.bool_)

    table = WordTable(encode)
    table.read("a b a, c")
    ids, offsets, _ = table.read("c a d")
    assert asked == ["a\nb\n,\nc", "d"]
    assert offsets.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert ids.tolist()[:2] == [3, 0]
