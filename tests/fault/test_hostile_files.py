"""Files made to break a parser: each is reported, none stops the next one."""

import signal
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from encoders.types import Document
from indexers.parsing import FileParser, ParseLimits, ParseOptions, Skipped

sys.path.append(str(Path(__file__).parents[1] / "unit" / "indexers"))
import file_samples as samples

LIMITS = ParseLimits(timeout_s=30.0, unpacked_bytes=20_000_000, characters=3_000_000)


@pytest.fixture(scope="module")
def parser():
    with FileParser(ParseOptions(limits=LIMITS)) as opened:
        yield opened


def reason(parser, data, name):
    result = parser.parse(data, doc_id=name)
    assert isinstance(result, Skipped), result
    assert isinstance(parser.parse(b"<p>still there", doc_id="next.html"), Document)
    return result.reason


def whole_files():
    return {
        "a.pdf": samples.pdf_of_pages([["words of a page"] * 30] * 5),
        "a.docx": samples.docx(lambda document: document.add_paragraph("words")),
        "a.pptx": samples.pptx(
            lambda deck: setattr(deck.slides.add_slide(deck.slide_layouts[0]).shapes.title, "text", "words")
        ),
        "a.xlsx": samples.xlsx(lambda book: book.add_worksheet().write(0, 0, "words")),
        "a.epub": samples.epub(["<p>words</p>"]),
        "a.ipynb": samples.notebook([{"cell_type": "markdown", "source": "words"}]),
    }


@pytest.mark.parametrize("name", list(whole_files()))
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_truncated_file_is_reported_or_read_as_far_as_it_goes(parser, name, share):
    data = whole_files()[name]
    result = parser.parse(data[: int(len(data) * share)], doc_id=name)
    assert isinstance(result, Document) or result.reason.startswith(("damaged", "no text"))
    assert isinstance(parser.parse(data, doc_id=name), Document)


def test_encrypted_files_say_so(parser):
    from reportlab.lib.pdfencrypt import StandardEncryption

    locked = samples.pdf(
        lambda canvas: canvas.drawString(72, 700, "words"), encrypt=StandardEncryption("key")
    )
    assert reason(parser, locked, "a.pdf").startswith("encrypted; remove the password")
    office = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    assert reason(parser, office, "a.docx").startswith("encrypted; remove the password")
    entry = bytearray(samples.docx_of_xml("<w:p/>"))
    entry[entry.index(b"PK\x01\x02") + 8] |= 1
    assert reason(parser, bytes(entry), "a.docx").startswith("encrypted")
    chapter = '<e><CipherReference URI="OPS/c0.xhtml"/></e>'
    book = samples.epub(["<p>x</p>"], extra={"META-INF/encryption.xml": chapter})
    assert reason(parser, book, "a.epub").startswith("encrypted: 1 of 1 chapters")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(parser):
    bomb = samples.zipped({"word/document.xml": bytes(25_000_000)})
    assert len(bomb) < 50_000
    assert reason(parser, bomb, "a.docx").startswith("unpacks to 25,000,000 bytes, more than 20,000,000")
    many = samples.zipped({f"word/{number}": b"" for number in range(20_001)} | {"word/document.xml": b""})
    assert reason(parser, many, "a.docx").startswith("20,002 files inside are more than 20,000")


def test_a_zip_bomb_whose_directory_lies_is_found_out(parser):
    bomb = bytearray(samples.zipped({"word/document.xml": b"<a>" + bytes(25_000_000)}))
    place = bomb.index(b"PK\x01\x02") + 24
    bomb[place : place + 4] = (1_000).to_bytes(4, "little")
    assert "Bad CRC" in reason(parser, bytes(bomb), "a.docx") or "invalid token" in reason(
        parser, bytes(bomb), "a.docx"
    )


