"""Damaged bytes of every format: a document with sound marks, or a reason; never more than the limits."""

import bz2
import gzip
import io
import lzma
import random
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encoders.types import Document
from indexers.archives import Member, members
from indexers.parsing import FileParser, ParseLimits, ParseOptions, Skipped

sys.path.append(str(Path(__file__).parents[1] / "unit" / "indexers"))
import file_samples as samples

OPTIONS = ParseOptions(limits=ParseLimits(timeout_s=30.0, unpacked_bytes=50_000_000, characters=5_000_000))
SEEDS = {
    "a.pdf": samples.pdf_of_pages([["one page", "with lines"], ["and another"]]),
    "a.docx": samples.docx_of_xml(
        "<w:p><w:r><w:t>words</w:t></w:r></w:p><w:tbl><w:tr><w:tc/></w:tr></w:tbl>"
    ),
    "b.docx": samples.docx(lambda document: document.add_heading("words", 1)),
    "a.pptx": samples.pptx(
        lambda deck: setattr(deck.slides.add_slide(deck.slide_layouts[0]).shapes.title, "text", "words")
    ),
    "a.xlsx": samples.xlsx(lambda book: book.add_worksheet().write_row(0, 0, ["words", 1, True])),
    "a.epub": samples.epub(["<h1>One</h1><p>words</p>"]),
    "a.ipynb": samples.notebook([{"cell_type": "code", "source": "x", "outputs": [{"text": "y"}]}]),
    "a.html": b"<html><h1>a</h1><table><tr><td>b<td>c</table><ol><li>d</ol><pre>e</pre></html>",
    "a.eml": samples.mail(html="<p>words</p>", attachments=[("t.csv", b"a,b\n", "text/csv")]),
    "a.vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>words</v> <v Bob>more\n",
    "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\nBob: words\n",
    "a.csv": b'a,"b\nc",d\n\n1,2,3\n',
    "a.json": b'{"a": [1, {"b": null}], "c": "' + b"d" * 1_100 + b'"}',
    "a.jsonl": b'{"a": [1, {"b": null}]}\n{"a": 2}\n',
    "a.rst": b"=====\nTitle\n=====\n\nPart\n----\nwords\n",
    "a.md": b"# a\n\n| b | c |\n| - | - |\n\n```\nd\n```\nEnd\n---\n",
    "a.txt": b"[00:01] Ann: yes\nBob: no\nAnn: yes\nBob: no\n",
}


@pytest.fixture(scope="module")
def parser():
    with FileParser(OPTIONS) as opened:
        yield opened


@st.composite
def damaged(draw, data):
    """Cut, doubled, overwritten and inserted bytes, at a few places of a sound file."""
    broken = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(broken) - 1)))
        size = draw(st.integers(0, 60))
        patch = draw(
            st.one_of(
                st.just(b""),
                st.binary(max_size=8),
                st.just(bytes(broken[place : place + size]) * 2),
                st.sampled_from([b"<", b">", b"&", b'"', b"\0", b"\xff" * 4, b"]", b"9999999999", b"\n"]),
            )
        )
        broken[place : place + draw(st.sampled_from([0, 1, 4, size]))] = patch
    return bytes(broken)


def check(parser, name, data):
    result = parser.parse(data, doc_id=name)
    if isinstance(result, Skipped):
        assert result.reason
        return
    assert isinstance(result, Document)
    assert result.text.strip()
    starts = [mark.span.start for mark in result.marks]
    assert starts == sorted(starts)
    assert all(mark.span.end <= len(result.text) for mark in result.marks)
    result.text.encode()


@pytest.mark.parametrize("name", list(SEEDS))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_give_sound_documents_or_reasons(parser, name, data):
    check(parser, name, data.draw(damaged(SEEDS[name])))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SEEDS))
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_thousands_of_damaged_files_give_sound_documents_or_reasons(parser, name, data):
    check(parser, name, data.draw(damaged(SEEDS[name])))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), name=st.sampled_from(list(SEEDS)))
def test_any_bytes_give_a_document_or_a_reason(parser, name, data):
    check(parser, name, data)


def tar():
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for number in range(4):
            entry = tarfile.TarInfo(f"d/{number}.txt")
            entry.size = 300
            archive.addfile(entry, io.BytesIO(b"w" * 300))
    return written.getvalue()


ARCHIVES = {
    "a.zip": samples.zipped({f"d/{number}.txt": "words " * 50 for number in range(4)}),
    "a.tar": tar(),
    "a.tgz": gzip.compress(tar()),
    "a.tar.bz2": bz2.compress(tar()),
    "a.tar.xz": lzma.compress(tar()),
    "a.txt.gz": gzip.compress(b"words " * 99),
}


@pytest.mark.parametrize("name", list(ARCHIVES))
def test_damaged_archives_give_files_or_reasons(name):
    choose = random.Random(name)
    limits = ParseLimits(unpacked_bytes=100_000)
    for _ in range(500):
        broken = bytearray(ARCHIVES[name])
        for _ in range(choose.randint(1, 4)):
            place = choose.randrange(len(broken))
            patch = choose.choice([b"", choose.randbytes(choose.randint(1, 8)), b"\xff" * 4, b"\0"])
            broken[place : place + choose.choice([0, 1, 4, 20])] = patch
        found = list(members(name, lambda: bytes(broken), limits) or ())  # noqa: B023
        assert all(one.reason if isinstance(one, Skipped) else one.id.startswith(name) for one in found)
        assert sum(len(one.data) for one in found if isinstance(one, Member)) <= limits.unpacked_bytes


def test_a_sparse_file_in_an_archive_counts_with_the_size_it_unfolds_to():
    entry = tarfile.TarInfo("hole.txt")
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:398], header[398:410] = b"00000000000\0", b"00000000000\0"
    header[483:495] = b"%011o\0" % 10_000_000_000
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    data = bytes(header) + bytes(1_024)
    [refused] = members("a.tar", lambda: data, ParseLimits(unpacked_bytes=1_000_000))
    assert refused.reason.startswith("unpacks to more than the limit")
