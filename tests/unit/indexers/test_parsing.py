# ruff: noqa: RUF001
import pytest

from encoders.types import Document
from indexers.parsing import FoundFile, Skipped, decode, find_files, parse, parse_file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_or_without_a_byte_order_mark_is_read(encoding):
    text, notes = decode("Grüße aus 東京 🙂\r\n".encode(encoding))
    assert (text, notes) == ("Grüße aus 東京 🙂\r\n", ())


def test_text_that_is_not_utf8_is_read_by_the_likeliest_encoding_and_noted():
    original = (
        "Die Kündigung ist spätestens am dritten Werktag zulässig. Für Geschäftsräume gilt Ähnliches. " * 5
    )
    text, notes = decode(original.encode("cp1252"))
    assert text == original
    assert notes[0].startswith("not UTF-8, read as ")


@pytest.mark.parametrize("times", [1, 50])
@pytest.mark.parametrize(
    ("encoding", "original"),
    [
        ("cp1252", "café naïve résumé"),
        ("cp1252", "“Ünïcode” – a 66-character file with ‘smart quotes’ and more here."),
        ("cp1252", "Price: £5 – 10 €, 20 °C ± 2, © Acme®"),
        ("cp1252", "El Niño"),
        ("cp1252", "Kündigung"),
        ("cp1252", "Où est la bibliothèque ? C’est une œuvre créée dès l’été, à côté de la forêt."),
        ("cp1252", "El año pasado comí piñas. ¿Dónde está el niño?"),
        ("cp1252", "A informação não está disponível; três opções."),
        ("cp1252", "Il caffè è già pronto, però non c’è più."),
        ("cp1252", "Rødgrød med fløde på æbler"),
        ("cp1252", "Räksmörgås på ångbåt"),
        ("cp1252", "Það er gott að búa á Íslandi, þú veist það."),
        ("cp1250", "Książka leży na stole."),
        ("cp1250", "Dzień dobry, jak się masz?"),
        ("cp1250", "Umowa została zawarta w dniu pierwszym marca między stronami."),
        ("cp1250", "Děkuji, dobře. Česká republika leží ve střední Evropě."),
        ("cp1250", "A szerződés időpontja később lesz meghatározva."),
        ("cp1250", "Čovjek je išao kući."),
        ("iso8859_2", "Książka leży na stole."),
        ("cp1254", "İstanbul’da yağmur yağıyor."),
        ("cp1257", "Ačiū už pagalbą, labas rytas."),
        ("cp1251", "Договор вступает в силу с момента подписания."),
        ("cp1251", "Hello, мир"),
        ("koi8_r", "Привет, как дела?"),
        ("cp1253", "Η σύμβαση αρχίζει να ισχύει από σήμερα."),
        ("cp1255", "החוזה נכנס לתוקף ביום החתימה"),
    ],
)
def test_the_code_page_is_the_one_whose_letters_make_words(encoding, original, times):
    lines = "\n".join([original] * times)
    assert decode(lines.encode(encoding)) == (lines, (f"not UTF-8, read as {encoding}",))


@pytest.mark.parametrize("times", [1, 50])
@pytest.mark.parametrize(
    ("encoding", "original"),
    [
        ("shift_jis", "契約は署名の日から効力を生じる。"),
        ("gb18030", "合同自签字之日起生效。"),
        ("big5", "合同自簽字之日起生效。"),
        ("euc_kr", "계약은 서명일부터 효력이 발생한다."),
    ],
)
def test_east_asian_text_is_not_taken_for_accented_letters(encoding, original, times):
    lines = "\n".join([original] * times)
    text, notes = decode(lines.encode(encoding))
    assert text == lines
    assert notes[0].startswith("not UTF-8, read as ")


def test_binary_content_is_skipped_with_a_reason():
    assert parse(bytes(range(256)) * 20 + b"\0" * 4_000, doc_id="x.dat") == Skipped("x.dat", "binary content")


@pytest.mark.parametrize("data", [b"", b" \n\t "])
def test_an_empty_file_is_skipped_with_a_reason(data):
    assert parse(data, doc_id="x.txt") == Skipped("x.txt", "empty file")


def test_a_format_without_a_parser_is_skipped_by_name():
    reason = "no parser for application/x-executable"
    assert parse(b"\x7fELF\x02\x01", doc_id="tool") == Skipped("tool", reason)


def test_a_few_nuls_stay_in_the_text_at_their_place():
    document = parse(b"before" + b"\0" + b"after" * 100, doc_id="x.txt")
    assert isinstance(document, Document)
    assert document.text[6] == "\0"


def test_markdown_gets_its_headings_and_its_title():
    document = parse(b"# Terms\n\ntext\n\n## Costs\n\nmore\n", doc_id="a/terms.md")
    assert isinstance(document, Document)
    assert (document.title, document.media_type) == ("Terms", "text/markdown")
    assert [(mark.value, mark.level, mark.span.of(document.text)[:2]) for mark in document.marks] == [
        ("Terms", 1, "# "),
        ("Costs", 2, "##"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.py", b"x = 1", "text/x-python"),
        ("run", b"#!/usr/bin/env python3\nx = 1", "text/x-python"),
        ("run", b"#!/bin/sh\nls", "text/x-sh"),
        ("NOTES", b"some words", "text/plain"),
        ("a.unknown-suffix", b"some words", "text/plain"),
    ],
)
def test_the_kind_of_text_is_told_by_name_and_content(name, data, media_type):
    document = parse(data, doc_id=name)
    assert isinstance(document, Document)
    assert document.media_type == media_type


def test_files_are_found_in_order_with_relative_ids_and_hidden_ones_left_out(tmp_path):
    for name in ("b.txt", "a/z.txt", "a/.git/config", "a/__pycache__/m.pyc", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words")
    assert [found.id for found in find_files(tmp_path)] == ["a/z.txt", "b.txt"]
    assert list(find_files(tmp_path / "b.txt")) == [FoundFile(tmp_path / "b.txt", "b.txt")]
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        list(find_files(tmp_path / "missing"))


def test_a_files_document_names_its_source(tmp_path):
    (tmp_path / "a.txt").write_text("words")
    document = parse_file(FoundFile(tmp_path / "a.txt", "a.txt"))
    assert isinstance(document, Document)
    assert document.source == str(tmp_path / "a.txt")


def test_a_folder_that_is_ignored_itself_is_read_when_it_is_named(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("build/\n*.log\n")
    for name in ("build/inner/a.txt", "kept/b.txt", "kept/c.log"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words")
    assert [found.id for found in find_files(tmp_path)] == ["kept/b.txt"]
    assert [found.id for found in find_files(tmp_path / "build" / "inner")] == ["a.txt"]
    assert [found.id for found in find_files(tmp_path / "kept")] == ["b.txt"]
