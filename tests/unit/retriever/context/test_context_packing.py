from __future__ import annotations

import json

import pytest

from encoders.errors import InvalidInputError
from retriever.context.counting import counter_of
from retriever.context.material import Piece
from retriever.context.packing import pack
from retriever.context.types import ContextOptions, Template
from tests.context_material import heading, material, piece, shown, source, words

COUNTER = counter_of(words)
RENT = "The tenant pays the rent. It is due on the first day. Late rent costs ten percent. Nobody likes that."
FEES = "Fees are small. The fee for notice is five dollars. It is paid once."


def context(given, *, max_tokens=200, template=None, **wishes):
    options = ContextOptions(queries=given.queries, max_tokens=max_tokens, **wishes)
    return pack(given, options, COUNTER, template)


def two_documents():
    sources = [source(RENT, name="lease", title="Lease"), source(FEES, name="fees", title="")]
    pieces = [piece(0, sources, "rent costs ten"), piece(1, sources, "fee for notice is five dollars.")]
    return sources, material(sources, pieces)


def test_evidence_is_completed_to_sentences_labelled_and_cited():
    sources, given = two_documents()
    found = context(given)
    assert found.text == (
        "[1] Lease\nLate rent costs ten percent.\n\n[2] fees\nThe fee for notice is five dollars."
    )
    assert shown(found, sources) == ["Late rent costs ten percent.", "The fee for notice is five dollars."]
    first = found.citations[0]
    assert (first.n, first.label, first.rank, first.document.id) == (1, "[1]", 1, "lease")
    assert found.text[first.text_start : first.text_end] == "[1] Lease\nLate rent costs ten percent."
    assert (first.evidence[0].start, first.evidence[0].end) == (59, 73)
    assert first.location.line_start == 1
    assert first.quote.exact == "rent costs ten"
    assert RENT.count(first.quote.prefix + first.quote.exact + first.quote.suffix) == 1
    assert found.tokens.used == words(found.text) == 10 + 12
    assert (found.tokens.budget, found.tokens.exact, found.tokens.tokenizer) == (200, True, "words")


def test_none_shows_the_found_span_alone():
    sources, given = two_documents()
    assert shown(context(given, expand="none"), sources)[0] == "rent costs ten"


def test_a_budget_for_one_source_takes_the_best_and_says_what_was_left_out():
    sources, given = two_documents()
    found = context(given, max_tokens=10)
    assert shown(found, sources) == ["Late rent costs ten percent."]
    assert found.tokens.used == 10
    assert [(one.evidence_id, one.reason, one.document_id, one.tokens) for one in found.dropped] == [
        ("ev-1-20", "budget", "fees", 11)
    ]


def test_a_smaller_budget_shows_the_sentences_of_the_best_evidence_that_fit():
    sources = [source(RENT)]
    given = material(sources, [piece(0, sources, RENT)])
    found = context(given, max_tokens=18)
    assert shown(found, sources) == ["It is due on the first day. Late rent costs ten percent."]
    assert found.tokens.used == 18
    assert found.dropped == ()


@pytest.mark.parametrize("max_tokens", [0, 1, 4])
def test_a_budget_too_small_for_anything_is_an_answer(max_tokens):
    _, given = two_documents()
    found = context(given, max_tokens=max_tokens)
    assert (found.text, found.citations, found.tokens.used, found.messages) == ("", (), 0, ())
    assert [one.reason for one in found.dropped] == ["budget", "budget"]
    assert found.warnings[0].code == "budget_too_small"
    assert f"max_tokens is {max_tokens}" in found.warnings[0].detail


def test_neighbours_become_one_source_and_overlaps_are_shown_once():
    sources = [source(RENT)]
    pieces = [
        piece(0, sources, "Late rent costs ten percent."),
        piece(0, sources, "It is due on the first day. Late rent", evidence_id="overlap"),
        piece(0, sources, "Late rent costs", evidence_id="inside"),
    ]
    found = context(material(sources, pieces))
    assert shown(found, sources) == ["It is due on the first day. Late rent costs ten percent."]
    assert [one.id for one in found.citations[0].evidence] == ["ev-0-54", "overlap", "inside"]
    assert found.dropped == ()


