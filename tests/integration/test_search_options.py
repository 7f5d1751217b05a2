"""What a search can be asked beside its query, and what its answer says of itself."""

from __future__ import annotations

from itertools import chain, pairwise

import pytest

from encoders.errors import InvalidInputError
from encoders.types import Document
from indexers.errors import DocumentNotFoundError, UnknownFieldError
from retriever import Retriever
from retriever.errors import CursorExpiredError, ProfileNotFoundError, ProfileUnreadableError
from retriever.options import EvidenceOptions, FacetOptions, GroupBy, SearchOptions
from retriever.profile import SearchProfile
from retriever.types import SearchResult
from retriever.wire import decode, encode

FORESTS = [
    Document(
        id=f"forest/{number:02}",
        text=f"Oak and birch grow in forest {number}. " * (3 + number % 5),
        metadata={"region": f"r{number % 3}", "year": 2000 + number, "tags": ["tree", f"t{number % 2}"]},
    )
    for number in range(24)
]


@pytest.fixture
def forests(retriever):
    retriever.add(FORESTS)
    return retriever


def ids(result):
    return [hit.document.id for hit in result]


def pages(retriever, query, **options):
    found, cursor = [], None
    while True:
        page = retriever.search(query, cursor=cursor, **options)
        found.append(ids(page))
        if (cursor := page.next_cursor) is None:
            return found


def test_pages_together_are_the_one_long_answer(forests):
    whole = ids(forests.search("birch in forest 7", limit=100))
    split = pages(forests, "birch in forest 7", limit=7)
    assert [len(page) for page in split] == [7, 7, 7, 3]
    assert list(chain(*split)) == whole
    second = forests.search(
        "birch in forest 7", limit=7, cursor=forests.search("birch in forest 7", limit=7).next_cursor
    )
    assert [hit.rank for hit in second] == list(range(8, 15))


def test_later_pages_go_on_while_documents_come_and_change(forests):
    first = forests.search("oak forest 3", limit=10)
    rest = ids(forests.search("oak forest 3", limit=100))[10:]
    forests.add([Document(id=rest[2], text="something else"), Document(id="new", text="oak forest 3")])
    second = forests.search("oak forest 3", limit=100, cursor=first.next_cursor)
    assert ids(second) == [doc_id for doc_id in rest if doc_id != rest[2]]
    assert [warning.code for warning in second.warnings] == ["changed_since"]


def test_a_forgotten_page_is_made_again_while_nothing_changed_and_else_has_expired(forests):
    first = forests.search("oak", limit=10)
    kept = ids(forests.search("oak", limit=10, cursor=first.next_cursor))
    forests.engine._memory.rankings._values.clear()
    assert ids(forests.search("oak", limit=10, cursor=first.next_cursor)) == kept
    forests.engine._memory.rankings._values.clear()
    forests.delete(["forest/00"])
    with pytest.raises(CursorExpiredError, match="search again from the first page"):
        forests.search("oak", limit=10, cursor=first.next_cursor)


def test_a_cursor_of_another_search_or_other_rights_is_refused(forests):
    cursor = forests.search("oak", limit=5).next_cursor
    with pytest.raises(InvalidInputError, match="another search"):
        forests.search("birch", limit=5, cursor=cursor)
    with pytest.raises(InvalidInputError, match="another search"):
        forests.search("oak", limit=5, cursor=cursor, mandatory={"metadata.region": "r1"})
    for broken in ("", "c_", "c_AAAA", "garbage", "c_W10"):
        with pytest.raises(InvalidInputError, match="no cursor"):
            forests.search("oak", limit=5, cursor=broken or "x")


