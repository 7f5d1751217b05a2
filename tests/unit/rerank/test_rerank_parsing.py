"""Model outputs written by hand, and what may be made of them."""

import pytest

from retriever.rerank.parsing import read_ranking
from retriever.rerank.repairing import repair

HTML = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1>1, 2, 3</body></html>"
RATE_LIMITED = (
    "Error code: 429 - {'error': {'message': 'Rate limit for gpt-4: Limit 3, Used 2, Requested 1'}}"
)

GOOD = [
    "[3] > [1] > [2] > [4] > [5]",
    "  [3]>[1]>[2]>[4]>[5]\n",
    "3 > 1 > 2 > 4 > 5",
    "[3], [1], [2], [4], [5]",
    "3, 1, 2, 4, 5",
    "[3] [1] [2] [4] [5]",
    "[3] > [1] > [2] > [4] > [5].",
    "**[3] > [1] > [2] > [4] > [5]**",
    "`[3] > [1] > [2] > [4] > [5]`",
    "```\n[3] > [1] > [2] > [4] > [5]\n```",
    "[3] > [1] > [2]\n> [4] > [5]",
    "[3] &gt; [1] &gt; [2] &gt; [4] &gt; [5]",
    "[3] = [1] > [2] >= [4] > [5]",
    "(3) > (1) > (2) > (4) > (5)",
    "Passage 3 > Passage 1 > Passage 2 > Passage 4 > Passage 5",
    "[Passage 3] > [Passage 1] > [Passage 2] > [Passage 4] > [Passage 5]",
    "Final ranking: [3] > [1] > [2] > [4] > [5]",
    "Sure! Here is the ranking you asked for.\n\n[3] > [1] > [2] > [4] > [5]",
    "Passage 5 looks weak to me, 2 of 5 are good.\n[3] > [1] > [2] > [4] > [5]\nI hope this helps!",
    "[3]\n[1]\n[2]\n[4]\n[5]",
    "1. [3]\n2. [1]\n3. [2]\n4. [4]\n5. [5]",
    "- [3]\n- [1]\n- [2]\n- [4]\n- [5]",
    "Ranking:\n1. [3]\n2. [1]\n3. [2]\n4. [4]\n5. [5]",
    '{"ranking": [3, 1, 2, 4, 5]}',
    '```json\n{"ranking": [3, 1, 2, 4, 5]}\n```',
    '{"ranking": ["3", "[1]", "2", "4", "5"]}',
    '{"documents": [{"index": 3}, {"index": 1}, {"index": 2}, {"index": 4}, {"index": 5}]}',
    "[3, 1, 2, 4, 5]",
    'Here it is:\n{\n  "ranking": [3, 1, 2, 4, 5]\n}',
    "<think>[5] > [4] seems right, no: passage 3.</think>\n[3] > [1] > [2] > [4] > [5]",
    "so [5] > [4] at first</think>[3] > [1] > [2] > [4] > [5]",
    "<answer>[3] > [1] > [2] > [4] > [5]</answer>",
    "\uff3b3\uff3d\uff1e\uff3b1\uff3d\uff1e\uff3b2\uff3d\uff1e\uff3b4\uff3d\uff1e\uff3b5\uff3d",
    "\u6392\u540d\uff1a\u30103\u3011 > \u30101\u3011 > \u30102\u3011 > \u30104\u3011 > \u30105\u3011",
    "\u6839\u636e\u67e5\u8be2\uff0c\u6392\u5e8f\u5982\u4e0b\uff1a\n[3] > [1] > [2] > [4] > [5]",
    "[\u0663] > [\u0661] > [\u0662] > [\u0664] > [\u0665]",
    "\u200b[3] > [1] > [2] > [4] > [5]\ufeff",
]

REPAIRED = {
    "missing": ("[3] > [1]", (2, 0, 1, 3, 4)),
    "repeated": ("[3] > [3] > [1] > [3] > [2] > [4] > [5]", (2, 0, 1, 3, 4)),
    "unknown": ("[3] > [9] > [1] > [2] > [77] > [4] > [5]", (2, 0, 1, 3, 4)),
    "everything at once": ("[3] > [3] > [8] > [1]", (2, 0, 1, 3, 4)),
    "cut in a number": ("[3] > [1] > [2", (2, 0, 1, 3, 4)),
    "cut at a separator": ("[3] > [1] >", (2, 0, 1, 3, 4)),
    "trailing off": ("[3] > [1] > ...", (2, 0, 1, 3, 4)),
    "JSON cut in a number": ('{"ranking": [3, 1, 2', (2, 0, 1, 3, 4)),
    "JSON cut after a comma": ('{"ranking": [3, 1,', (2, 0, 1, 3, 4)),
    "counted from zero": ("[2] > [0] > [1] > [3] > [4]", (2, 0, 1, 3, 4)),
    "two rankings, the last counts": (
        "[5] > [4] > [3] > [2] > [1]\nOn reflection:\n[3] > [1] > [2] > [4] > [5]",
        (2, 0, 1, 3, 4),
    ),
    "one identifier": ("[3]", (2, 0, 1, 3, 4)),
    "a loop": ("[3] > [1] > " * 2_000, (2, 0, 1, 3, 4)),
    "huge unknown numbers": ("[3] > [9999] > [1]", (2, 0, 1, 3, 4)),
}