def test_near_duplicates_are_dropped_and_name_the_original():
    text = "Each party shall keep all information confidential for a period of five years after the end."
    sources = [source(text, name="a"), source(text.upper().replace(" AFTER", ", AFTER"), name="b")]
    pieces = [piece(0, sources, text), piece(1, sources, sources[1].windows[0].text)]
    found = context(material(sources, pieces))
    assert [one.document.id for one in found.citations] == ["a"]
    [dropped] = found.dropped
    assert (dropped.reason, dropped.of, dropped.document_id) == ("near_duplicate", "ev-0-0", "b")
    assert dropped.tokens is not None


def test_no_document_takes_more_than_its_share():
    _, given = two_documents()
    found = context(given, max_tokens_per_document=10)
    assert [one.document.id for one in found.citations] == ["lease"]
    assert [(one.document_id, one.reason) for one in found.dropped] == [("fees", "document_budget")]


def test_code_keeps_the_indentation_of_its_first_line():
    code = "class A:\n\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n"
    sources = [source(code)]
    start, end = code.index("\n    def g"), len(code)
    given = material(sources, [Piece(evidence_id="g", source=0, start=start, end=end, kind="code")])
    for expand in ("none", "sentence"):
        found = context(given, expand=expand)
        assert found.text == "[1] Title, lines 6-7\n    def g(self):\n        return 2"


SECTIONS = (
    "# Lease\n\nAll about it.\n\n## Rent\n\nRent is due monthly. Late rent costs ten percent.\n\n"
    "### Notes\n\nThe bank is closed on Sunday.\n\n## Notice\n\nNotice takes a month.\n"
)
MARKS = [
    heading(SECTIONS, "# Lease", 1),
    heading(SECTIONS, "## Rent", 2, end="## Notice"),
    heading(SECTIONS, "### Notes", 3, end="## Notice"),
    heading(SECTIONS, "## Notice", 2),
]


def sections():
    sources = [source(SECTIONS, marks=MARKS)]
    return sources, material(sources, [piece(0, sources, "Late rent costs ten percent.")])


def test_a_section_is_shown_whole_when_it_fits():
    sources, given = sections()
    [text] = shown(context(given, expand="section"), sources)
    assert text == SECTIONS[SECTIONS.index("## Rent") : SECTIONS.index("## Notice")].strip()
    [text] = shown(context(given, expand="parent"), sources)
    assert text == SECTIONS.strip()


def test_a_section_that_does_not_fit_is_shown_as_far_as_sentences_fit():
    sources, given = sections()
    found = context(given, expand="section", max_tokens=19)
    [text] = shown(found, sources)
    assert text == "Rent is due monthly. Late rent costs ten percent."
    assert found.tokens.used <= 19


@pytest.mark.parametrize("expand", ["section", "parent"])
def test_prose_joined_to_the_indented_code_that_a_document_begins_with_grows_to_an_end(expand):
    sources = [source("    x = 1\nIt is one. It stays one.\n")]
    pieces = [piece(0, sources, "It is one."), piece(0, sources, "    x = 1\n", kind="code")]
    given = material(sources, pieces)
    whole = sources[0].windows[0].text.rstrip()
    for budget in range(4, 20):  # with some of these there is room to grow, and no further
        assert all(text in whole for text in shown(context(given, expand=expand, max_tokens=budget), sources))
    assert shown(context(given, expand=expand), sources) == [whole]


def test_the_label_says_where_the_source_stands():
    _, given = sections()
    assert context(given).text.splitlines()[0] == "[1] Title, Lease > Rent"


def test_growth_does_not_take_the_place_of_evidence():
    long = "Some filler words stand here. " * 40
    sources = [
        source(f"{long}The first fact is here. {long}", name="a"),
        source("The second fact is there.", name="b"),
    ]
    pieces = [piece(0, sources, "The first fact is here."), piece(1, sources, "The second fact is there.")]
    found = context(material(sources, pieces), expand="parent", max_tokens=100)
    assert {one.document.id for one in found.citations} == {"a", "b"}
    assert 80 < found.tokens.used <= 100


