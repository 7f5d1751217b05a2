"""One file of each format: text, spans, structure."""

import datetime
import json

import file_samples as samples
import pytest

from encoders.types import Document
from indexers.parsing import FileParser


@pytest.fixture(scope="module")
def parser():
    with FileParser() as opened:
        yield opened


def read(parser, data, name):
    document = parser.parse(data, doc_id=name)
    assert isinstance(document, Document), document
    for mark in document.marks:
        assert mark.span.end <= len(document.text)
    assert list(document.marks) == sorted(document.marks, key=lambda mark: mark.span.start)
    return document


def marked(document, kind):
    return [(mark.value, mark.span.of(document.text)) for mark in document.marks if mark.kind == kind]


def headings(document):
    return [(mark.value, mark.level) for mark in document.marks if mark.kind == "heading"]


def test_restructured_text_has_levels_in_the_order_of_its_underlines(parser):
    text = "=====\nTitle\n=====\n\nwords\n\nPart\n====\n\nSub\n---\n\nmore\n\nNext\n====\n\n| a\n"
    document = read(parser, text.encode(), "guide.rst")
    assert document.text == text
    assert headings(document) == [("Title", 1), ("Part", 2), ("Sub", 3), ("Next", 2)]
    assert marked(document, "heading")[1][1] == text[text.index("Part") : text.index("Next")]
    assert document.title == "Title"


def test_html_becomes_paragraphs_headings_lists_and_rows(parser):
    page = """<!DOCTYPE html><html><head><title>The  Lease</title><style>p {}</style></head><body>
    <nav>Home | About</nav><h1>Lease<a class="headerlink" href="#l">¶</a></h1>
    <p>The tenant <b>shall</b>\n pay&nbsp;rent.<br>Monthly.</p>
    <ol><li>first</li><li>second <ul><li>inner</li></ul></li></ol>
    <table><tr><th>Month</th><th>Rent</th></tr><tr><td>May</td><td><p>1,000</p></td></tr></table>
    <h2>Costs &amp; fees</h2><pre>  kept
    as is</pre><script>var hidden;</script><img alt="a signature"></body></html>"""
    document = read(parser, page.encode(), "lease.html")
    assert document.text == (
        "Lease\n\nThe tenant shall pay\xa0rent.\nMonthly.\n\n1. first\n2. second\n  - inner\n\n"
        "Month | Rent\nMay | 1,000\n\nCosts & fees\n\n  kept\n    as is\n\na signature\n"
    )
    assert headings(document) == [("Lease", 1), ("Costs & fees", 2)]
    assert marked(document, "cells") == [("A1:B2", "Month | Rent\nMay | 1,000\n")]
    assert document.title == "The Lease"
    assert document.notes == ("navigation left out: 12 characters",)


def test_a_table_that_is_layout_keeps_its_blocks(parser):
    page = "<table><tr><td><h1>A</h1><p>one</p></td><td><table><tr><td>x<td>y</table></td></tr></table>"
    document = read(parser, page.encode(), "old.html")
    assert "A\n\none" in document.text
    assert marked(document, "cells") == [("A1:B1", "x | y\n")]


def test_a_page_states_its_own_encoding(parser):
    page = '<html><head><meta charset="cp1252"></head><body>Kündigung</body></html>'.encode("cp1252")
    assert read(parser, page, "x.html").text == "Kündigung\n"


def test_pdf_has_pages_and_headings_from_its_outline(parser):
    def draw(canvas):
        for number, title in enumerate(("Scope", "Payment"), 1):
            canvas.drawString(72, 700, f"{number} {title}")
            canvas.drawString(72, 680, f"Words of the section on page {number}.")
            canvas.bookmarkPage(title)
            canvas.addOutlineEntry(title, title, level=0)
            canvas.showPage()
        canvas.setTitle("A Contract")

    document = read(parser, samples.pdf(draw), "contract.pdf")
    assert document.text == (
        "1 Scope\nWords of the section on page 1.\n\n2 Payment\nWords of the section on page 2.\n\n"
    )
    assert [value for value, _ in marked(document, "page")] == [1, 2]
    assert marked(document, "page")[1][1].startswith("2 Payment")
    assert marked(document, "heading")[1] == ("Payment", "2 Payment\nWords of the section on page 2.\n\n")
    assert document.title == "A Contract"


