import pytest

from encoders.types import Location, Mark, Span
from indexers.cells import cell_range, column_name, joined_range, rows_within
from indexers.locating import MarkIndex


def line_of(text):
    return lambda position: 1 + text.count("\n", 0, position)


def test_a_span_over_two_turns_names_both_speakers_and_the_times_of_both():
    text = "Ann: one two\nBob: three\n"
    marks = [
        Mark("speaker", Span(0, 13), "Ann"),
        Mark("time", Span(0, 13), 1.5),
        Mark("time", Span(0, 13), 3.0, 1),
        Mark("speaker", Span(13, 24), "Bob"),
        Mark("time", Span(13, 24), 3.0),
        Mark("time", Span(13, 24), 4.25, 1),
    ]
    index = MarkIndex(marks)
    assert index.locate(Span(5, 20), line_of(text)) == Location(
        line_start=1, line_end=2, speaker="Ann, Bob", time_start=1.5, time_end=4.25
    )
    one = index.locate(Span(0, 13), line_of(text))
    assert (one.speaker, one.time_start, one.time_end) == ("Ann", 1.5, 3.0)


def test_an_end_that_is_not_known_stays_unknown():
    marks = [Mark("time", Span(0, 5), 1.0), Mark("time", Span(5, 9), 2.0)]
    found = MarkIndex(marks).locate(Span(0, 9), line_of("words and"))
    assert (found.time_start, found.time_end) == (1.0, None)


def test_rows_of_a_sheet_are_counted_by_lines_and_over_gaps():
    text = "Costs\n\na | b\nc | d\n\ne\nf\n"
    marks = [
        Mark("sheet", Span(0, 24), "Costs"),
        Mark("cells", Span(7, 19), "A1:B2"),
        Mark("cells", Span(20, 24), "A4:A5"),
    ]
    index = MarkIndex(marks)
    assert index.locate(Span(13, 18), line_of(text)).cell_range == "A2:B2"
    assert index.locate(Span(13, 21), line_of(text)).cell_range == "A2:B4"
    assert index.locate(Span(0, 24), line_of(text)).cell_range == "A1:B5"
    assert index.locate(Span(0, 5), line_of(text)).cell_range is None
    assert index.locate(Span(22, 24), line_of(text)).sheet == "Costs"


def test_two_tables_that_are_not_of_one_sheet_have_no_common_range():
    marks = [Mark("cells", Span(0, 4), "A1:A2"), Mark("cells", Span(6, 10), "A1:A2")]
    assert MarkIndex(marks).locate(Span(0, 10), line_of("a\nb\n\n\nc\nd\n")).cell_range is None


def test_slides_and_the_innermost_symbol_are_found():
    marks = [
        Mark("slide", Span(0, 10), 1),
        Mark("symbol", Span(0, 20), "class A", 1),
        Mark("slide", Span(10, 20), 2),
        Mark("symbol", Span(12, 16), "def b", 2),
    ]
    found = MarkIndex(marks).locate(Span(12, 14), line_of("x" * 20))
    assert (found.slide, found.symbol) == (2, "def b")


@pytest.mark.parametrize(
    ("span", "path"),
    [
        (Span(0, 40), ("class A",)),  # holds both methods, neither by half
        (Span(8, 32), ("class A", "def b")),  # a comment before the method, then mostly the method
        (Span(21, 23), ("class A", "def b")),  # inside it
        (Span(34, 44), ("class A", "def c")),  # after it: mostly the next one
        (Span(48, 70), ("def d",)),  # begins where nothing is defined
        (Span(45, 45), ("class A",)),  # an empty span stands for its position
        (Span(80, 90), ()),
    ],
)
def test_a_span_is_about_the_definition_that_holds_most_of_it(span, path):
    marks = [
        Mark("symbol", Span(0, 46), "class A", 1),
        Mark("symbol", Span(12, 31), "def b", 2),
        Mark("symbol", Span(35, 45), "def c", 2),
        Mark("symbol", Span(60, 68), "def d", 1),
    ]
    found = MarkIndex(marks).locate(span, line_of("x" * 90))
    assert found.symbol_path == path
    assert found.symbol == (path[-1] if path else None)


def test_a_text_without_marks_has_only_lines():
    assert MarkIndex([]).locate(Span(0, 0), line_of("")) == Location(line_start=1, line_end=1)


@pytest.mark.parametrize(("number", "name"), [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (703, "AAA")])
def test_columns_are_named_as_in_spreadsheets(number, name):
    assert column_name(number) == name


def test_ranges_of_rows():
    assert cell_range(3, 9, 28) == "A3:AB9"
    assert rows_within("A3:AB9", 1, 99) == "A4:AB9"
    assert joined_range(["A1:C2", "A5:AA6"]) == "A1:AA6"
    assert joined_range([]) is None
    with pytest.raises(ValueError, match="count from 1"):
        column_name(0)
