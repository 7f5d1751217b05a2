from __future__ import annotations

import pytest

from encoders.errors import InvalidInputError
from encoders.fake import HashTokenizer
from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Document, Mark, Span

CONFIG = SegmenterConfig(max_tokens=24, context_tokens=6, max_chars=400)


def segments_of(text, *, config=CONFIG, media_type="text/plain", marks=()):
    document = Document(id="d", text=text, media_type=media_type, marks=marks)
    return DocumentSegmenter(HashTokenizer(), config).segment(document)


def tiles_of(text, **options):
    return [segment.span.of(text) for segment in segments_of(text, **options)]


def test_an_empty_text_has_no_segments():
    assert segments_of("") == []


def test_a_text_within_the_budget_is_one_segment_without_context():
    [segment] = segments_of("one two three\n\nfour")
    assert (segment.span, segment.context_start, segment.tokens, segment.breadcrumb) == (
        Span(0, 19),
        0,
        4,
        "",
    )


def test_white_space_alone_is_tiled_by_characters():
    config = SegmenterConfig(max_tokens=24, context_tokens=0, max_chars=100)
    assert [len(tile) for tile in tiles_of(" \n" * 125, config=config)] == [100, 100, 50]


def test_a_tile_ends_with_its_paragraph_rather_than_with_the_last_word_that_fits():
    first, second = "alpha " * 12 + "\n\n", "beta " * 15
    assert tiles_of(first + second)[0] == first


def test_a_tile_ends_with_its_sentence_where_no_paragraph_ends():
    text = "It rains today and the street is wet. " * 4
    assert all(tile.endswith("wet. ") for tile in tiles_of(text))


def test_trailing_white_space_stays_with_the_tile_and_indentation_with_its_line():
    text = "".join(f"    line {number} with words   \n" for number in range(20))
    config = SegmenterConfig(max_tokens=24, context_tokens=6, code="lines")
    tiles = tiles_of(text, config=config, media_type="text/x-python")
    assert len(tiles) > 3
    assert all(tile.startswith("    line") and tile.endswith("\n") for tile in tiles)


def test_context_is_read_before_the_tile_and_is_no_part_of_it():
    text = " ".join(f"w{number}" for number in range(60))
    segments = segments_of(text)
    second = segments[1]
    assert second.reading(text) == text[second.context_start : second.span.end]
    assert text[second.context_start : second.span.start].split() == [f"w{n}" for n in range(16, 22)]


def test_no_context_comes_from_before_a_heading():
    text = "a " * 18 + "\n\n" + "b " * 10
    mark = Mark("heading", Span(38, len(text)), "b", 1)
    plain, marked = segments_of(text)[-1], segments_of(text, marks=(mark,))[-1]
    assert plain.context_start < plain.span.start
    assert marked.context_start == marked.span.start == 38


def test_a_word_longer_than_a_tile_is_cut_between_graphemes():
    config = SegmenterConfig(max_tokens=24, context_tokens=0, max_chars=15)
    tiles = tiles_of("e\u0301" * 40, config=config)
    assert "".join(tiles) == "e\u0301" * 40
    assert {len(tile) % 2 for tile in tiles} == {0}
    assert max(map(len, tiles)) <= 15


def test_a_grapheme_longer_than_a_tile_stays_whole():
    config = SegmenterConfig(max_tokens=24, context_tokens=0, max_chars=15)
    assert "e" + "\u0301" * 30 in tiles_of("abc e" + "\u0301" * 30 + " def", config=config)


def test_sheets_and_cells_are_tables():
    text = "a\tb\n" * 6
    [segment] = segments_of(text, marks=(Mark("sheet", Span(0, len(text)), "S"),))
    assert segment.kind == "table"


def test_blocks_of_a_long_text_join_without_a_seam():
    text = " ".join(f"word{number}" for number in range(60_000))
    segments = segments_of(text)
    assert "".join(segment.span.of(text) for segment in segments) == text
    assert len({segment.tokens for segment in segments[1:-1]}) == 1
    assert all(segment.context_start < segment.span.start for segment in segments[1:])


@pytest.mark.parametrize(
    "text",
    [
        "word " * 200_000,
        "x" * 200_000,
        "\u0301" * 50_000,
        " \n\t" * 100_000,
        "a\x00b " * 50_000,
        "\N{MAN}\u200d\N{WOMAN} " * 20_000,
        "line\r\n" * 50_000,
    ],
    ids=["one line", "one word", "one grapheme", "white space", "NUL", "joined emoji", "CRLF"],
)
def test_hostile_texts_are_tiled_within_the_budget(text):
    segments = segments_of(text)
    assert [segment.span.end for segment in segments] == [segment.span.start for segment in segments[1:]] + [
        len(text)
    ]
    tokenizer = HashTokenizer()
    longest = max(
        len(tokens) for tokens in tokenizer.tokenize([segment.reading(text) for segment in segments])
    )
    assert longest + tokenizer.special_tokens <= CONFIG.max_tokens or len(segments) == 1


def test_the_recipe_changes_with_everything_that_changes_the_tiles():
    configs = [
        SegmenterConfig(),
        SegmenterConfig(max_tokens=100),
        SegmenterConfig(context_tokens=0),
        SegmenterConfig(max_chars=100),
        SegmenterConfig(code="lines"),
        SegmenterConfig(code="syntax"),
    ]
    recipes = [str(DocumentSegmenter(HashTokenizer(), config).recipe) for config in configs]
    assert len(set(recipes)) == 5


@pytest.mark.parametrize(
    "values", [{"max_tokens": 7}, {"context_tokens": -1}, {"context_tokens": 81}, {"max_chars": 0}]
)
def test_a_budget_that_cannot_work_is_refused_with_its_number(values):
    [number] = values.values()
    with pytest.raises(InvalidInputError, match=str(number)):
        SegmenterConfig(**values)