def test_pdf_keeps_repeated_headers_once_and_says_so(parser):
    pages = [
        ["ACME Ltd. confidential", f"Body of page {n} with its own words {'abc'[n % 3]}{n}", f"Page {n} of 9"]
        for n in range(1, 10)
    ]
    document = read(parser, samples.pdf_of_pages(pages), "x.pdf")
    assert document.text.count("ACME") == 1
    assert document.text.count("Page ") == 1
    assert [f"Body of page {n}" in document.text for n in range(1, 10)] == [True] * 9
    [note] = document.notes
    assert note.startswith(
        "repeated page headers and footers kept once: 'ACME Ltd. confidential' on 9 pages;"
    )
    assert note.endswith("'Page # of 9' on 9 pages")


def test_pdf_joins_words_cut_at_a_lines_end(parser):
    page = ["The termi-", "nation of a well-", "known lease; well-known and", "the agree-", "Ment stays."]
    assert read(parser, samples.pdf_of_pages([page]), "x.pdf").text.split("\n")[:2] == [
        "The termination of a well-known lease; well-known and",
        "the agree-Ment stays.",
    ]


def test_pdf_reads_turned_pages_in_order(parser):
    def draw(canvas):
        canvas.setPageRotation(90)
        canvas.drawString(100, 400, "first line of a turned page")
        canvas.drawString(100, 380, "second line of it")
        canvas.showPage()

    assert (
        read(parser, samples.pdf(draw), "x.pdf").text == "first line of a turned page\nsecond line of it\n\n"
    )


def test_pdf_reads_columns_one_after_the_other_however_they_are_drawn(parser):
    left = [f"left line {n} fills the column here" for n in range(8)]
    right = [f"right line {n} fills its column too" for n in range(8)]

    def draw(canvas, by_line):
        canvas.drawString(
            72, 790, "A title that reaches over both of the columns of this page, and a little more"
        )
        columns = [(50, left), (320, right)]
        places = [(x, n, lines[n]) for x, lines in columns for n in range(8)]
        for x, n, line in sorted(places, key=lambda place: place[1]) if by_line else places:
            canvas.drawString(x, 740 - 14 * n, line)
        canvas.showPage()

    texts = [
        read(parser, samples.pdf(lambda canvas: draw(canvas, by_line)), "x.pdf").text  # noqa: B023
        for by_line in (False, True)
    ]
    assert texts[0] == texts[1]
    assert texts[0].split("\n")[1:17] == left + right


def test_pdf_keeps_the_rows_of_a_table_together_however_it_is_drawn(parser):
    cells = [(row, column) for row in range(4) for column in range(3)]

    def draw(canvas, by_column):
        for row, column in sorted(cells, key=lambda cell: cell[1]) if by_column else cells:
            canvas.drawString(60 + 120 * column, 700 - 16 * row, f"r{row}c{column}")
        canvas.showPage()

    rows = read(parser, samples.pdf(lambda canvas: draw(canvas, False)), "x.pdf").text
    assert rows.split("\n")[:2] == ["r0c0 r0c1 r0c2", "r1c0 r1c1 r1c2"]
    columns = read(parser, samples.pdf(lambda canvas: draw(canvas, True)), "x.pdf").text
    assert columns.split("\n")[:2] == ["r0c0 | r0c1 | r0c2", "r1c0 | r1c1 | r1c2"]


