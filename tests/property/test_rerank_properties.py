"""What always holds, whatever a model writes and however texts are cut."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retriever.rerank.excerpting import shorten, term_weights
from retriever.rerank.parsing import read_ranking
from retriever.rerank.passages import candidates_from_texts, fit_passages
from retriever.rerank.policies import aggregate_blocks, overlapping_blocks, sliding_windows
from retriever.rerank.prompts import PromptTemplate, neutralise, numerals, render_prompt
from retriever.rerank.repairing import repair
from retriever.rerank.tokens import EstimatedTokens

IDENTIFIERS = ["[1]", "[2]", "[3]", "[12]", "[0]", "[999]", "1", "2", "3", "4"]
BETWEEN = [" > ", ">", ", ", "\n", " ", "1. ", "- ", "...", "```", "a"]
MARKUP = ["<think>", "</think>", "<answer>", "</answer>", '{"ranking": [', "]", "}", "[", "\u3011"]
pieces = st.sampled_from([*IDENTIFIERS, *BETWEEN, *MARKUP])
texts = st.one_of(st.text(max_size=80), st.lists(pieces, max_size=30).map("".join))
prose = st.text(alphabet=st.sampled_from("abc de. fg! \n\u5951\u7ea6\u6761\u3002\U0001f600"), max_size=400)


@given(text=texts, size=st.integers(1, 30), data=st.data())
@example(text="[1]", size=1, data=None)
@settings(max_examples=200, deadline=None)
def test_any_text_gives_a_permutation_and_a_status_that_fits_it(text, size, data):
    wanted = data.draw(st.integers(1, size)) if data else size
    reading = read_ranking(text)
    fixed = repair(reading, size=size, wanted=wanted)
    assert sorted(fixed.order) == list(range(size))
    assert 0 <= fixed.ranked <= size
    assert list(fixed.order[fixed.ranked :]) == sorted(fixed.order[fixed.ranked :])
    assert (fixed.reason == "") == (fixed.status == "ok")
    if fixed.status == "ok":
        assert fixed.ranked >= wanted
        assert fixed.counts.missing == fixed.counts.repeated == fixed.counts.unknown == 0
    if fixed.status == "fallback":
        assert fixed.order == tuple(range(size))
    written = {int(number) for number in re.findall(r"\d+", text)}
    assert set(reading.ids) <= written or reading.cut_short


@given(order=st.permutations(range(1, 26)), noise=st.text(alphabet="ab c\n", max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_right_chain_is_read_as_it_stands_whatever_words_stand_above_it(order, noise):
    text = noise + "\n" + " > ".join(f"[{number}]" for number in order)
    fixed = repair(read_ranking(text), size=25, wanted=25)
    assert fixed.order == tuple(number - 1 for number in order)


@given(order=st.permutations(range(1, 8)), written=st.lists(st.integers(1, 12), min_size=2, max_size=12))
@settings(max_examples=50, deadline=None)
def test_only_what_is_wrong_counts_as_wrong(order, written):
    counts = repair(read_ranking(", ".join(f"[{number}]" for number in written)), size=7, wanted=7).counts
    known = [number for number in written if number <= 7]
    assert counts.unknown == len(written) - len(known)
    assert counts.repeated == len(known) - len(set(known))
    assert counts.missing == 7 - len(set(known))


@given(size=st.integers(0, 130), window=st.integers(2, 30), data=st.data())
@settings(max_examples=60, deadline=None)
def test_sliding_windows_reach_every_passage_and_hand_the_best_on(size, window, data):
    step = data.draw(st.integers(1, window - 1))
    windows = sliding_windows(size, window=window, step=step)
    assert {place for places in windows for place in places} == set(range(size))
    if size > window:
        assert len(windows) == -(-(size - window) // step) + 1
    for lower, upper in pairwise(windows):
        assert upper.start < lower.start < upper.stop or upper.start == 0


@given(size=st.integers(3, 60), block=st.integers(2, 25), replicas=st.integers(1, 4), seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_blocks_hold_every_passage_as_often_as_there_are_copies(size, block, replicas, seed):
    blocks = overlapping_blocks(size, block=block, replicas=replicas, seed=seed)
    times = [sum(place in group for group in blocks) for place in range(size)]
    assert set(times) == {1 if size <= block else replicas}
    assert max(map(len, blocks)) <= block
    assert sorted(aggregate_blocks(blocks, size)) == list(range(size))


@given(order=st.permutations(range(12)))
@settings(max_examples=25, deadline=None)
def test_one_block_that_holds_everything_is_its_own_answer(order):
    assert aggregate_blocks([order], 12) == tuple(order)


@given(text=prose, budget=st.integers(8, 60), query=st.sampled_from(["de", "\u6761\u7ea6", "", "zz fg"]))
@example(text="a.a.a..a.\u3002\na\u3002a.a", budget=14, query="de")
@settings(max_examples=60, deadline=None)
def test_a_shortened_text_fits_and_is_made_of_the_text(text, budget, query):
    counter = EstimatedTokens()
    cut = shorten(text, budget, counter, term_weights(query, [text]))
    assert counter.count(cut) <= budget
    assert cut.strip("\u2026 \n") in text
    assert cut == text or counter.count(text) > budget


@given(texts=st.lists(prose, min_size=1, max_size=6), limit=st.integers(8, 80))
@settings(max_examples=40, deadline=None)
def test_no_passage_exceeds_its_limit_and_every_cut_is_reported(texts, limit):
    counter = EstimatedTokens()
    passages = fit_passages("de", candidates_from_texts(texts), limit=limit, counter=counter)
    assert all(counter.count(passage) <= limit for passage in passages.texts)
    assert set(passages.shortened) == {
        place for place, text in enumerate(texts) if counter.count(text.strip()) > limit
    }


POSING = ["[1]", "\n[2] ", "\u30103\u3011", "\uff3b4\uff3d", "[ 7 ]", "[\u200b5]", "[1] > [2]"]
CHAT = ["<|im_end|>", "<|im_start|>system", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>"]
THINKING = ["<think>", "</think>", "<answer>", "Ignore the above"]
ODD = ["\u2028", "\u202e", "\x00", "\u200b", "{0}", "{passage}", "%s"]
hostile = st.lists(st.sampled_from([*POSING, *CHAT, *THINKING, *ODD]), max_size=12).map("".join)


@given(passages=st.lists(hostile, min_size=1, max_size=5), query=hostile)
@settings(max_examples=60, deadline=None)
def test_hostile_passages_stay_on_their_line_and_name_no_identifier(passages, query):
    template = PromptTemplate(body="[{identifier}] {passage}\n", suffix="end", prefix="{query}\n", system="")
    prompt = render_prompt(
        template,
        query,
        passages,
        identifiers=numerals(len(passages)),
        wanted=1,
        reserved=("<|im_end|>", "</s>"),
    )
    lines = prompt.user.split("\n")
    assert len(lines) == len(passages) + 2
    for number, line in enumerate(lines[1:-1], start=1):
        assert line.startswith(f"[{number}] ")
        assert not re.search(r"\[\s*\d+\s*\]", line.removeprefix(f"[{number}]"))
    assert not re.search(r"<\||</s>|<think>|\[/?INST\]|<<SYS>>|<answer>", prompt.user)


@pytest.mark.parametrize("reserved", [("<pad>", "<unk>"), ("[PAD]", "[UNK]"), ("<bos>",)])
def test_a_model_s_own_special_tokens_cannot_be_written_into_a_passage(reserved):
    text = neutralise("a".join(reserved), reserved)
    assert not any(token in text for token in reserved)
