from __future__ import annotations

import pytest

from encoders.types import Span
from eval.answering import accuracy, answer_with_citations, citation_figures, says_yes, split_sentences
from eval.packing import ContextPacker, EvidencePacker, Packed, packing_figures, packing_table
from eval.types import GoldSpan, Query
from retriever.context.counting import counter_of
from tests.context_material import material, piece, source

QUERY = Query(id="q", text="?", origin="s", local_id="q")


def span(doc_id: str, start: int, end: int) -> GoldSpan:
    return GoldSpan(doc_id=doc_id, span=Span(start, end))


FOUND = [span("b", 40, 50), span("a", 20, 30), span("a", 0, 10), span("b", 0, 10)]


def count(text: str) -> int:
    return len(text.split())


def packer(found=FOUND) -> EvidencePacker:
    return EvidencePacker(lambda query: found, lambda d, a, b: "word " * ((b - a) // 5), counter_of(count))


def test_evidence_is_packed_as_it_was_found_until_the_budget_is_full():
    assert packer().pack(QUERY, max_tokens=6) == Packed(spans=tuple(FOUND[:3]), tokens=6)
    assert packer().pack(QUERY, max_tokens=7).tokens == 6
    assert packer().pack(QUERY, max_tokens=1) == Packed(spans=(), tokens=0)


def test_what_is_packed_already_is_not_packed_again():
    found = [span("a", 0, 10), span("a", 5, 15), span("b", 5, 15)]
    assert packer(found).pack(QUERY, max_tokens=99).spans == (found[0], found[2])


SOURCES = [source("The mill is old. It turns.", name="a"), source("Nothing of note here.", name="b")]
MATERIAL = material(SOURCES, [piece(0, SOURCES, "It turns."), piece(1, SOURCES, "Nothing of note here.")])


def context_packer(asked=None) -> ContextPacker:
    def gather(options):
        if asked is not None:
            asked.append(options)
        return MATERIAL

    return ContextPacker(gather, counter_of(count), expand="sentence", most_tokens=100)


def test_contexts_are_those_of_the_retriever_and_searched_for_once():
    asked: list = []
    packing = context_packer(asked)
    wide = packing.pack(QUERY, max_tokens=50, order="edges")
    assert wide == Packed(spans=(span("a", 17, 26), span("b", 0, 21)), tokens=10)
    assert packing.pack(QUERY, max_tokens=5, order="score").spans == (span("a", 17, 26),)
    assert [one.max_tokens for one in asked] == [100]


def test_the_share_of_gold_characters_is_counted_once_however_often_they_are_packed():
    packed = Packed(spans=(span("a", 0, 10), span("a", 5, 12), span("b", 0, 99)), tokens=9)
    figures = packing_figures(packed, [span("a", 8, 18), span("b", 90, 100)])
    assert figures["evidence"] == pytest.approx((4 + 9) / 20)
    assert figures["any"] == 0.0
    assert packing_figures(packed, [span("a", 2, 12)]) == {"evidence": 1.0, "any": 1.0, "depth": 2 / 116}


def test_depth_is_where_the_first_gold_character_is_read_and_absent_without_any():
    packed = Packed(spans=(span("x", 0, 50), span("a", 100, 150)), tokens=9)
    assert packing_figures(packed, [span("a", 120, 130)])["depth"] == pytest.approx(70 / 100)
    assert packing_figures(packed, [span("z", 0, 1)]) == {"evidence": 0.0, "any": 0.0}


def test_the_table_has_every_budget_and_order_for_queries_with_gold_spans():
    other = Query(id="p", text="?", origin="s", local_id="p")
    gold = {"q": [span("a", 17, 26)]}
    table = packing_table(context_packer(), packer(), [QUERY, other], gold, budgets=(2, 50))
    assert table["2"]["edges"]["q"] == {"evidence": 0.0, "any": 0.0, "tokens": 0.0}
    assert table["50"]["document"]["q"] == {"evidence": 1.0, "any": 1.0, "depth": 0.0, "tokens": 10.0}
    assert set(table["50"]) == {"as found", "score", "document", "edges"}
    assert table["50"]["as found"]["q"]["evidence"] == pytest.approx(6 / 9)
    assert "p" not in table["50"]["score"]


class Judge:
    """Says yes when every capitalised word of the statement is in the passages."""

    def write(self, prompt: str) -> str:
        passages, _, statement = prompt.partition("Statement: ")
        words = [word for word in statement.split("\n")[0].replace(".", "").split() if word.isupper()]
        return "Yes." if all(word in passages for word in words) else "No"


def test_sentences_are_split_from_their_citations():
    answer = "The mill is old. [1][2] It turns [3]. Nobody knows why. Dr. Who says so [1][1][2][3][4]."
    assert split_sentences(answer)[:3] == [
        ("The mill is old.", [1, 2]),
        ("It turns .", [3]),
        ("Nobody knows why.", []),
    ]
    assert split_sentences(answer)[-1][1] == [1, 2, 3]
    assert split_sentences(" [1] ... ") == []


def test_citations_count_when_they_support_and_are_needed():
    passages = ["about A", "about B", "about nothing"]
    both = citation_figures(Judge(), "It says A and B [1][2].", passages)
    assert (both["citation recall"], both["citation precision"]) == (1.0, 1.0)
    spare = citation_figures(Judge(), "It says A [1][3].", passages)
    assert (spare["citation recall"], spare["citation precision"]) == (1.0, 0.5)
    wrong = citation_figures(Judge(), "It says A [2]. It says B [2][9]. And C.", passages)
    assert wrong["citation recall"] == pytest.approx(1 / 3)
    assert wrong["citation precision"] == pytest.approx(1 / 3)
    assert set(citation_figures(Judge(), "", passages).values()) == {0.0}


class Echo:
    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.prompt = ""

    def write(self, prompt: str) -> str:
        self.prompt = prompt
        return self.answer


def test_passages_are_numbered_from_one_and_the_verdict_is_its_first_word():
    model = Echo("It is so [1].")
    assert answer_with_citations(model, "why?", "[1] first\n\n[2] second") == "It is so [1]."
    assert "from the passages below" in model.prompt
    assert model.prompt.endswith("[1] first\n\n[2] second\n\nQuestion: why?")
    assert accuracy(Echo("Yes, it does"), "?", "a", "b") == 1.0
    assert accuracy(Echo("No. Yes would be wrong"), "?", "a", "b") == 0.0
    assert not says_yes("")