NOT_A_RANKING = {
    "empty": "",
    "white space": " \n\t\u200b ",
    "an HTML page": HTML,
    "an HTML page with a list": "<html>\n<ul>\n<li>[3]\n<li>[1]\n</ul>",
    "a rate limit as text": RATE_LIMITED,
    "a client's complaint": "'ChatCompletionMessage' object has no attribute 'reasoning'",
    "an error as JSON": '{"error": {"message": "limit 3", "code": 2}}',
    "codes as JSON": '{"codes": [4, 2]}',
    "prose with a count": "I ranked all 5 passages: 3 of them are good.",
    "prose with a chain in it": "I think that [3] > [1] because it names the 2 parties.",
    "a chain that goes on as prose": "[3] > [1] is clear, but the other 3 are alike",
    "thinking that never ends": "<think>[5] > [1] > [4",
    "thinking that never ends, with a line": "<think>\n[5] > [1] > [4]\n",
    "thinking begun again": "<think>a</think>\n<think>\n[5] > [1] > [4] > [2] > [3]",
    "a refusal": "I'm sorry, but I can't help with that. Please see section 3.2.",
    "ascending": "[5] < [4] < [2] < [1] < [3]",
    "elided": "[3] > [1] > ... > [5]",
    "a range": "[1]-[5]",
    "a bare number": "3",
    "a figure": "1,234",
    "a date": "2026-11-21",
    "a version": "3.1.2",
    "a citation in prose": "The tenant pays for it.\n[3]",
    "figures in a line of prose": "Totals of the quarter:\n3, 1, 2",
    "unknown numbers only": "[7] > [9] > [8]",
    "zero among the numbers": "[2] > [0] > [1]",
    "wrongly numbered lines": "3. [3]\n1. [1]\n2. [2]",
    "explained lines": "1. [3] since it names both\n2. [1] since it does not",
    "passages repeated": "[1] The tenant shall pay.\n[2] The landlord may sue.",
    "deep JSON": "[" * 50_000,
    "deep objects": '{"ranking":' * 20_000,
    "booleans": '{"ranking": [true, false]}',
    "fractions": '{"ranking": [3.5, 1.2]}',
    "nested lists": "[[3], [1], [2]]",
    "two lists in one object": '{"ranking": [3, 1], "order": [1, 3]}',
    "a very long number": "[" + "9" * 5_000 + "] > [1]",
    "too long": "[3] > [1] > " * 20_000,
    "Thai prose": "\u0e09\u0e31\u0e19\u0e04\u0e34\u0e14 3 \u0e14\u0e35\u0e01\u0e27\u0e48\u0e32 1",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_whole_ranking_is_read_in_every_form_that_models_write(text):
    fixed = repair(read_ranking(text), size=5, wanted=5)
    assert (fixed.order, fixed.status, fixed.reason) == ((2, 0, 1, 3, 4), "ok", "")
    assert (fixed.counts.listed, fixed.counts.missing, fixed.ranked) == (5, 0, 5)


@pytest.mark.parametrize(("text", "order"), REPAIRED.values(), ids=REPAIRED)
def test_a_faulty_ranking_is_repaired_in_first_stage_order_and_says_so(text, order):
    fixed = repair(read_ranking(text), size=5, wanted=5)
    assert (fixed.order, fixed.status) == (order, "repaired")
    assert fixed.reason


@pytest.mark.parametrize("text", NOT_A_RANKING.values(), ids=NOT_A_RANKING)
def test_what_is_no_ranking_leaves_the_order_alone(text):
    fixed = repair(read_ranking(text), size=5, wanted=5)
    assert (fixed.order, fixed.status, fixed.ranked) == ((0, 1, 2, 3, 4), "fallback", 0)
    assert fixed.reason


def test_faults_are_counted_one_by_one():
    counts = repair(read_ranking("[3] > [3] > [8] > [1] > [2"), size=5, wanted=5).counts
    assert (counts.listed, counts.missing, counts.repeated, counts.unknown, counts.cut_short) == (
        4,
        3,
        1,
        1,
        1,
    )


def test_the_last_bare_number_of_an_answer_that_hit_its_limit_is_not_trusted():
    assert read_ranking("3 > 1 > 1", cut=True).ids == (3, 1)
    assert read_ranking("[3] > [1] > [1]", cut=True).ids == (3, 1, 1)
    assert read_ranking("3 > 1 > 1").ids == (3, 1, 1)


def test_a_head_that_was_asked_for_is_complete():
    fixed = repair(read_ranking("[5] > [4]"), size=5, wanted=2)
    assert (fixed.order, fixed.status, fixed.ranked) == ((4, 3, 0, 1, 2), "ok", 2)


def test_more_than_was_asked_for_is_no_fault():
    assert repair(read_ranking("[5] > [4] > [1]"), size=5, wanted=2).status == "ok"


def test_the_hand_made_outputs_are_at_least_forty():
    assert len(GOOD) + len(REPAIRED) + len(NOT_A_RANKING) >= 40
