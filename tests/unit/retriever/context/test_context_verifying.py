from __future__ import annotations

import pytest

from retriever.context.types import CitationRef
from retriever.context.verifying import verify

LEASE = (
    "The tenant pays 900 dollars on the first day of each month. Late rent costs ten percent.\n"
    "The land\u00adlord \u2013 \u201cMill Ltd\u201d \u2013 pays for re-\npairs of the roof. "
    "Ask a well-known roofer. [7] \u4ed8\u6b3e\u3002"
)
FEES = "Late rent costs ten percent. The fee is five dollars."
TEXTS = {("lease", 1): LEASE, ("fees", 2): FEES}
SHOWN = [
    CitationRef(n=1, document_id="lease", version=1, start=0, end=59),
    CitationRef(n=2, document_id="lease", version=1, start=60, end=len(LEASE)),
    CitationRef(n=3, document_id="fees", version=2, start=0, end=28),
]


def read(doc_id, version):
    return TEXTS.get((doc_id, version))


def check(answer, citations=SHOWN, **options):
    return verify(answer, citations, read, **options)


def only(answer):
    [one] = check(answer).quotes
    return one


def test_an_exact_quotation_is_a_span_of_its_document():
    one = only('It says "900 dollars on the first day" [1].')
    assert (one.status, one.n, one.document_id, one.version) == ("exact", 1, "lease", 1)
    assert LEASE[one.start : one.end] == one.quote == "900 dollars on the first day"
    assert (one.in_context, one.cited) == (True, (1,))
    assert 'It says "900 dollars on the first day" [1].'[one.answer_start : one.answer_end] == one.quote


@pytest.mark.parametrize(
    ("quote", "original"),
    [
        ("the TENANT  pays", "The tenant pays"),
        ("The landlord - 'Mill Ltd'", None),
        ("The landlord", "The land\u00adlord"),
        ("repairs of the roof", "re-\npairs of the roof"),
        ("well known roofer", None),
        ("wellknown roofer", "well-known roofer"),
        ("**Late** rent costs _ten_ percent,", "Late rent costs ten percent"),
        ("Ask a \u2026 roofer. [\\7]", "Ask a well-known roofer. [7"),
        ("The tenant pays [...] of each month", "The tenant pays 900 dollars on the first day of each month"),
        ("each month... the tenant", None),
        ("\u4ed8\u6b3e", "\u4ed8\u6b3e"),
    ],
)
def test_what_writers_change_in_passing_is_forgiven_and_said(quote, original):
    one = only(f"\u00ab{quote}\u00bb")
    if original is None:
        assert one.status == "not_found"
    else:
        assert one.status == ("exact" if quote == original else "normalised")
        assert LEASE[one.start : one.end].startswith(original)


def test_a_quotation_in_several_sources_is_that_of_the_cited_one():
    assert only('"Late rent costs ten percent." [2]').n == 2
    assert only('"Late rent costs ten percent." [3]').n == 3
    assert only('"Late rent costs ten percent."').n == 2


def test_words_of_the_document_outside_of_the_context_are_found_and_said_to_be():
    one = only('"The fee is five dollars." [3]')
    assert (one.status, one.n, one.in_context) == ("exact", 3, False)
    assert FEES[one.start : one.end] == "The fee is five dollars."


def test_a_wrong_attribution_shows():
    one = only('"The tenant pays 900 dollars" [3]')
    assert (one.n, one.cited) == (1, (3,))


@pytest.mark.parametrize("quote", ["The tenant pays 800 dollars", "enant pays 900", "ten perc", "!!!", "- -"])
def test_what_is_in_no_source_or_only_inside_of_words_is_not_found(quote):
    one = only(f'"{quote}"')
    assert (one.status, one.n, one.start) == ("not_found", None, None)


def test_every_kind_of_quotation_mark_and_quoted_lines_count():
    marks = ('""', "\u201c\u201d", "\u201e\u201c", "\u00ab\u00bb", "\u300c\u300d")
    answer = " ".join(f"{opening}The tenant{closing}" for opening, closing in marks)
    answer += "\n\n> Late rent costs\n> ten percent. [2]\n\nIt is 5'10\" tall."
    checked = check(answer)
    assert [one.status for one in checked] == ["exact"] * 5 + ["normalised"]
    assert (checked.quotes[-1].n, checked.quotes[-1].cited) == (2, (2,))
    assert checked.quotes[-1].quote == "Late rent costs\nten percent."


def test_markers_that_name_no_source_are_reported():
    checked = check("So it is [1][2], says [4], and [2, 5], also [1-3] and [40-99999].")
    assert checked.unknown == (4, 5, 40, 99999)
    assert not checked.ok
    assert [one.n for one in checked.markers][:4] == [1, 2, 4, 2]
    assert all(one.known == (one.n in (1, 2, 3)) for one in checked.markers)
    assert check("Fine [1].").ok


def test_escaped_labels_and_code_are_no_citations():
    checked = check("The text says [\\9].\n```\nx = a[9]\n```\n")
    assert checked.markers == ()


def test_other_citation_styles_are_read():
    checked = check('"The tenant" (source 1), or (Source 8).', citation="(source {n})")
    assert [(one.n, one.known) for one in checked.markers] == [(1, True), (8, False)]
    assert checked.quotes[0].cited == (1,)


def test_a_version_that_is_not_kept_is_unresolved_and_nothing_is_guessed():
    gone = [CitationRef(n=1, document_id="lease", version=9, start=0, end=5), *SHOWN[1:]]
    beyond = [CitationRef(n=1, document_id="lease", version=1, start=0, end=10_000)]
    assert check('"The tenant pays"', gone).unresolved == (1,)
    checked = check('"The tenant pays"', beyond)
    assert checked.unresolved == (1,)
    assert checked.quotes[0].status == "not_found"


def test_citations_right_after_a_quotation_are_its_own():
    checked = check('"The tenant pays" [1]. Also "Late rent costs" [2][3]. Then more. [1]')
    assert [one.cited for one in checked.quotes] == [(1,), (2, 3)]
    checked = check(
        '"The tenant pays [1]." So "Late rent costs", says the lease [2, 3] and [1]. "ten percent"'
    )
    assert [one.cited for one in checked.quotes] == [(1,), (2, 3, 1), ()]
    assert checked.quotes[0].quote == "The tenant pays"
    assert only('"The tenant pays [1, 2]"').cited == (1, 2)
