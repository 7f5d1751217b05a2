from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.fake import HashTokenizer
from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Document

NAMES = st.sampled_from(
    "a.py a.js a.ts a.tsx A.java a.go a.rs a.c a.cpp a.cs a.rb a.php a.kt a.swift a.scala a.lua a.sh a.sql "
    "a.html a.css a.yaml a.json a.toml a.xml".split()
)
PIECES = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            "\n",
            "\n\n",
            "\r\n",
            "\t",
            "    ",
            "def f(x):\n    return x\n",
            "class A {\n",
            "}\n",
            "(",
            ")",
            "[",
            "]",
            "# comment\n",
            "// comment\n",
            "/* c */",
            "@deco\n",
            "<div>",
            "</div>",
            "key: value\n",
            "- item\n",
            '"text"',
            "'",
            "`${",
            "fn main() {}\n",
            "CREATE TABLE t (a INT);\n",
            "<?php ",
            "[table]\n",
            "x = 1\n",
            "e\u0301",
            "日本",
            "👩‍👩‍👧",
            "function g(a) { return a }\n",
            "if x:\n",
            "end\n",
            "\x00",
            "a" * 60,
        ]
    ),
)


@settings(max_examples=250, deadline=None)
@given(name=NAMES, text=st.lists(PIECES, max_size=60).map("".join), tokens=st.integers(16, 60))
def test_code_is_tiled_within_the_budget_whatever_the_parser_makes_of_it(name, text, tokens):
    tokenizer = HashTokenizer()
    config = SegmenterConfig(max_tokens=tokens, context_tokens=tokens // 5, max_chars=300, code="syntax")
    segmenter = DocumentSegmenter(tokenizer, config)
    document = Document(id=name, text=text)
    segments = segmenter.segment(document)

    assert "".join(each.span.of(text) for each in segments) == text
    assert segments == segmenter.segment(document)
    breaks = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    assert {each.span.start for each in segments} <= breaks
    readings = tokenizer.tokenize([each.reading(text) for each in segments])
    for each, read in zip(segments, readings, strict=True):
        single = len(regex.findall(r"\X", each.span.of(text))) == 1
        assert len(read) + tokenizer.special_tokens <= tokens or single
        assert [symbol.name for symbol in each.symbols if symbol.line > text.count("\n") + 1] == []


WIDE = SegmenterConfig()
WHOLE = {
    "5 MB in one line": (
        "a.js",
        lambda: "".join(f"function f{n}(a,b){{return g(a,b)+{n}}}" for n in range(140_000))[:5_000_000],
    ),
    "30,000 lines of a table": (
        "a.py",
        lambda: "T = {\n" + "".join(f"    {n}: ('name{n}', None),\n" for n in range(30_000)) + "}\n",
    ),
    "an error in each of 30,000 lines": (
        "a.py",
        lambda: "".join(f"def f{n}(:\n" for n in range(30_000)),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE)
def test_hostile_source_of_full_size_is_tiled_within_the_budget(case):
    name, make = WHOLE[case]
    text = make()
    segments = DocumentSegmenter(HashTokenizer(), WIDE).segment(Document(id=name, text=text))
    assert "".join(each.span.of(text) for each in segments) == text
    readings = HashTokenizer().tokenize([each.reading(text) for each in segments])
    assert max(len(tokens) + 2 for tokens in readings) <= WIDE.max_tokens
