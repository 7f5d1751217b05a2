"""Windows, blocks, budgets and what they cost, by hand numbers."""

import pytest

from encoders.errors import InvalidInputError
from retriever.rerank.errors import BudgetError
from retriever.rerank.planning import RerankOptions, plan_rerank
from retriever.rerank.policies import (
    Cost,
    aggregate_blocks,
    blocks_cost,
    full_cost,
    sliding_cost,
    sliding_windows,
)
from retriever.rerank.tokens import EstimatedTokens


class Room:
    """A model of a stated context that takes 100 tokens for the prompt and 4 for an identifier."""

    name = "room"
    list_limit = 100
    counter = EstimatedTokens()

    def __init__(self, context):
        self.context = context

    def room(self, query, *, size, wanted):
        return self.context - 100 - 4 * size - 4 * wanted


def plan(sizes, *, context=32_000, top=None, model=None, **options):
    return plan_rerank("q", sizes, model or Room(context), RerankOptions(**options), top=top or len(sizes))


def test_one_hundred_candidates_cost_what_the_paper_counts():
    assert full_cost(100) == Cost(calls=1, slots=100)
    assert sliding_cost(100, window=20, step=10) == Cost(calls=9, slots=180)
    assert blocks_cost(100, block=20, replicas=4) == Cost(calls=20, slots=400)


@pytest.mark.parametrize(("size", "calls"), [(0, 0), (1, 1), (8, 1), (20, 1), (21, 2), (25, 2), (40, 3)])
def test_sliding_windows_are_as_many_as_the_formula_says(size, calls):
    assert len(sliding_windows(size, window=20, step=10)) == calls


def test_windows_go_from_the_tail_to_the_head():
    assert sliding_windows(40, window=20, step=10) == [range(20, 40), range(10, 30), range(20)]
    assert sliding_windows(25, window=20, step=10) == [range(5, 25), range(15)]


def test_a_step_that_would_skip_passages_is_refused():
    with pytest.raises(InvalidInputError, match="step 21 and window 20"):
        sliding_windows(100, window=20, step=21)


def test_blocks_that_agree_give_their_common_order():
    assert aggregate_blocks([(3, 1, 0), (1, 2, 0), (3, 2, 1)], 4)[0] == 3
    assert aggregate_blocks([(2, 1), (1, 0)], 3) == (2, 1, 0)


def test_a_passage_that_no_block_ranked_stands_in_the_middle():
    assert aggregate_blocks([(0, 2)], 3) == (0, 1, 2)


def test_winning_against_winners_counts_more_than_winning_against_losers():
    # 0 beats 1, 1 beats 2, 2 beats 3: plain rates of wins would tie 1 and 2.
    assert aggregate_blocks([(0, 1), (1, 2), (2, 3)], 4) == (0, 1, 2, 3)


def test_auto_takes_the_full_list_where_the_model_can():
    assert plan([100] * 100).policy == "full"
    assert plan([100] * 101).policy == "sliding"
    assert plan([100] * 100, context=3_000).policy == "sliding"


def test_short_passages_leave_their_room_to_long_ones():
    # 1,000 - 100 - 4 * 10 - 4 * 10 = 820 for ten passages: nine of 20 leave 640 for the tenth.
    assert plan([20] * 9 + [900], context=1_000, passage_tokens=10_000).passage_tokens == 640
    assert plan([20] * 9 + [900], context=1_000).passage_tokens == 256
    assert plan([900] * 10, context=1_000).passage_tokens == 82


def test_a_window_that_does_not_fit_is_made_smaller():
    # 20 passages of 24 tokens take 100 + 160 + 480 = 740 of the context, 10 take 420.
    small = plan([200] * 100, context=500, policy="sliding")
    assert (max(map(len, small.groups)), small.passage_tokens) == (10, 32)


def test_what_fits_no_window_is_refused_with_numbers():
    with pytest.raises(BudgetError, match="2 passages of at least 24 tokens") as refused:
        plan([200] * 100, context=150, policy="sliding")
    assert refused.value.details["room"] == 34
    with pytest.raises(BudgetError, match="100 passages"):
        plan([200] * 100, context=2_000, policy="full")


def test_shrinking_ends_for_every_context():
    for context in range(0, 1_000, 37):
        try:
            chosen = plan([200] * 30, context=context)
        except BudgetError:
            continue
        assert chosen.passage_tokens >= 24


def test_only_the_wanted_top_is_asked_for():
    assert plan([50] * 100, top=10, policy="full", top_only=True).wanted == 10
    assert plan([50] * 100, top=3, policy="sliding", top_only=True).wanted == 10
    assert plan([50] * 100, top=15, policy="sliding", top_only=True).wanted == 15
    assert plan([50] * 100, top=10, policy="full").wanted == 100


def test_several_passes_repeat_the_windows():
    assert len(plan([50] * 100, policy="sliding", passes=3).groups) == 27


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("policy", ["full", "sliding", "blocks"])
def test_tiny_lists_take_one_call_under_every_policy(size, policy):
    assert len(plan([50] * size, policy=policy).groups) == 1


def test_options_out_of_range_are_refused():
    with pytest.raises(InvalidInputError, match="step 20"):
        RerankOptions(window=20, step=20)
    with pytest.raises(InvalidInputError, match="least_passage_tokens"):
        RerankOptions(passage_tokens=10)
