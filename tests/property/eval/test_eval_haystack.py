from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.errors import DataError
from eval.haystack import Haystack, haystack_texts, hide

patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)

sentences = st.lists(
    st.sampled_from(["One two three.", "Is it?", "A line\n", "no stop", "Ünï cödé!"]), min_size=1
)
texts = st.lists(sentences.map(" ".join), min_size=1, max_size=4)


@patient
@given(texts=texts, words=st.integers(1, 200), seed=st.integers(0, 9))
def test_a_piece_has_exactly_as_many_words_as_asked_for_and_only_words_of_the_texts(texts, words, seed):
    piece = Haystack(texts).piece(words, Random(seed))
    assert len(piece.split()) == words
    assert set(piece.split()) <= set(" ".join(texts).split())


@patient
@given(texts=texts, words=st.integers(0, 50), depth=st.floats(0, 1))
def test_a_hidden_needle_stands_where_it_is_said_and_nothing_else_changes(texts, words, depth):
    text = Haystack(texts).piece(words, Random(1)) if words else ""
    hidden, span = hide(text, "The needle is here.", depth)
    assert span.of(hidden) == "The needle is here."
    assert (hidden[: span.start] + hidden[span.end :]).split() == text.split()
    assert span.start == 0 or hidden[span.start - 1].isspace()


def test_a_needle_stands_at_the_sentence_nearest_to_its_depth():
    text = "First sentence here. Second sentence here. Third sentence here."
    assert hide(text, "X.", 0.0)[0].startswith("X. First")
    assert hide(text, "X.", 0.34)[0] == "First sentence here. X. Second sentence here. Third sentence here."
    assert hide(text, "X.", 1.0)[0].endswith("here. X.")


def test_a_piece_begins_with_a_sentence():
    haystack = Haystack(["Alpha beta gamma. Delta epsilon.\nZeta eta."])
    first = {haystack.piece(2, Random(seed)).split()[0] for seed in range(30)}
    assert first == {"Alpha", "Delta", "Zeta"}


def test_texts_come_from_a_folder_in_order_and_other_files_are_left_out(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.md").write_text("two")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "picture.png").write_bytes(b"\xff")
    assert haystack_texts(tmp_path) == ["one", "two"]


def test_a_folder_without_texts_and_texts_without_words_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no .txt, .md, .rst file"):
        haystack_texts(tmp_path)
    with pytest.raises(DataError, match="at least one word"):
        Haystack(["", "  \n"])
    (tmp_path / "bad.txt").write_bytes(b"ab\xff")
    with pytest.raises(DataError, match=r"bad.txt is not UTF-8 at byte 2"):
        haystack_texts(tmp_path)
