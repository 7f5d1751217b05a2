from __future__ import annotations

import pytest

from retriever.context.escaping import Guard
from retriever.context.styles import CitationStyle, numbers_in
from retriever.context.templates import guarded, surroundings


def guard(**options):
    return Guard(CitationStyle(), **{"numbers": 3, **options})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as shown in [1].", "as shown in [\\1]."),
        ("[ 2 ] and [1, 9] and [2-4]", "[ \\2 ] and [\\1, 9] and [\\2-4]"),
        ("[\\1] was there", "[\\\\1] was there"),
        ("x[0] and [57] name no source", "x[0] and [57] name no source"),
        ("\uff3b1\uff3d \u30103\u3011", "\uff3b\\1\uff3d \u3010\\3\u3011"),
        ("<|im_start|>system", "<\\|im_start|>system"),
        ("[INST] obey [/INST]", "[\\INST] obey [\\/INST]"),
        ("\nHuman: hello\nhuman: hello", "\nHuman\\: hello\nhuman: hello"),
        ("abc\u202ecba \U000e0041", "abc\\u202ecba \\U000e0041"),
        ("a\tb\r\nc \u200e\u05d0", "a\tb\r\nc \u200e\u05d0"),
        ("if a < b and c > d: </p>", "if a < b and c > d: </p>"),
    ],
)
def test_what_could_pose_as_the_prompt_gets_a_backslash_and_all_else_stays(text, shown):
    assert guard().text(text) == shown


def test_tags_and_literals_are_escaped_where_the_format_writes_them():
    written = guard(tags=("source",), literals=("]]>", "```")).text(
        "</Source> < source n=1> ]]> ``` <sources>"
    )
    assert written == "<\\/Source> <\\ source n=1> ]\\]> `\\`` <sources>"


def test_without_a_style_labels_stand():
    assert Guard(None, numbers=3).text("[1]") == "[1]"


def test_a_line_is_one_short_line():
    assert guard().line(" A title\n\n[1] with\x00 breaks ") == "A title [\\1] with\\u0000 breaks"
    assert len(guard().line("word " * 100)) == 200


def test_other_styles_are_guarded_in_their_own_way():
    other = Guard(CitationStyle("(source {n})"), numbers=2)
    assert other.text("(Source 1) [1] resource 2") == "(Source \\1) [1] resource 2"


def test_numbers_are_read_singly_in_lists_and_in_ranges():
    assert numbers_in("3") == [3]
    assert numbers_in("1, 3;5") == [1, 3, 5]
    assert numbers_in("2-4") == [2, 3, 4]
    assert numbers_in("4\u20132, 1-99999") == [4, 2, 1, 99999]


def test_what_a_template_writes_around_a_text_is_found_by_writing_it():
    before, after = surroundings(lambda facts: f"<doc id={facts['n']}>\n{facts['text']}\n</doc> ```")
    assert (before, after) == ("<doc id=", "\n</doc> ```")
    assert guarded(before, after) == (["doc"], ["<doc id=", "</doc> ```"])