def test_a_mandatory_filter_cannot_be_widened_and_may_name_unknown_fields(forests):
    rights = {"metadata.region": "r1"}
    everything = {"metadata.year": {"$gte": 0}}
    allowed = {one.id for one in FORESTS if one.metadata["region"] == "r1"}
    found = forests.search("oak", limit=100, filter=everything, mandatory=rights)
    assert set(ids(found)) == allowed
    assert found.meta.effective_filter == {"$and": [everything, rights]}
    assert (
        set(ids(forests.search("oak", limit=100, filter={"$or": [everything]}, mandatory=rights))) == allowed
    )
    assert {info.id for info in forests.documents(mandatory=rights)} == allowed
    facets = forests.facets(["metadata.region"], mandatory=rights)
    assert [(one.value, one.documents) for one in facets["metadata.region"]] == [("r1", len(allowed))]
    assert ids(forests.search("oak", mandatory={"metadata.acl": "legal"})) == []
    forbidden = "forest/00"
    for ask in (forests.get, forests.text):
        with pytest.raises(DocumentNotFoundError, match="no document 'forest/00'"):
            ask(forbidden, mandatory=rights)
    assert forests.delete([forbidden, "forest/01"], mandatory=rights) == ("forest/01",)
    evidence = forests.search("oak", filter={"id": forbidden}).hits[0].evidence[0]
    assert forests.resolve(evidence.id).status == "current"
    assert forests.resolve(evidence.id, mandatory=rights).status == "gone"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (['"for convenience"'], {"a", "b"}),
        (["for convenience"], {"a"}),
        (['"FOR   Convenience"'], {"a", "b"}),
        (["max_tokens="], {"c"}),
        (["x_tok"], {"c"}),
        (['"convenienc"'], set()),
        (['"termination"', '"for convenience"'], {"b"}),
        (['"of the"'], {"a", "c"}),
        (["(("], set()),
    ],
)
def test_every_hit_holds_what_it_must_contain(retriever, wanted, expected):
    retriever.add(
        [
            Document(id="a", text="A stop for convenience of the owner."),
            Document(id="b", text="Termination For\n convenience, by either side."),
            Document(id="c", text="Call f(max_tokens=5) for the convenience of the user."),
        ]
    )
    found = retriever.search("convenience", must_contain=wanted)
    assert set(ids(found)) == expected
    for hit in found:
        phrase = wanted[0].strip('"').split()[0]
        marked = "".join(
            retriever.text(hit.document.id, *span) for one in hit.evidence for span in one.highlights
        )
        assert phrase.casefold() in marked.casefold()


def test_groups_show_their_best_documents_only(forests):
    order = ids(forests.search("oak birch 5", limit=100))
    region = {one.id: one.metadata["region"] for one in FORESTS}
    found = forests.search("oak birch 5", limit=100, group_by=GroupBy(field="metadata.region", limit=2))
    expected = [
        doc_id
        for place, doc_id in enumerate(order)
        if sum(region[other] == region[doc_id] for other in order[:place]) < 2
    ]
    assert ids(found) == expected
    assert [hit.group for hit in found] == [region[doc_id] for doc_id in expected]
    split = pages(forests, "oak birch 5", limit=2, group_by="metadata.region")
    assert list(chain(*split)) == ids(forests.search("oak birch 5", group_by="metadata.region"))
    with pytest.raises(InvalidInputError, match="2 values"):
        forests.search("oak", group_by="metadata.tags")


def test_facets_count_all_documents_that_match(forests):
    found = forests.search(
        "oak",
        limit=1,
        filter={"metadata.year": {"$lt": 2010}},
        facets=["metadata.region", FacetOptions(field="metadata.tags", limit=1)],
    )
    counts = {name: {one.value: one.documents for one in values} for name, values in found.facets.items()}
    assert counts == {"metadata.region": {"r0": 4, "r1": 3, "r2": 3}, "metadata.tags": {"tree": 10}}
    with pytest.raises(UnknownFieldError, match=r"metadata\.regoin"):
        forests.search("oak", facets=["metadata.regoin"])


@pytest.mark.parametrize("unit", ["codepoint", "utf16", "byte"])
def test_offsets_are_of_the_unit_that_is_asked_for(retriever, unit):
    text = (
        "Grüße an alle \N{GRINNING FACE} hier. " * 40
        + "Der Hafen \N{WATER WAVE} liegt am Meer. "
        + "Öl. " * 30
    )
    retriever.add([Document(id="x", text=text)])
    encoded, width = {
        "codepoint": (text, 1),
        "utf16": (text.encode("utf-16-le"), 2),
        "byte": (text.encode(), 1),
    }[unit]

    def part(start, end):
        cut = encoded[start * width : end * width]
        return cut if isinstance(cut, str) else cut.decode("utf-16-le" if unit == "utf16" else "utf-8")

    [hit] = retriever.search("Hafen am Meer", offset_unit=unit, evidence=20)
    assert hit.evidence
    for one in hit.evidence:
        assert part(one.start, one.end) == one.text
        assert part(one.quote.start, one.quote.end) == one.quote.exact
        assert all(part(*span).strip() for span in one.highlights)
    [best] = [one for one in hit.evidence if "Hafen" in one.text]
    assert "Hafen" in part(*best.highlights[0])
    assert "Hafen" in best.quote.exact
    assert text.count(best.quote.prefix + best.quote.exact + best.quote.suffix) == 1


