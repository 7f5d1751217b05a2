from __future__ import annotations

import pytest
from code_samples import SAMPLES

from encoders.code import code_marks
from encoders.fake import HashTokenizer
from encoders.languages import code_language, detect_language
from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from encoders.types import Document

SYNTAX = SegmenterConfig(max_tokens=60, context_tokens=8, code="syntax")


def segment(text, *, name="a.py", config=SYNTAX):
    return DocumentSegmenter(HashTokenizer(), config).segment_with_report(Document(id=name, text=text))


@pytest.mark.parametrize("language", SAMPLES)
def test_the_language_is_told_by_the_name_of_the_file(language):
    name, source, _ = SAMPLES[language]
    assert detect_language(f"src/{name}", source) == language


@pytest.mark.parametrize("language", SAMPLES)
def test_every_language_names_what_it_defines(language):
    name, source, names = SAMPLES[language]
    found = [symbol for each in segment(source, name=name)[0] for symbol in each.symbols]
    assert [symbol.name for symbol in found if symbol.kind != "rule" or "(" not in symbol.name] == names


@pytest.mark.parametrize("language", SAMPLES)
def test_small_files_are_tiled_by_their_syntax(language):
    name, source, _ = SAMPLES[language]
    segments, report = segment(source, name=name)
    assert "".join(each.span.of(source) for each in segments) == source
    assert (report.rules, report.language) == ("syntax", language)
    assert {each.kind for each in segments} == {"code"}


@pytest.mark.parametrize(
    ("name", "text", "media_type", "language"),
    [
        ("run", "#!/usr/bin/env python3\n", "text/plain", "python"),
        ("run", "#!/bin/sh -e\n", "text/plain", "bash"),
        ("run", "#!/usr/bin/env -S node --x\n", "text/plain", "javascript"),
        ("x", "", "text/x-python", "python"),
        ("x", "", "application/json", "json"),
        ("x", "", "text/x-c++src; charset=utf-8", "cpp"),
        ("Makefile", "", "text/plain", "make"),
        ("docker/Dockerfile.dev", "", "text/plain", "dockerfile"),
        ("a.h", "namespace n {\n", "text/plain", "cpp"),
        ("a.h", "int f(void);\n", "text/plain", "c"),
        ("https://x.org/a.py?raw=1#L3", "", "text/plain", "python"),
        ("README.md", "# x", "text/markdown", None),
        ("notes.txt", "def f(): pass", "text/plain", None),
        ("a.html", "The text without its tags", "text/html", None),
        ("a.html", "<!doctype html><p>x", "text/html", "html"),
        ("a.py.pdf", "text", "application/pdf", None),
        ("", "", "", None),
    ],
)
def test_language_by_name_content_and_media_type(name, text, media_type, language):
    document = Document(id=name or "-", source=name, text=text, media_type=media_type)
    assert code_language(document) == language


METHODS = '''import os


class Reader:
    """Reads files one after the other and keeps what it has read."""

    limit = 1000
    encoding = "utf-8"
    newline = None
    errors = "strict"

    # how it opens
    # a file
    @cached
    def open(self, path: str) -> None:
        first = self.prepare(path, mode="r", encoding="utf-8")
        second = self.check(first, strict=True)
        self.handle = os.open(first, second)
        self.count = self.count + 1
        self.names.append(path)
        self.sizes.append(len(path))

    def close(self) -> None:
        os.close(self.handle)
        self.handle = None
        self.names.clear()
        self.sizes.clear()
'''


def test_comments_and_decorators_stay_with_what_they_describe():
    tiles = [each.span.of(METHODS) for each in segment(METHODS)[0]]
    [opening] = [tile for tile in tiles if "def open" in tile]
    assert opening.startswith("    # how it opens\n    # a file\n    @cached\n    def open")


def test_a_comment_behind_code_is_not_taken_from_its_line():
    text = "alpha = beta(1)  # why\ngamma = delta(2)\n" * 8
    assert all(each.span.of(text).startswith(("alpha", "gamma")) for each in segment(text)[0])


def test_the_breadcrumb_names_the_file_and_what_encloses_the_tile():
    segments, _ = segment(METHODS, config=SegmenterConfig(max_tokens=100, context_tokens=8, code="syntax"))
    inside = [each.breadcrumb for each in segments if each.span.start > METHODS.index("first =")]
    assert inside[0] == "a.py > class Reader > def open(self, path: str) -> None"
    assert segments[0].breadcrumb == "a.py"
    assert [each.breadcrumb for each in segments if "def close" in each.span.of(METHODS)] == [
        "a.py > class Reader"
    ]