def test_an_xml_bomb_is_stopped(parser):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "bombs away">{entities}]><a><p><t>&e9;</t></p></a>'
    assert "amplification" in reason(parser, samples.zipped({"word/document.xml": bomb}), "a.docx")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.docx", samples.docx_of_xml("<w:sdt>" * 20_000 + "</w:sdt>" * 20_000)),
        ("a.eml", b"From: " + b"(" * 50_000 + b"\nTo: a\nSubject: b\n\nx"),
    ],
    ids=["xml", "comments in a header"],
)
def test_what_is_nested_too_deeply_is_damaged(parser, name, data):
    assert reason(parser, data, name) == "damaged: nested too deeply"


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read():
    with FileParser(ParseOptions(limits=ParseLimits(timeout_s=4.0))) as parser:
        parser.parse(b"<p>warm", doc_id="warm.html")
        assert reason(parser, b"<a " * 200_000, "slow.html") == (
            "not read within 4 s; raise the limit or split the file"
        )


def test_an_interrupted_file_does_not_answer_for_the_next_one():
    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with FileParser() as parser:
            parser.parse(b"<p>warm", doc_id="warm.html")
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                parser.parse(b"<a " * 200_000, doc_id="slow.html")
            document = parser.parse(b"<p>words", doc_id="next.html")
        assert isinstance(document, Document)
        assert document.text == "words\n"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_file_that_takes_too_much_memory_is_given_up_and_the_next_one_read():
    limits = ParseLimits(memory_bytes=192 << 20, timeout_s=60.0)
    wide = samples.zipped({"word/document.xml": bytes(180_000_000)})
    with FileParser(ParseOptions(limits=limits)) as parser:
        assert "more than 192 MiB" in reason(parser, wide, "wide.docx")


def test_more_text_or_bytes_than_allowed_is_refused_and_never_cut(parser):
    assert reason(parser, b"<p>" + b"words " * 600_000, "a.html").startswith("more than 3,000,000 characters")
    assert reason(parser, b"words " * 600_000, "a.txt").startswith("3,600,000 characters are more than")
    small = FileParser(ParseOptions(limits=ParseLimits(file_bytes=10)))
    assert small.parse(b"words and more", doc_id="a.txt") == Skipped(
        "a.txt", "14 bytes are more than 10; raise the limit"
    )


def test_a_file_too_large_is_not_even_opened(tmp_path):
    from indexers.parsing import FoundFile, parse_file

    (tmp_path / "a.txt").write_text("words and more")
    (tmp_path / "a.txt").chmod(0)
    found = parse_file(
        FoundFile(tmp_path / "a.txt", "a.txt"), ParseOptions(limits=ParseLimits(file_bytes=10))
    )
    assert found == Skipped("a.txt", "14 bytes are more than 10; raise the limit")


def test_ten_thousand_pages_are_read_with_their_numbers(parser):
    data = _plain_pdf(10_000)
    document = parser.parse(data, doc_id="long.pdf")
    assert isinstance(document, Document)
    pages = [mark for mark in document.marks if mark.kind == "page"]
    assert [mark.value for mark in pages] == list(range(1, 10_001))
    assert pages[7_776].span.of(document.text) == "Words of page 7777 end.\n\n"
    with FileParser(ParseOptions(limits=ParseLimits(pages=9_999))) as strict:
        assert reason(strict, data, "long.pdf") == "10,000 pages are more than 9,999"


def test_a_scan_without_text_asks_for_ocr(parser):
    def draw(canvas):
        from PIL import Image
        from reportlab.lib.utils import ImageReader

        canvas.drawImage(ImageReader(Image.new("L", (40, 40), 200)), 0, 0, 500, 800)
        canvas.showPage()

    assert reason(parser, samples.pdf(draw), "scan.pdf") == (
        "scanned: 1 of 1 pages are pictures without text; switch OCR on to read them"
    )
    assert reason(parser, samples.pdf(lambda canvas: canvas.showPage()), "blank.pdf") == "no text on 1 pages"


def test_an_archive_is_named_as_one(parser):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "words")
    assert reason(parser, packed.getvalue(), "a.zip").startswith("an archive; unpack it")


def _plain_pdf(count):
    """Write a PDF by hand, for reportlab takes ten seconds over so many pages."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for number in range(1, count + 1):
        content = b"BT /F 12 Tf 72 700 Td (Words of page %d end.) Tj ET" % number
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
        font = b"/Resources<</Font<</F 3 0 R>>>>"
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]%s/Contents %d 0 R>>"
        objects.append(page % (font, len(objects)))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, b" ".join(kids))
    written, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    written += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(written)