def test_webvtt_has_speakers_and_times(parser):
    text = (
        "WEBVTT\n\nNOTE by hand\n\n1\n00:00:01.000 --> 00:00:02.500 align:start\n"
        "<v Ann>Hello &amp; <i>good</i> day.\n\n"
        "00:02.500 --> 00:04.000\n<v Ann>It rains.\n\n"
        "00:04.000 --> 00:05.000\n<v Bob>Yes.</v> <v Cy>No.</v>\n"
    )
    document = read(parser, text.encode(), "talk.vtt")
    assert document.text == "Ann: Hello & good day.\nIt rains.\nBob: Yes.\nCy: No.\n"
    assert marked(document, "speaker") == [
        ("Ann", "Ann: Hello & good day.\nIt rains.\n"),
        ("Bob", "Bob: Yes.\n"),
        ("Cy", "Cy: No.\n"),
    ]
    times = [(mark.value, mark.level) for mark in document.marks if mark.kind == "time"]
    assert times == [(1.0, 0), (2.5, 1), (2.5, 0), (4.0, 1), (4.0, 0), (5.0, 1), (4.0, 0), (5.0, 1)]


def test_srt_has_times_and_named_speakers(parser):
    text = "1\r\n00:00:01,000 --> 00:00:02,000\r\nBob: Hi.\r\n\r\n"
    text += "2\r\n01:00:00,250 --> 01:00:01,000\r\nThere.\r\n"
    document = read(parser, text.encode(), "film.srt")
    assert document.text == "Bob: Hi.\nThere.\n"
    assert marked(document, "speaker") == [("Bob", "Bob: Hi.\n")]
    assert [mark.value for mark in document.marks if mark.kind == "time" and mark.level == 0] == [
        1.0,
        3600.25,
    ]


def test_speakers_turns_in_plain_text_are_marked_and_left_as_they_are(parser):
    text = "[00:05] Grad C: Yes .\nand so on\n[00:09] PhD D: It didn't .\nGrad C: So .\nPhD D: Note: well.\n"
    document = read(parser, text.encode(), "meeting.txt")
    assert document.text == text
    assert [value for value, _ in marked(document, "speaker")] == ["Grad C", "PhD D", "Grad C", "PhD D"]
    assert marked(document, "speaker")[0][1] == "[00:05] Grad C: Yes .\nand so on\n"
    assert [value for value, _ in marked(document, "time")] == [5.0, 9.0]


@pytest.mark.parametrize(
    "text",
    [
        "Name: x\nCity: y\nAge: 3\nNote: z\n",
        "INFO: a\nERROR: b\nINFO: c\nERROR: d\n",
        "One: two\n" * 9,
        "Problem: a\nSolution: b\nFiles: c\n\n" * 5,
    ],
    ids=["fields", "log", "one name", "forms"],
)
def test_lines_with_colons_are_no_conversation(parser, text):
    assert read(parser, text.encode(), "x.txt").media_type == "text/plain"


