"""Files of every format, written by other libraries than those that read them."""

from __future__ import annotations

import io
import json
import zipfile
from email.message import EmailMessage

_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
)


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def pdf(draw, **options):
    """Write a PDF; ``draw`` gets reportlab's canvas."""
    from reportlab.pdfgen.canvas import Canvas

    written = io.BytesIO()
    canvas = Canvas(written, pagesize=(595, 842), **options)
    draw(canvas)
    canvas.save()
    return written.getvalue()


def pdf_of_pages(pages):
    """Write a PDF with the given lines on each page, from the top."""

    def draw(canvas):
        for lines in pages:
            for number, line in enumerate(lines):
                canvas.drawString(72, 770 - 14 * number, line)
            canvas.showPage()

    return pdf(draw)


def docx(build):
    """Write a Word document; ``build`` gets python-docx's document."""
    import docx as library

    document = library.Document()
    build(document)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def docx_of_xml(body, **parts):
    """Write a Word document from the XML inside its body."""
    names = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    document = f"<w:document {names}><w:body>{body}</w:body></w:document>"
    extra = {f"word/{name}.xml": f"<w:{name} {names}>{xml}</w:{name}>" for name, xml in parts.items()}
    return zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": document, **extra})


def pptx(build):
    """Write slides; ``build`` gets python-pptx's presentation."""
    import pptx as library

    presentation = library.Presentation()
    build(presentation)
    written = io.BytesIO()
    presentation.save(written)
    return written.getvalue()


def xlsx(build):
    """Write a workbook; ``build`` gets XlsxWriter's workbook."""
    import xlsxwriter

    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        build(book)
    return written.getvalue()


def epub(chapters, *, title="A Book", extra=None):
    items = "".join(
        f'<item id="c{number}" href="c{number}.xhtml" media-type="application/xhtml+xml"/>'
        for number in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>{title}</dc:title></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    pages = {
        f"OPS/c{number}.xhtml": f"<html><body>{body}</body></html>" for number, body in enumerate(chapters)
    }
    members = {"mimetype": "application/epub+zip", "META-INF/container.xml": _CONTAINER}
    return zipped({**members, "OPS/book.opf": package, **pages, **(extra or {})})


def notebook(cells):
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"language_info": {"name": "python"}},
            "cells": cells,
        }
    ).encode()


def mail(*, html="", attachments=()):
    message = EmailMessage()
    message["Subject"] = "Rent for März"
    message["From"] = "Ann Example <ann@example.org>"
    message["To"] = "bob@example.org"
    message["Date"] = "Mon, 02 Mar 2026 10:00:00 +0000"
    message.set_content("Dear Bob,\n\nthe rent is due.\n")
    if html:
        message.add_alternative(html, subtype="html")
    for name, data, kind in attachments:
        main, _, sub = kind.partition("/")
        message.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return message.as_bytes()
