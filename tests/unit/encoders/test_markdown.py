from __future__ import annotations

import pytest

from encoders.fake import HashTokenizer
from encoders.markdown import heading_marks, markdown_blocks
from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Document


def headings(text):
    return [(mark.value, mark.level, mark.span.of(text)) for mark in heading_marks(text)]


def test_a_section_ends_where_one_of_its_level_or_above_begins():
    text = "intro\n# A\na\n## A1\na1\n### A1x\nx\n## A2\na2\n# B\nb"
    assert headings(text) == [
        ("A", 1, "# A\na\n## A1\na1\n### A1x\nx\n## A2\na2\n"),
        ("A1", 2, "## A1\na1\n### A1x\nx\n"),
        ("A1x", 3, "### A1x\nx\n"),
        ("A2", 2, "## A2\na2\n"),
        ("B", 1, "# B\nb"),
    ]


def test_underlined_headings_have_two_levels_and_may_take_three_lines():
    text = "Title\n=====\n\ntext\n\nTwo\nlines\n-----\nend\n"
    assert [(value, level) for value, level, _ in headings(text)] == [("Title", 1), ("Two lines", 2)]
    assert headings(text)[1][2] == "Two\nlines\n-----\nend\n"


@pytest.mark.parametrize(
    "text",
    [
        "```\n# no\n```\n",
        "~~~py\n# no\nText\n===\n~~~\n",
        "```\n# an open fence runs to the end\n",
        "---\ntitle: front matter\n---\n",
        "    # indented code\n",
        "#no space\n",
        "a\n\n---\n",
        "- item\n---\n",
        "> quote\n===\n",
        "one\ntwo\nthree\nfour\n---\n",
    ],
)
def test_what_only_looks_like_a_heading_is_none(text):
    assert headings(text) == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("# A #", "A"),
        ("##   B  ##  ", "B"),
        ("# C#", "C#"),
        ("#", ""),
        ("   # D", "D"),
        ("# crlf\r", "crlf"),
    ],
)
def test_the_value_of_a_heading_is_its_text(line, value):
    assert [found for found, _, _ in headings(f"{line}\n")] == [value]


def test_a_shorter_or_other_fence_does_not_close_a_fence():
    text = "````\n```\n~~~~\n# no\n````\n# yes\n"
    assert [value for value, _, _ in headings(text)] == ["yes"]


def test_blocks_are_fences_and_tables_outside_them():
    text = "| a |\n|---|\n| 1 |\n\n```\n| b |\n| c |\n```\n"
    blocks = [(block.kind, block.span.of(text)) for block in markdown_blocks(text)]
    assert blocks == [("table", "| a |\n|---|\n| 1 |\n"), ("code", "```\n| b |\n| c |\n```\n")]


def test_segments_of_markdown_begin_at_headings_and_know_code_from_prose():
    prose = "Some words that fill the line. " * 4 + "\n\n"
    fence = "```\n" + "x = compute(y)\n" * 5 + "```\n"
    text = f"# One\n{prose}{fence}\n# Two\n{prose}"
    document = Document(id="d", text=text, media_type="text/markdown")
    segments = DocumentSegmenter(HashTokenizer(), SegmenterConfig(max_tokens=60, context_tokens=0)).segment(
        document
    )
    tiles = [(segment.kind, segment.span.of(text)) for segment in segments]
    assert ("code", fence + "\n") in tiles
    assert any(tile.startswith("# Two") for _, tile in tiles)
    assert tiles[0][0] == "prose"


def test_headings_are_found_in_linear_time():
    for text in (
        "# h\n" * 50_000,
        "a\n---\n" * 50_000,
        "```\nx\n" * 50_000,
        "`" * 300_000,
        "|a|\n" * 100_000,
    ):
        heading_marks(text)
        markdown_blocks(text)