def test_evidence_is_of_the_kinds_asked_for_and_carries_what_code_defines(retriever):
    code = "def knead(dough):\n    return bake(dough)\n\n\ndef unrelated():\n    return None\n"
    retriever.add([Document(id="b.py", text=code, media_type="text/x-python")])
    [hit] = retriever.search("knead dough", evidence=EvidenceOptions(limit=5, kinds=("code",)))
    assert {one.kind for one in hit.evidence} == {"code"}
    assert any("knead" in name for one in hit.evidence for name in one.symbols)
    [hit] = retriever.search("knead dough", evidence=EvidenceOptions(limit=5, kinds=("table",)))
    assert hit.evidence == ()
    [hit] = retriever.search("knead dough", evidence=0)
    assert hit.evidence == ()


def test_neighbouring_segments_are_one_span_and_room_is_kept(retriever):
    near = "The tide rises with the moon. " * 30
    text = "Nothing of note was said. " * 60 + near + "And so the day went on without it. " * 60
    retriever.add([Document(id="x", text=text)])
    [hit] = retriever.search("tide moon", evidence=EvidenceOptions(limit=3, max_chars=2_000))
    first = hit.evidence[0]
    assert len(near) * 0.6 < len(first.text) <= 2_000
    assert first.text.count("tide") > 15
    spans = sorted((one.start, one.end) for one in hit.evidence)
    assert all(end < start for (_, end), (start, _) in pairwise(spans))
    assert sum(end - start for start, end in spans) <= 2_000
    assert all(text[one.start : one.end] == one.text for one in hit.evidence)


def test_a_title_counts_and_changes_with_the_document(retriever):
    body = "The quarterly figures are in the table below. " * 5
    retriever.add([Document(id=f"d{n}", text=body, title=f"Report {n}") for n in range(9)])
    retriever.add([Document(id="d4", text=body, title="Harbour dues")])

    def title_scores():
        found = retriever.search("harbour dues", limit=9, explain=True)
        parts = {hit.document.id: {part.name: part for part in hit.explain.components} for hit in found}
        return {doc_id: by["title_lexical"].raw for doc_id, by in parts.items() if by["title_lexical"].raw}

    assert list(title_scores()) == ["d4"]
    retriever.add(
        [Document(id="d4", text=body, title="Report 4"), Document(id="d5", text=body, title="Dues")]
    )
    assert list(title_scores()) == ["d5"]
    retriever.delete(["d5"])
    assert title_scores() == {}


def test_the_answer_says_how_it_came_about(forests):
    found = forests.search("oak in forest 4", limit=3)
    meta = found.meta
    assert (meta.encoder, meta.profile, meta.offset_unit) == ("hash@1", "default@0", "codepoint")
    assert (meta.candidates.documents, meta.candidates.exhausted) == (24, True)
    assert meta.usage.query_tokens == 4
    assert meta.timing_ms["total"] >= meta.timing_ms["retrieve"] > 0
    assert forests.search("oak in forest 4", limit=3).meta.snapshot == meta.snapshot
    forests.patch("forest/00", {"region": "r9"})
    assert forests.search("oak in forest 4", limit=3).meta.snapshot != meta.snapshot


def test_fields_choose_what_of_the_metadata_comes_back(forests):
    [hit] = forests.search("oak", limit=1, fields=["metadata.year"])
    assert list(hit.document.metadata) == ["year"]
    [hit] = forests.search("oak", limit=1, fields=["coverage"])
    assert hit.document.metadata == {}


def test_why_a_document_is_not_listed(forests):
    order = ids(forests.search("oak forest 3", limit=100))

    def why(doc_id, **options):
        return forests.explain("oak forest 3", doc_id, limit=5, **options)

    first = why(order[0])
    assert (first.status, first.rank, first.candidates) == ("listed", 1, 24)
    beaten = why(order[11])
    assert (beaten.status, beaten.rank) == ("outranked", 12)
    assert beaten.score == pytest.approx(beaten.explain.total)
    assert beaten.score <= beaten.last_listed
    year = {one.id: one.metadata["year"] for one in FORESTS}[order[0]]
    filtered = why(order[0], filter={"metadata.year": {"$gt": year}, "metadata.region": {"$exists": True}})
    assert (filtered.status, str(year) in filtered.reason) == ("filtered", True)
    assert "region" not in filtered.reason
    assert why(order[0], must_contain=['"mangrove"']).status == "filtered"
    assert why("nowhere").status == "not_indexed"
    assert why(order[0], mandatory={"metadata.region": "r9"}).status == "not_allowed"