def test_word_headings_lists_tables_and_styles(parser):
    def build(document):
        document.core_properties.title = "Lease of 2026"
        document.add_heading("Rent", 1)
        document.add_paragraph("The rent is due.")
        document.add_paragraph("first", style="List Bullet")
        document.add_paragraph("second", style="List Bullet")
        table = document.add_table(2, 2)
        for number, text in enumerate(("Month", "Sum", "May", "1,000")):
            table.cell(number // 2, number % 2).text = text
        document.add_heading("Late fees", 2)
        document.add_paragraph("Ten per cent.")

    document = read(parser, samples.docx(build), "lease.docx")
    assert document.text == (
        "Rent\n\nThe rent is due.\n\n- first\n- second\n\n"
        "Month | Sum\nMay | 1,000\n\nLate fees\n\nTen per cent.\n\n"
    )
    assert headings(document) == [("Rent", 1), ("Late fees", 2)]
    assert marked(document, "cells") == [("A1:B2", "Month | Sum\nMay | 1,000\n")]
    assert document.title == "Lease of 2026"


def test_word_reads_insertions_footnotes_and_page_breaks_and_names_what_is_deleted(parser):
    body = (
        "<w:p><w:r><w:t>Rent is </w:t></w:r><w:ins><w:r><w:t>1,200</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>1,000</w:delText></w:r></w:del>"
        '<w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
        '<w:p><w:r><w:br w:type="page"/><w:t>Page two.</w:t></w:r></w:p>'
    )
    notes = '<w:footnote w:id="2"><w:p><w:r><w:t>Per month.</w:t></w:r></w:p></w:footnote>'
    document = read(parser, samples.docx_of_xml(body, footnotes=notes), "x.docx")
    assert document.text == "Rent is 1,200[2]\n\nPage two.\n\n[2] Per month.\n\n"
    assert marked(document, "page") == [
        (1, "Rent is 1,200[2]\n\n"),
        (2, "Page two.\n\n[2] Per month.\n\n"),
    ]
    assert document.notes == (
        "pages as the word processor last laid them out",
        "deleted text of tracked changes left out: 5 characters",
        "1 insertions of tracked changes were read as text",
    )


def test_slides_have_numbers_titles_tables_and_speaker_notes(parser):
    def build(presentation):
        for title, body in (("Plan", "Build it"), ("Risks", "It rains")):
            slide = presentation.slides.add_slide(presentation.slide_layouts[1])
            slide.shapes.title.text, slide.placeholders[1].text = title, body
        slide.notes_slide.notes_text_frame.text = "Mention the roof."
        table = slide.shapes.add_table(2, 2, 0, 0, 100, 100).table
        for number, text in enumerate("abcd"):
            table.cell(number // 2, number % 2).text = text

    document = read(parser, samples.pptx(build), "plan.pptx")
    assert document.text == (
        "Plan\n\nBuild it\n\nRisks\n\nIt rains\n\na | b\nc | d\n\nNotes: Mention the roof.\n\n"
    )
    assert [value for value, _ in marked(document, "slide")] == [1, 2]
    assert marked(document, "slide")[1][1].startswith("Risks")
    assert headings(document) == [("Plan", 1), ("Risks", 1)]


def test_sheets_have_names_and_rows_by_their_numbers(parser):
    def build(book):
        sheet = book.add_worksheet("Costs")
        sheet.write_row(0, 0, ["Item", "Sum", "When"])
        sheet.write_row(1, 0, ["Roof\nnew", 1200.0])
        sheet.write_datetime(
            1, 2, datetime.datetime(2026, 3, 1), book.add_format({"num_format": "yyyy-mm-dd"})
        )
        sheet.write_row(4, 0, ["Total", 0.5, True])
        sheet.write_formula(4, 3, "=B2*2", value="")
        book.add_worksheet("Notes").write(0, 0, "all in euros")

    document = read(parser, samples.xlsx(build), "costs.xlsx")
    assert document.text == (
        "Costs\n\nItem | Sum | When\nRoof new | 1200 | 2026-03-01\n\nTotal | 0.5 | TRUE\n\n"
        "Notes\n\nall in euros\n\n"
    )
    assert [value for value, _ in marked(document, "sheet")] == ["Costs", "Notes"]
    assert [value for value, _ in marked(document, "cells")] == ["A1:C2", "A5:C5", "A1:A1"]
    assert headings(document) == [("Costs", 1), ("Notes", 1)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_rows_stay_together_whatever_the_delimiter(parser, delimiter):
    rows = [["name", "city"], ["Ann, A.", "Köln"], ["Bob\nB.", ""]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    document = read(parser, text.encode(), "people.csv")
    assert document.text == "name | city\nAnn, A. | Köln\nBob B.\n"
    assert marked(document, "cells") == [("A1:B3", document.text)]


def test_a_book_is_its_chapters_in_order_with_headings(parser):
    data = samples.epub(["<h1>One</h1><p>It was night.</p>", "<h1>Two</h1><p>It was day.</p>"])
    document = read(parser, data, "book.epub")
    assert document.text == "One\n\nIt was night.\n\nTwo\n\nIt was day.\n\n"
    assert headings(document) == [("One", 1), ("Two", 1)]
    assert (document.title, document.media_type) == ("A Book", "application/epub+zip")


def test_a_notebook_is_markdown_with_code_and_results(parser):
    cells = [
        {"cell_type": "markdown", "source": ["# Data\n", "We load."]},
        {
            "cell_type": "code",
            "source": "print('```')",
            "outputs": [
                {"output_type": "stream", "text": ["```\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "<Figure>"}},
            ],
        },
        {"cell_type": "code", "source": "", "outputs": []},
    ]
    document = read(parser, samples.notebook(cells), "a.ipynb")
    assert document.text == (
        "# Data\nWe load.\n\n````python\nprint('```')\n````\n\n````\n```\n````\n\n```\n<Figure>\n```\n\n"
    )
    assert (headings(document), document.media_type) == ([("Data", 1)], "text/markdown")
    assert document.notes == ("pictures among the results of the cells were left out",)


def test_json_in_lines_stays_and_json_in_one_line_is_written_anew(parser):
    pretty = json.dumps({"name": "x", "list": [1, 2]}, indent=1)
    assert read(parser, pretty.encode(), "a.json").text == pretty
    record = {"title": "Größe\nzwei", "tags": ["a", None], "empty": {}, "long": "w" * 2_000}
    document = read(parser, json.dumps([record, 7]).encode(), "b.json")
    assert document.text.startswith("title: Größe\nzwei\ntags[0]: a\ntags[1]: null\nempty: {}\nlong: www")
    assert [value for value, _ in marked(document, "symbol")] == ["$[0]", "$[1]"]


def test_json_lines_name_the_line_of_each_record_and_the_damaged_ones(parser):
    document = read(parser, b'{"a": "x\\u2028y"}\n\nnot json\n{"a": 2}\n', "a.jsonl")
    assert [value for value, _ in marked(document, "symbol")] == ["line 1", "line 3", "line 4"]
    assert marked(document, "symbol")[2][1] == "a: 2\n"
    assert document.notes == ("1 lines are not JSON and were read as text: 3",)


def test_mail_has_headers_body_and_readable_attachments(parser):
    table, picture = b"a,b\n1,2\n", b"\x89PNG\r\n\x1a\n..."
    data = samples.mail(attachments=[("t.csv", table, "text/csv"), ("p.png", picture, "image/png")])
    document = read(parser, data, "x.eml")
    assert document.text.startswith("Subject: Rent for März\nFrom: Ann Example <ann@example.org>\nTo: bob@")
    assert "Dear Bob,\n\nthe rent is due.\n\nAttachment: t.csv\n\na | b\n1 | 2\n" in document.text
    assert marked(document, "cells") == [("A1:B2", "a | b\n1 | 2\n")]
    assert headings(document) == [("Attachment: t.csv", 1)]
    assert (document.title, document.media_type) == ("Rent for März", "message/rfc822")
    assert document.notes == ("attachment 'p.png' left out: a picture; switch OCR on to read it",)


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("lease.txt", samples.pdf_of_pages([["words"]]), "application/pdf"),
        ("noname", samples.epub(["<p>words</p>"]), "application/epub+zip"),
        ("noname", b"<!doctype html><p>words", "text/html"),
        ("noname", b"WEBVTT\n\n00:01.000 --> 00:02.000\nwords\n", "text/x-transcript"),
        ("noname", samples.notebook([{"cell_type": "markdown", "source": "words"}]), "text/markdown"),
        ("noname", samples.mail(), "message/rfc822"),
        ("noname", b'{"a": 1}\n{"a": 2}\n', "application/jsonl"),
        ("report.pdf", b"just words", "text/plain"),
    ],
    ids=["pdf", "epub", "html", "vtt", "notebook", "mail", "jsonl", "misnamed"],
)
def test_content_tells_the_type_before_the_name_does(parser, name, data, media_type):
    assert read(parser, data, name).media_type == media_type
