import pytest

from encoders.types import Document, Location, Mark, Span
from indexers.errors import CorruptTextError
from indexers.places import FolderPlace
from indexers.text_store import PAGE_CHARACTERS, PageTextStore, cut_pages


@pytest.fixture
def texts(tmp_path):
    return PageTextStore(FolderPlace(tmp_path / "text"))


def document(text, marks=()):
    return Document(id="x", text=text, marks=tuple(marks))


def test_equal_content_has_one_name_and_one_file(texts, tmp_path):
    assert texts.put(document("same words")) == texts.put(document("same words"))
    assert len(list((tmp_path / "text").glob("*/*.zst"))) == 2  # the page and its manifest


def test_a_span_over_page_borders_is_read_from_the_pages_that_hold_it(texts):
    text = "".join(f"line {number} of a long text\r\n" for number in range(12_000))
    reference = texts.put(document(text))
    for start, end in (
        (0, 10),
        (PAGE_CHARACTERS - 50, PAGE_CHARACTERS + 50),
        (len(text) - 5, len(text) + 99),
    ):
        assert texts.text(reference, start, end) == text[start:end]
    assert texts.text(reference) == text


def test_no_page_border_lies_between_carriage_return_and_line_feed():
    text = "x" * (PAGE_CHARACTERS - 1) + "\r\n" + "y" * 10
    assert [span.of(text)[-1] for span in cut_pages(text)] == ["x", "y"]


def test_lines_pages_and_headings_are_found_for_a_span(texts):
    text = "one\ntwo\r\nthree\rfour\nfive"
    marks = [
        Mark("page", Span(0, 9), 1),
        Mark("heading", Span(0, 24), "Part", 1),
        Mark("heading", Span(4, 14), "Chapter", 2),
        Mark("page", Span(9, 24), 2),
    ]
    reference = texts.put(document(text, marks))
    assert texts.locate(reference, Span(5, 12)) == Location(
        line_start=2,
        line_end=3,
        page_start=1,
        page_end=2,
        text_source="native",
        heading_path=("Part", "Chapter"),
    )
    assert texts.locate(reference, Span(20, 24)) == Location(
        line_start=5, line_end=5, page_start=2, page_end=2, text_source="native", heading_path=("Part",)
    )


def test_line_numbers_go_on_over_pages(texts):
    text = "".join(f"{number}\n" for number in range(1, 40_001))
    reference = texts.put(document(text))
    start = text.index("\n39999\n") + 1
    assert texts.locate(reference, Span(start, start + 5)).line_start == 39_999


@pytest.mark.parametrize("damage", ["missing", "altered", "garbage"])
def test_damage_is_found_when_reading_and_mended_by_storing_again(tmp_path, damage):
    import zstandard

    reference = PageTextStore(FolderPlace(tmp_path)).put(document("some words"))
    for path in tmp_path.glob("*/*.zst"):
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(zstandard.compress(b"other words") if damage == "altered" else b"garbage")
    fresh = PageTextStore(FolderPlace(tmp_path))
    with pytest.raises(CorruptTextError, match="index the document again"):
        fresh.text(reference)
    assert fresh.put(document("some words")) == reference
    assert fresh.text(reference) == "some words"