def test_a_document_that_no_component_found_is_told_apart(store_path, encoder):
    profile = SearchProfile(segment_candidates=5, document_candidates=5)
    with Retriever.open(store_path, encoder=encoder, profile=profile) as r:
        far = Document(id="far", text="Nothing here is about that subject at all. " * 3)
        r.add([*(Document(id=f"d{n:03}", text=f"oak birch {n}. " * 30) for n in range(80)), far])
        found = r.explain("oak birch", "far", limit=1)
        assert (found.status, found.rank) == ("not_candidate", found.candidates)
        assert "number" in found.reason


def test_documents_are_listed_page_by_page(forests):
    forests.add([Document(id="odd", text="known \N{REPLACEMENT CHARACTER} words")])
    first = forests.documents(limit=10)
    forests.add([Document(id="forest/000", text="early"), Document(id="forest/105", text="later")])
    rest, cursor = [], first.next_cursor
    while cursor:
        page = forests.documents(limit=10, cursor=cursor)
        rest += [info.id for info in page]
        cursor = page.next_cursor
    expected = sorted([*(one.id for one in FORESTS), "odd", "forest/105"])
    assert sorted([*(info.id for info in first), *rest]) == expected
    assert [info.id for info in forests.documents(coverage_lt=1)] == ["odd"]
    assert [info.id for info in forests.documents(filter={"metadata.year": 2003})] == ["forest/03"]


def test_a_patch_cannot_reach_beyond_the_callers_rights(forests):
    rights = {"metadata.region": "r0"}
    assert forests.patch("forest/06", {"year": 1}, mandatory=rights).metadata["year"] == 1
    with pytest.raises(InvalidInputError, match="out of the caller's own reach"):
        forests.patch("forest/06", {"region": "r1"}, mandatory=rights)
    with pytest.raises(DocumentNotFoundError):
        forests.patch("forest/07", {"year": 1}, mandatory=rights)


def test_documents_are_deleted_by_filter(forests):
    gone = forests.delete_where({"metadata.year": {"$lt": 2010}}, mandatory={"metadata.region": "r0"})
    assert gone == ("forest/00", "forest/03", "forest/06", "forest/09")
    assert len(forests.list()) == 20
    with pytest.raises(InvalidInputError, match="empty"):
        forests.delete_where({})


def test_profiles_are_kept_with_the_collection(forests):
    assert list(forests.profiles()) == ["default"]
    lexical = SearchProfile(weights={"document_lexical": 1.0})
    assert forests.save_profile("words", lexical).version == 1
    assert forests.save_profile("words", lexical).version == 2
    found = forests.search("oak forest 3", profile="words", explain=True)
    assert found.meta.profile == "words@2"
    for hit in found:
        assert {part.name: part.weight for part in hit.explain.components}["document_lexical"] == 1.0
    forests.delete_profile("words")
    with pytest.raises(ProfileNotFoundError, match="there are: default"):
        forests.search("oak", profile="words")
    with pytest.raises(InvalidInputError, match="no name"):
        forests.save_profile("../x", lexical)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weights": {"nope": 1.0}, "kinds": {}}, "segment_dense, segment_lexical, .* got 'nope'"),
        ({"kinds": {"question": {"nope": 1.0}}}, "title_lexical, .* got 'nope'"),
        ({"kinds": {"riddle": {"segment_dense": 1.0}}}, "identifier, words, .* got 'riddle'"),
        ({"lexical_temperatures": {"riddle": 1.0}}, "got 'riddle'"),
        ({"fusion": "xx"}, "standard, robust, dbsf, rrf, got 'xx'"),
    ],
)
def test_a_profile_of_unknown_parts_is_refused(given, said):
    with pytest.raises(InvalidInputError, match=said):
        SearchProfile(**given)


def test_a_profile_that_could_not_be_read_again_is_not_kept(forests):
    for odd in ({"dense_temperature": float("nan")}, {"segment_candidates": "many"}):
        with pytest.raises(InvalidInputError, match="'odd' cannot be kept: "):
            forests.save_profile("odd", SearchProfile(**odd))
    assert list(forests.profiles()) == ["default"]