def test_reading_orders_number_what_is_read_and_keep_the_rank():
    sources = [source(f"Fact number {n} is here.", name=str(n)) for n in range(4)]
    given = material(sources, [piece(n, sources, f"Fact number {n} is here.") for n in range(4)])
    found = context(given, order="edges")
    assert [one.document.id for one in found.citations] == ["0", "2", "3", "1"]
    assert [one.n for one in found.citations] == [1, 2, 3, 4]
    assert [one.rank for one in found.citations] == [1, 3, 4, 2]


def test_xml_has_attributes_and_json_is_json():
    _, given = two_documents()
    xml = context(given, format="xml").text
    assert xml.splitlines()[:3] == [
        "<sources>",
        '<source n="1" title="Lease" document="lease">',
        "Late rent costs ten percent.",
    ]
    read = json.loads(context(given, format="json").text)
    text = "The fee for notice is five dollars."
    assert read["sources"][1] == {
        "n": 2, "label": "[2]", "document": "fees", "title": "fees", "text": text,
    }  # fmt: skip


def test_messages_hold_instructions_sources_and_the_question():
    _, given = two_documents()
    found = context(given, format="messages", max_tokens=400)
    system, user = found.messages
    assert system.role == "system"
    assert "like [1];" in system.content
    assert "[\\1]" in system.content
    assert user.content == found.text + "\n\nQuestion: why?"
    assert found.tokens.used == words(system.content) + words(user.content) + 2 * 4 + 3


def test_blocks_are_those_of_the_two_apis():
    _, given = two_documents()
    found = context(given, format="blocks", max_tokens=400)
    assert found.blocks[0] == {
        "type": "search_result",
        "source": "/v1/collections/c/text?id=lease&version=1&start=54&end=82",
        "title": "Lease",
        "content": [{"type": "text", "text": "Late rent costs ten percent."}],
        "citations": {"enabled": True},
    }
    assert json.loads(found.text) == list(found.blocks)
    documents = context(given, format="documents", max_tokens=400).blocks
    assert documents[1] == {
        "id": "2",
        "data": {"title": "fees", "text": "The fee for notice is five dollars."},
    }


def test_a_template_is_a_string_a_template_or_a_function():
    _, given = two_documents()
    assert context(given, template="<<{n}|{title}|{text}>>", max_tokens=50).text == (
        "<<1|Lease|Late rent costs ten percent.>>\n\n<<2|fees|The fee for notice is five dollars.>>"
    )
    framed = Template(source="{text}", separator=" / ", header="Sources: ", footer=" (end)")
    assert context(given, template=framed).text == (
        "Sources: Late rent costs ten percent. / The fee for notice is five dollars. (end)"
    )
    assert context(given, template=lambda facts: facts["label"] + facts["text"].upper()).text.startswith(
        "[1]LATE RENT"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{text.__class__}", "knows no field"),
        ("{text!r}", "knows no field"),
        ("{text:>9}", "knows no field"),
        ("{nothing} {text}", "knows no field"),
        ("{title}", "needs the field"),
        ("{text", "write a brace twice"),
    ],
)
def test_templates_read_named_fields_and_nothing_else(template, message):
    _, given = two_documents()
    with pytest.raises(InvalidInputError, match=message):
        context(given, template=template)


def test_other_formats_take_no_template():
    _, given = two_documents()
    with pytest.raises(InvalidInputError, match="takes no template"):
        context(given, format="json", template="{text}")


@pytest.mark.parametrize("citation", ["{n}", "no number", "[{n}] [{n}]", "", "1{n}", "\\{n}"])
def test_a_citation_needs_its_number_once_and_a_sign_before_it(citation):
    _, given = two_documents()
    with pytest.raises(InvalidInputError, match="citation is"):
        context(given, citation=citation)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": -1},
        {"max_tokens_per_document": 0},
        {"score_gap": 0.0},
        {"order": "best"},
        {"format": "yaml"},
        {"expand": "all"},
        {"queries": (" ",)},
        {"queries": ()},
    ],
)
def test_options_that_cannot_be_used_are_refused_by_name(wrong):
    with pytest.raises(InvalidInputError):
        ContextOptions(**{"queries": ("why?",), "max_tokens": 9, **wrong})


def test_without_evidence_the_answer_says_so():
    found = context(material([], []))
    assert (found.text, found.citations, found.dropped) == ("", (), ())
    assert [one.code for one in found.warnings] == ["no_evidence"]