def test_a_breadcrumb_takes_at_most_a_quarter_of_the_budget_and_keeps_the_innermost_name():
    body = "".join(f"        value_{n} = compute(value_{n})\n" for n in range(40))
    bases = ", ".join(f"Base{n}" for n in range(30))
    text = f"class {'Long' * 8}({bases}):\n    def inner(self, a, b, c):\n{body}"
    segments, _ = segment(text, name="a/very/long/path/to/some/file.py")
    last = segments[-1].breadcrumb
    [tokens] = HashTokenizer().tokenize([last])
    assert last.endswith("inner")
    assert len(tokens) <= SYNTAX.max_tokens // 4


def test_symbols_carry_kind_and_line_and_lie_in_the_tile_that_defines_them():
    segments, _ = segment(METHODS)
    found = [(symbol.name, symbol.kind, symbol.line) for each in segments for symbol in each.symbols]
    assert found == [("Reader", "class", 4), ("open", "method", 15), ("close", "method", 23)]
    for each in segments:
        for symbol in each.symbols:
            assert symbol.name in each.span.of(METHODS)


def test_marks_span_the_definitions_in_characters():
    text = '"""日本語 😀"""\n\n\ndef höhe(x):\n    return x\n\n\nclass B:\n    def c(self): pass\n'
    marks = [(mark.value, mark.level, mark.span.of(text)) for mark in code_marks(text, "python")]
    assert marks == [
        ("def höhe(x)", 1, "def höhe(x):\n    return x"),
        ("class B", 1, "class B:\n    def c(self): pass"),
        ("def c(self)", 2, "def c(self): pass"),
    ]


def test_a_tile_prefers_whole_functions_to_full_tiles():
    text = "".join(f"def f{n}(a, b):\n    c = a + b\n    return c * {n}\n\n\n" for n in range(12))
    assert all(each.span.of(text).startswith("def") for each in segment(text)[0])


def test_lines_are_the_choice_without_a_parser():
    segments, report = segment(METHODS, config=SegmenterConfig(max_tokens=60, context_tokens=8, code="lines"))
    assert (report.rules, report.language, report.reason) == ("lines", "python", "")
    assert {(each.breadcrumb, each.symbols) for each in segments} == {("", ())}


def test_syntax_errors_are_reported_and_lose_nothing():
    text = "\n".join(f"def ( {n} ]] = class :" for n in range(300))
    segments, report = segment(text)
    assert "".join(each.span.of(text) for each in segments) == text
    assert (report.rules, "syntax errors" in report.reason) == ("syntax", True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.yaml", "- " * 20_000),
        ("indented.yaml", "".join(" " * n + "a:\n" for n in range(300))),
    ],
)
def test_yaml_that_would_overrun_its_grammar_is_cut_by_lines(name, text):
    segments, report = segment(text, name=name)
    assert "".join(each.span.of(text) for each in segments) == text
    assert report.rules == "lines"
    assert "nest deeper" in report.reason


def test_a_parser_that_runs_away_is_stopped():
    text = "/*" * 4_000
    segments, report = segment(text, name="a.swift")
    assert "".join(each.span.of(text) for each in segments) == text
    assert (report.rules, "was stopped" in report.reason) == ("lines", True)


HOSTILE = {
    "deep sum": ("a.py", "x = " + "+".join(f'"a{n}"' for n in range(10_000))),
    "deep parentheses": ("a.py", "x = " + "(" * 10_000 + "1" + ")" * 10_000),
    "call chain": ("a.js", "p" + "".join(f".then(x => x + {n})" for n in range(2_000))),
    "minified": ("a.js", "".join(f"function f{n}(a,b){{return g(a,b)+{n}}}" for n in range(3_000))),
    "generated table": (
        "a.py",
        "T = {\n" + "".join(f"    {n}: ('name{n}', None),\n" for n in range(5_000)) + "}\n",
    ),
    "an error in every line": ("a.py", "".join(f"def f{n}(:\n" for n in range(1_500))),
    "CRLF and tabs": ("a.py", "class A:\r\n\tdef f(self):\r\n\t\treturn 1\r\n\r\n" * 300),
    "two bytes a letter": ("a.py", METHODS.encode("utf-16").decode("latin-1")),
    "open tags": ("a.html", "<div>" * 3_000),
    "NULs": ("a.c", "int a\x00 = 1;\n" * 300),
    "empty": ("a.py", ""),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_source_is_tiled_within_the_budget(case):
    name, text = HOSTILE[case]
    segments, _ = segment(text, name=name)
    assert "".join(each.span.of(text) for each in segments) == text
    readings = HashTokenizer().tokenize([each.reading(text) for each in segments])
    assert max((len(tokens) + 2 for tokens in readings), default=0) <= SYNTAX.max_tokens
