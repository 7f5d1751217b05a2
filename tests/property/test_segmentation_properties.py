from __future__ import annotations

import functools

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from encoders.fake import HashTokenizer
from encoders.fast_tokenizer import FastTokenizer
from encoders.graphemes import grapheme_breaks
from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Document

LETTERS = [chr(c) for c in range(33, 127)]


def wordpiece() -> FastTokenizer:
    vocab = ["[UNK]", *LETTERS, *[f"##{c}" for c in LETTERS], "def", "return", "##ing", "the"]
    rust = Tokenizer(models.WordPiece({v: i for i, v in enumerate(vocab)}, unk_token="[UNK]"))
    rust.normalizer = normalizers.BertNormalizer()
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return FastTokenizer(rust)


def byte_level() -> FastTokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "t"), ("Ġt", "h"), ("Ġth", "e"), ("i", "n"), ("in", "g"), ("Ġ", "Ġ")]
    vocab = {v: i for i, v in enumerate([*alphabet, *["".join(m) for m in merges]])}
    rust = Tokenizer(models.BPE(vocab, merges))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return FastTokenizer(rust)


def unigram() -> FastTokenizer:
    pieces = [("<unk>", 0.0), ("▁", -2.0), ("▁the", -3.0), ("ing", -3.0), *[(c, -5.0) for c in LETTERS]]
    rust = Tokenizer(models.Unigram(pieces, unk_id=0))
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    return FastTokenizer(rust)


@functools.cache
def tokenizer_of(name):
    return {"hash": HashTokenizer, "wordpiece": wordpiece, "byte_level": byte_level, "unigram": unigram}[
        name
    ]()


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "\n",
            "\n\n",
            "\r\n",
            "\r",
            "\t",
            " ",
            "    ",
            "\x00",
            "\x0c",
            "\u2028",
            "\u3000",
            "A sentence ends. ",
            "Noch ein Satz! ",
            "# Heading\n",
            "```\n",
            "| a | b |\n",
            "- item\n",
            "def f(x):\n    return x\n",
            "e\u0301",
            "\u0301",
            "\u200d",
            "👩‍👩‍👧‍👦",
            "🇩🇪🇫🇷",
            "한국어 ",
            "각",
            "नमस्ते ",
            "ภาษาไทย",
            "x" * 40,
            "a" * 130,
            "日本語。",
            "中文",
            "\u0600",
            "the ",
            " the thing",
            "==\n",
            "ﷺ",
        ]
    ),
)
TEXTS = st.lists(PIECES, max_size=60).map("".join)
TYPES = st.sampled_from(["text/plain", "text/markdown", "text/x-python", "application/pdf"])
CONFIGS = st.builds(
    lambda tokens, share, chars: SegmenterConfig(
        max_tokens=tokens, context_tokens=int(tokens * share), max_chars=chars
    ),
    st.integers(16, 80),
    st.floats(0, 0.5),
    st.integers(20, 400),
)
NAMES = ("hash", "wordpiece", "byte_level", "unigram")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, media_type=TYPES, config=CONFIGS)
def test_segments_tile_the_text_fit_the_budget_and_cut_no_grapheme(name, text, media_type, config):
    tokenizer = tokenizer_of(name)
    document = Document(id="d", text=text, media_type=media_type)
    segments = DocumentSegmenter(tokenizer, config).segment(document)

    assert "".join(segment.span.of(text) for segment in segments) == text
    assert [segment.ordinal for segment in segments] == list(range(len(segments)))
    assert all(0 <= segment.context_start <= segment.span.start < segment.span.end for segment in segments)
    breaks = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    assert {segment.span.start for segment in segments} <= breaks
    readings = tokenizer.tokenize([segment.reading(text) for segment in segments]) if segments else []
    for segment, tokens in zip(segments, readings, strict=True):
        single = len(regex.findall(r"\X", segment.span.of(text))) == 1
        assert len(tokens) + tokenizer.special_tokens <= config.max_tokens or single
        assert len(segment.span) <= config.max_chars or single


@settings(max_examples=40, deadline=None)
@given(text=TEXTS, media_type=TYPES)
def test_segmentation_is_deterministic(text, media_type):
    document = Document(id="d", text=text, media_type=media_type)
    config = SegmenterConfig(max_tokens=24, context_tokens=6, max_chars=100)
    segmenters = [DocumentSegmenter(HashTokenizer(), config) for _ in range(2)]
    first, second = (segmenter.segment(document) for segmenter in segmenters)
    assert first == second


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_tiles_of_an_additive_tokenizer_share_out_every_token(text):
    tokenizer = HashTokenizer()
    segments = DocumentSegmenter(tokenizer, SegmenterConfig(max_tokens=40, context_tokens=8)).segment(
        Document(id="d", text=text)
    )
    [tokens] = tokenizer.tokenize([text])
    if all(len(part) <= 32 for part in text.split()):
        assert sum(segment.tokens for segment in segments) == len(tokens)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(TEXTS, st.text()))
def test_grapheme_breaks_are_those_of_the_full_scan(text):
    import numpy as np

    positions = np.arange(len(text) + 1)
    expected = {0, len(text), *(match.end() for match in regex.finditer(r"\X", text))}
    assert set(np.flatnonzero(grapheme_breaks(text, positions)).tolist()) == expected