@pytest.mark.parametrize("written", [b'{"weights": {"nope": 1.0}, "version": 4}', b'{"fusion": 3', b"\xff"])
def test_an_unreadable_profile_is_named_and_leaves_the_others_usable(forests, written):
    lexical = SearchProfile(weights={"document_lexical": 1.0}, kinds={})
    forests.save_profile("words", lexical)
    forests.engine.collection.place.below("profiles").write("odd.json", written)
    with pytest.raises(ProfileUnreadableError, match=r"'odd' cannot be read .* can be read: default, words"):
        forests.profiles()
    with pytest.raises(ProfileUnreadableError, match="save it anew or delete it"):
        forests.search("oak", profile="odd")
    assert forests.search("oak", profile="words").hits
    assert forests.save_profile("odd", lexical).version == (5 if b"version" in written else 1)
    assert list(forests.profiles()) == ["default", "odd", "words"]
    forests.engine.collection.place.below("profiles").write("odd.json", written)
    forests.delete_profile("odd")
    assert list(forests.profiles()) == ["default", "words"]


def test_options_and_answers_survive_the_wire(forests):
    found = forests.search("oak forest 3", limit=3, explain=True, facets=["metadata.region"])
    assert decode(encode(found), SearchResult) == found
    options = SearchOptions(
        query="x", group_by=GroupBy(field="metadata.a"), facets=(FacetOptions(field="id"),)
    )
    assert decode(encode(options), SearchOptions) == options


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": 1001},
        {"evidence": -1},
        {"evidence": 101},
        {"rerank": "magic"},
        {"offset_unit": "line"},
        {"min_relevance": 2.0},
        {"min_relevance": 0.5},
        {"must_contain": ["  "]},
        {"cursor": "x"},
    ],
)
def test_options_that_cannot_be_are_refused_with_their_name(forests, options):
    [name] = options
    with pytest.raises(InvalidInputError, match=name):
        forests.search("oak", **options)


TALES = {
    "tide": "The tide rises twice a day along the coast and the moon pulls the sea. " * 4,
    "tide/copy": "The tide rises twice a day along the coast and the moon pulls the sea. " * 4,
    "tide/edited": "The tide rises twice a day along the coast and the moon pulls the sea! " * 4 + "Seen.",
    "tide/ports": "The tide rises, so ports along the coast open their locks when ships of trade come in. "
    * 3,
    "bread": "Bread rises for an hour before the dough is baked until the crust is brown. " * 4,
}


@pytest.fixture
def tales(retriever):
    retriever.add([Document(id=name, text=text) for name, text in TALES.items()])
    return retriever


def test_documents_that_nearly_repeat_a_better_one_are_named_with_it(tales):
    whole = ids(tales.search("the tide rises"))
    assert len(whole) == 5
    result = tales.search("the tide rises", repetitions=False)
    alike = [name for name in whole if name in ("tide", "tide/copy", "tide/edited")]
    assert ids(result) == [name for name in whole if name not in alike[1:]]
    assert {hit.document.id: hit.repeated_by for hit in result if hit.repeated_by} == {
        alike[0]: tuple(alike[1:])
    }
    why = tales.explain("the tide rises", alike[1], repetitions=False)
    assert (why.status, f"nearly repeats {alike[0]!r}" in why.reason) == ("outranked", True)


def test_pages_without_repetitions_are_the_one_long_answer(tales):
    whole = ids(tales.search("the tide rises", repetitions=False))
    assert list(chain(*pages(tales, "the tide rises", repetitions=False, limit=1))) == whole


def test_novelty_brings_other_documents_forward_and_loses_none(tales):
    plain = ids(tales.search("the tide rises"))
    varied = ids(tales.search("the tide rises", novelty=0.9))
    assert sorted(varied) == sorted(plain)
    assert varied[0] == plain[0]
    assert varied[1] == "bread"
    assert ids(tales.search("the tide rises", novelty=0.0)) == plain
    assert list(chain(*pages(tales, "the tide rises", novelty=0.9, limit=2))) == varied


def test_novelty_is_a_share(tales):
    with pytest.raises(InvalidInputError, match="novelty"):
        tales.search("the tide", novelty=1.5)


def test_spans_of_all_documents_come_best_first(tales):
    result = tales.search("the tide rises", evidence=2)
    worth = [hit.score + evidence.score for hit, evidence in result.spans()]
    assert worth == sorted(worth, reverse=True)
    assert len(worth) == sum(len(hit.evidence) for hit in result) > len(result) - 1
    assert all(evidence in hit.evidence for hit, evidence in result.spans())
