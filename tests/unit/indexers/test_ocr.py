"""OCR through a program called tesseract: here a small real one that stands in for it."""

import file_samples as samples
import pytest

from encoders.types import Document
from indexers.parsing import ParseLimits, ParseOptions, Skipped, parse

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(20)
OCR = ParseOptions(ocr=True, limits=ParseLimits(timeout_s=30.0))


@pytest.fixture
def tesseract(tmp_path, monkeypatch):
    """Install a program that tells what it was given: the languages and the kind of picture."""

    def install(script):
        program = tmp_path / "tesseract"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


def scan(count):
    def draw(canvas):
        from PIL import Image
        from reportlab.lib.utils import ImageReader

        canvas.drawString(72, 800, "A page with text of its own.")
        canvas.showPage()
        for _ in range(count):
            canvas.drawImage(ImageReader(Image.new("L", (40, 40), 200)), 0, 0, 500, 800)
            canvas.showPage()

    return samples.pdf(draw)


def test_what_is_read_from_pictures_is_marked_so(tesseract):
    tesseract('head -c 2 | sed "s/^/read with $4 from /"; echo')
    document = parse(scan(1), doc_id="scan.pdf", options=OCR)
    assert isinstance(document, Document)
    recognised = [mark.span.of(document.text) for mark in document.marks if mark.kind == "recognised"]
    assert recognised == ["read with eng from P5\n\n"]
    assert [mark.value for mark in document.marks if mark.kind == "page"] == [1, 2]
    picture = parse(PICTURE, doc_id="a.png", options=ParseOptions(ocr=True, ocr_languages="deu+eng"))
    assert isinstance(picture, Document)
    assert "read with deu+eng" in picture.text
    assert [mark.kind for mark in picture.marks] == ["recognised"]


def test_without_ocr_pages_that_are_pictures_are_named():
    document = parse(scan(2), doc_id="scan.pdf")
    assert isinstance(document, Document)
    assert document.notes == ("2 pages are pictures without text (OCR is off): 2, 3",)


def test_an_ocr_that_fails_or_is_missing_or_hangs_gives_its_reason(tesseract, tmp_path, monkeypatch):
    tesseract("echo 'cannot load language' >&2; exit 1")
    assert parse(PICTURE, doc_id="a.png", options=OCR) == Skipped("a.png", "OCR failed: cannot load language")
    tesseract("cat > /dev/null")
    assert parse(PICTURE, doc_id="a.png", options=OCR) == Skipped(
        "a.png", "a picture in which OCR found no text"
    )
    tesseract("sleep 60")
    quick = ParseOptions(ocr=True, limits=ParseLimits(timeout_s=2.0))
    assert parse(PICTURE, doc_id="a.png", options=quick) == Skipped(
        "a.png", "not read within 2 s; raise the limit or split the file"
    )
    (tmp_path / "tesseract").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = parse(PICTURE, doc_id="a.png", options=OCR)
    assert isinstance(missing, Skipped)
    assert missing.reason.startswith("OCR needs tesseract, which is not installed")


def test_odd_languages_never_reach_the_program():
    found = parse(PICTURE, doc_id="a.png", options=ParseOptions(ocr=True, ocr_languages="eng --psm 3"))
    assert found == Skipped("a.png", "OCR languages are written like eng+deu, not 'eng --psm 3'")
