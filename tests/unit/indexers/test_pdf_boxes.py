"""Where the lines of a PDF stand on their pages."""

import file_samples as samples
import pytest

from encoders.types import Document, Span
from indexers.locating import MarkIndex
from indexers.parsing import FileParser

SIZE = 12


@pytest.fixture(scope="module")
def parser():
    with FileParser() as opened:
        yield opened


def located(parser, data, words):
    document = parser.parse(data, doc_id="x.pdf")
    assert isinstance(document, Document)
    start = document.text.index(words)
    index = MarkIndex(document.marks)
    return index.locate(Span(start, start + len(words)), lambda position: 1)


def drawn(lines, turn=0):
    """Draw (x, y, words), with the widths that the font gives."""

    def draw(canvas):
        canvas.setFont("Helvetica", SIZE)
        canvas.setPageRotation(turn)
        for x, y, words in lines:
            canvas.drawString(x, y, words)
        canvas.showPage()

    return samples.pdf(draw)


def width(words):
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return stringWidth(words, "Helvetica", SIZE)


def assert_stands(box, page, x, y, words):
    """A box stands on the line's ground, up to what letters reach below and above it."""
    assert box.page == page
    assert box.unit == "pt"
    assert abs(box.x0 - x) < 2
    assert abs(box.x1 - (x + width(words))) < 2
    assert y - SIZE < box.y0 <= y + 1
    assert y < box.y1 < y + SIZE


@pytest.mark.parametrize("turn", [0, 90, 180])
def test_a_line_has_the_box_it_was_drawn_in_however_the_page_is_turned(parser, turn):
    lines = [(72, 700, "The lessee pays the rent."), (90, 500, "Notice is given in writing.")]
    place = located(parser, drawn(lines, turn), "given in writing")
    [box] = place.boxes
    assert_stands(box, 1, *lines[1])
    assert place.text_source == "native"


def test_lines_of_a_paragraph_share_a_box_and_those_far_apart_do_not(parser):
    lines = [(72, 700 - 14 * n, f"line {n} of the clause") for n in range(3)] + [(72, 300, "signed by both")]
    place = located(parser, drawn(lines), "line 0 of the clause\nline 1 of the clause\nline 2 of")
    [box] = place.boxes
    assert box.y1 - box.y0 == pytest.approx(2 * 14 + SIZE, abs=6)
    both = located(parser, drawn(lines), "line 2 of the clause\nsigned by both")
    assert len(both.boxes) == 2


def test_a_span_over_two_columns_has_a_box_in_each_though_the_file_draws_line_by_line(parser):
    left = [f"left line {n} fills the column here" for n in range(8)]
    right = [f"right line {n} fills its column too" for n in range(8)]
    lines = [(x, 740 - 14 * n, words[n]) for n in range(8) for x, words in ((50, left), (320, right))]
    place = located(parser, drawn(lines), f"{left[6]}\n{left[7]}\n{right[0]}")
    first, second = place.boxes
    assert (first.x0, second.x0) == (pytest.approx(50, abs=2), pytest.approx(320, abs=2))
    assert first.y1 < second.y0


def test_a_word_joined_over_a_lines_end_and_lines_behind_a_left_out_header_keep_their_boxes(parser):
    towns = ["Bern", "Genoa", "Oslo", "Kyoto"]

    def draw(canvas):
        for page in range(4):
            canvas.setFont("Helvetica", SIZE)
            canvas.drawString(72, 800, "ACME Ltd. confidential")
            canvas.drawString(72, 700, f"Clause {page}: the termi-")
            canvas.drawString(72, 686, f"nation of lease {page}.")
            canvas.drawString(72, 600, f"Signed in {towns[page]}")
            canvas.showPage()

    data = samples.pdf(draw)
    [joined] = located(parser, data, "Clause 2: the termination of lease 2.").boxes
    assert joined.page == 3
    assert joined.y1 - joined.y0 == pytest.approx(14 + SIZE, abs=6)
    [last] = located(parser, data, "Signed in Kyoto").boxes
    assert_stands(last, 4, 72, 600, "Signed in Kyoto")


def test_a_span_over_pages_has_boxes_on_each(parser):
    data = samples.pdf_of_pages([["words of one page"], ["words of the next"]])
    place = located(parser, data, "one page\n\nwords of the")
    assert [box.page for box in place.boxes] == [1, 2]
    assert (place.page_start, place.page_end) == (1, 2)


def test_letters_beyond_sixteen_bits_do_not_shift_the_boxes_behind_them(parser):
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    registerFont(TTFont("Vera", "Vera.ttf"))

    def draw(canvas):
        canvas.setFont("Vera", SIZE)
        canvas.drawString(72, 700, "\N{MATHEMATICAL BOLD CAPITAL A}" * 9)
        canvas.drawString(72, 600, "below them")
        canvas.drawString(72, 500, "further below")
        canvas.showPage()

    [box] = located(parser, samples.pdf(draw), "below them").boxes
    assert 590 < box.y0 < box.y1 < 615


def test_a_file_without_pages_has_neither_boxes_nor_a_source_of_text(parser):
    document = parser.parse(b"<p>words", doc_id="x.html")
    place = MarkIndex(document.marks).locate(Span(0, 3), lambda position: 1)
    assert (place.boxes, place.text_source) == ((), None)


def test_ligatures_become_letters_and_lines_with_them_keep_their_boxes(parser):
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    registerFont(TTFont("Vera", "Vera.ttf"))

    def draw(canvas):
        canvas.setFont("Vera", SIZE)
        canvas.drawString(72, 700, "\N{LATIN SMALL LIGATURE FI}nance \N{LATIN SMALL LIGATURE FL}ows " * 3)
        canvas.drawString(72, 600, "below them")
        canvas.showPage()

    data = samples.pdf(draw)
    [box] = located(parser, data, "finance flows finance flows finance flows").boxes
    assert 695 < box.y0 < box.y1 < 715
    [box] = located(parser, data, "below them").boxes
    assert 595 < box.y0 < box.y1 < 615
