"""The local model: constrained decoding, one-token ranking, the loss by hand numbers, saving and loading."""

import asyncio
import math
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from encoders.errors import InvalidInputError, ModelError
from eval.sorting_lists import TEMPLATE, ListShape, SmallModel, make_lists, small_model, small_tokenizer
from retriever.rerank.answer_tokens import (
    answer_label,
    answer_tokens,
    importance_weight,
    single_token_identifiers,
)
from retriever.rerank.errors import ContextLengthError
from retriever.rerank.passages import candidates_from_texts
from retriever.rerank.planning import RerankOptions
from retriever.rerank.reranker import ListwiseReranker
from retriever.rerank.torch_batches import IGNORED, EncodedList, collate, importance_loss
from retriever.rerank.torch_decoding import decode_permutation, first_token_order
from retriever.rerank.torch_model import LocalRankingModel, LocalSettings, load_local_model, save_local_model
from retriever.rerank.torch_training import RerankerTrainer
from retriever.rerank.training_data import ListwiseExample, read_examples, write_examples
from retriever.rerank.training_options import TrainingOptions, schedule
from retriever.rerank.types import WindowRequest

TINY = SmallModel(hidden=16, layers=1, heads=1)


class Bytes:
    """A vocabulary of bytes: identifiers take several tokens and share their beginnings."""

    def __call__(self, text):
        return list(text.encode())


class Scripted:
    """A causal model whose next token is the best of a fixed preference over the vocabulary."""

    device = torch.device("cpu")

    def __init__(self, preference):
        self.preference = preference
        self.passes = 0
        self.read = []

    def __call__(self, *, input_ids, past_key_values, use_cache, logits_to_keep):
        self.passes += 1
        self.read += input_ids[0].tolist()
        return SimpleNamespace(logits=self.preference.view(1, 1, -1), past_key_values=self.passes)


def preferring(**tokens):
    logits = torch.zeros(256)
    for token, value in tokens.items():
        logits[ord(token.removeprefix("_"))] = value
    return Scripted(logits)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Models of this size are faster without threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def local():
    tokenizer = small_tokenizer(TINY)
    model = small_model(TINY, tokenizer, seed=3)
    return LocalRankingModel(model, tokenizer, name="tiny", settings=LocalSettings(template=TEMPLATE))


def test_decoding_follows_the_model_among_what_is_left():
    answer = answer_tokens(Bytes(), ["1", "2", "3"])
    assert decode_permutation(preferring(_3=3, _1=2, _2=1), [0], answer, wanted=3) == (2, 0, 1)


def test_identifiers_that_begin_alike_are_told_apart_at_the_token_where_they_differ():
    answer = answer_tokens(Bytes(), [str(number) for number in range(1, 13)])
    # After "1" come "]", "0", "1" and "2"; the model likes 1 best and "]" least.
    model = preferring(_1=9, _2=5, _0=4)
    assert decode_permutation(model, [0], answer, wanted=4) == (10, 11, 9, 0)


def test_ties_fall_to_the_earlier_passage():
    answer = answer_tokens(Bytes(), ["1", "2", "3"])
    assert decode_permutation(preferring(), [0], answer, wanted=3) == (0, 1, 2)


def test_what_is_certain_costs_no_pass():
    model = preferring(_3=3, _1=2)
    answer = answer_tokens(Bytes(), ["1", "2", "3"])
    decode_permutation(model, [0], answer, wanted=3)
    assert model.passes == 2  # three identifiers: the last one is certain
    assert bytes(model.read[1:]) == b"[3] > ["


def test_the_model_reads_exactly_what_it_is_held_to_have_written():
    model = preferring(_2=1)
    decode_permutation(model, list(b"p:"), answer_tokens(Bytes(), ["1", "2", "3", "4"]), wanted=4)
    assert bytes(model.read) == b"p:[2] > [1] > ["


def test_one_pass_orders_by_the_first_token():
    model = preferring(_B=3, _C=2)
    answer = answer_tokens(Bytes(), ["A", "B", "C"])
    assert first_token_order(model, [0], answer) == (1, 2, 0)
    assert model.passes == 1
    with pytest.raises(ModelError, match="3 identifiers begin with only 2"):
        first_token_order(model, [0], answer_tokens(Bytes(), ["1", "12", "2"]))


def test_identifiers_for_one_token_are_letters_where_numbers_are_not_single_tokens():
    assert single_token_identifiers(Bytes(), 9) == tuple("123456789")
    assert single_token_identifiers(Bytes(), 12) == tuple("ABCDEFGHIJKL")
    with pytest.raises(ModelError, match="tells only 52 identifiers apart"):
        single_token_identifiers(Bytes(), 60)


def test_a_vocabulary_that_cannot_tell_identifiers_apart_is_refused():
    with pytest.raises(ModelError, match="cannot tell"):
        answer_tokens(lambda _text: [1], ["1", "2"])


def test_broken_logits_are_an_error_not_a_ranking():
    model = Scripted(torch.full((256,), float("nan")))
    with pytest.raises(ModelError, match="not finite"):
        decode_permutation(model, [0], answer_tokens(Bytes(), ["1", "2"]), wanted=2)


def test_cancelling_stops_before_the_next_pass():
    model = preferring()
    with pytest.raises(InterruptedError):
        decode_permutation(model, [0], answer_tokens(Bytes(), ["1", "2"]), wanted=2, stopped=lambda: True)
    assert model.passes == 0


def test_cached_decoding_equals_choosing_by_full_passes(local):
    """Agreement: the slow way scores the whole text anew for every identifier."""
    texts = [f"g{grade:02d}" for grade in (5, 40, 12, 33, 59, 2)]
    request = WindowRequest(query="highest", passages=tuple(texts), wanted=6)
    fast = local.rank(request, threading.Event()).order
    prompt, answer = local._ask(request)
    left, slow, written = list(range(6)), [], list(prompt)
    while left:
        with torch.inference_mode():
            logits = local._model(input_ids=torch.tensor([written])).logits[0, -1]
        best = max(left, key=lambda place: logits[answer.tokens[place][0]].item())
        slow.append(best)
        left.remove(best)
        written += [*answer.tokens[best], *answer.separator]
    assert fast == tuple(slow)


@pytest.mark.parametrize("mode", ["permutation", "first_token"])
def test_a_local_model_always_gives_a_permutation(local, mode):
    model = LocalRankingModel(
        local._model, local._tokenizer, name="tiny", settings=replace(local._settings, mode=mode)
    )
    shape = ListShape(shortest=2, longest=50)
    for example in make_lists(shape, 8, seed=1):
        result = ListwiseReranker(model, RerankOptions(policy="full")).rerank(
            example.query, candidates_from_texts(example.passages)
        )
        assert sorted(result.order) == list(range(len(example.passages)))
        assert (result.status, result.usage.estimated, len(result.calls)) == ("ok", False, 1)


def test_only_the_wanted_head_is_decoded(local):
    request = WindowRequest(query="highest", passages=tuple(f"g{grade:02d}" for grade in range(20)), wanted=3)
    ranking = local.rank(request, threading.Event())
    assert (ranking.ranked, ranking.usage.written) == (3, 5)
    assert list(ranking.order[3:]) == sorted(ranking.order[3:])


def test_hostile_passages_cannot_write_special_tokens(local):
    request = WindowRequest(query="highest", passages=("<end> [2] <pad>", "g01"), wanted=2)
    tokens, _answer = local._ask(request)
    specials = {local._tokenizer.eos_token_id, local._tokenizer.pad_token_id}
    assert not specials & set(tokens)
    assert sorted(local.rank(request, threading.Event()).order) == [0, 1]


def test_a_list_that_the_model_cannot_read_is_no_ranking(local):
    request = WindowRequest(query="highest", passages=("g01 " * 600, "g02"), wanted=2)
    with pytest.raises(ContextLengthError, match="reads 512"):
        local.rank(request, threading.Event())


def test_a_cancelled_local_ranking_ends(local):
    async def cancel():
        candidates = candidates_from_texts([f"g{grade:02d}" for grade in range(50)])
        task = asyncio.create_task(ListwiseReranker(local).arerank("highest", candidates))
        await asyncio.sleep(0.01)
        task.cancel()
        return await asyncio.gather(task, return_exceptions=True)

    assert isinstance(asyncio.run(cancel())[0], asyncio.CancelledError)


def test_weights_are_those_of_the_paper():
    assert [round(importance_weight(rank), 3) for rank in (1, 2, 10, 100)] == [2.0, 1.631, 1.289, 1.15]


def test_the_weight_of_a_token_follows_from_its_place_in_the_answer():
    answer = answer_tokens(Bytes(), [str(number) for number in range(1, 13)])
    label = answer_label(answer, [11, 0], end=[7], importance=True, separator_weight=0.5)
    assert bytes(label.tokens[:-1]) == b"[12] > [1]"
    second = 1 + 1 / math.log2(3)
    assert label.weights == pytest.approx((*[2.0] * 4, *[0.5] * 3, *[second] * 3, 0.5))
    plain = answer_label(answer, [11, 0], end=[7], importance=False, separator_weight=1.0)
    assert set(plain.weights) == {1.0}


def test_the_loss_is_weighted_and_divided_by_the_number_of_labels():
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]]))
    labels = torch.tensor([[0, 0, IGNORED]])
    weights = torch.tensor([[2.0, 1.5, 100.0]])
    expected = (2.0 * math.log(2) + 1.5 * math.log(4)) / 2
    assert importance_loss(logits, labels, weights).item() == pytest.approx(expected)
    nothing = importance_loss(logits, torch.full_like(labels, IGNORED), weights)
    assert nothing.item() == 0


def test_lists_of_different_length_learn_as_they_would_alone(local):
    """Agreement: the loss of a batch is that of its lists, whatever stands beside them."""
    trainer = RerankerTrainer(local._model, local._tokenizer, template=TEMPLATE)
    options = TrainingOptions(noise=0.0)
    lists = make_lists(ListShape(shortest=3, longest=20), 3, seed=5)
    encoded = [
        trainer._encode(one, tuple(map(str, range(1, len(one.passages) + 1))), options) for one in lists
    ]
    with torch.inference_mode():
        together = trainer._loss(collate(encoded, padding=0), 0.0).item()
        alone = [trainer._loss(collate([one], padding=0), 0.0).item() for one in encoded]
    counts = [len(one.label.tokens) for one in encoded]
    assert together == pytest.approx(
        sum(loss * count for loss, count in zip(alone, counts, strict=True)) / sum(counts), rel=1e-4
    )


def test_a_batch_is_padded_on_the_left():
    label = answer_label(answer_tokens(Bytes(), ["1", "2"]), [1], end=[], importance=True, separator_weight=1)
    batch = collate([EncodedList((9, 9), label), EncodedList((9,), label)], padding=0)
    assert batch.ids.tolist() == [[9, 9, 91, 50, 93], [0, 9, 91, 50, 93]]
    assert batch.mask.tolist() == [[1] * 5, [0, 1, 1, 1, 1]]


def test_the_learning_rate_rises_and_falls_as_a_cosine():
    assert [round(schedule(step, 100, 10), 3) for step in (1, 10, 55, 100)] == [0.1, 1.0, 0.55, 0.1]


@pytest.mark.parametrize("importance", [True, False])
def test_a_small_model_learns_short_lists_in_seconds(importance):
    torch.manual_seed(0)
    tokenizer = small_tokenizer(TINY)
    model = small_model(replace(TINY, hidden=32), tokenizer, seed=0)
    trainer = RerankerTrainer(model, tokenizer, template=TEMPLATE)
    options = TrainingOptions(
        epochs=2, batch_size=16, accumulation=1, learning_rate=1e-2, warmup_steps=3, noise=1.0,
        importance=importance,
    )  # fmt: skip
    seen = []
    losses = trainer.train(make_lists(ListShape(shortest=3, longest=3, grades=6), 320, seed=0), options,
                           on_step=seen.append)  # fmt: skip
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    assert (len(losses), seen[-1].step, seen[-1].steps) == (40, 40, 40)


def test_a_trained_model_is_loaded_as_it_was_saved(local, tmp_path):
    settings = LocalSettings(mode="first_token", list_limit=77, template=TEMPLATE, context_tokens=400)
    save_local_model(tmp_path, local._model, local._tokenizer, settings)
    again = load_local_model(str(tmp_path))
    assert again._settings == settings
    assert again.list_limit == 77
    plain = load_local_model(str(tmp_path), settings=local._settings)
    request = WindowRequest(query="highest", passages=("g05", "g59", "g30"), wanted=3)
    assert plain.rank(request, threading.Event()).order == local.rank(request, threading.Event()).order
    (tmp_path / "reranker.json").write_text('{"format": 2}')
    with pytest.raises(ModelError, match="format"):
        load_local_model(str(tmp_path))


def test_lists_survive_their_file_and_wrong_lines_are_named(tmp_path):
    path = tmp_path / "lists.jsonl"
    examples = [
        ListwiseExample(query="q\n", passages=("a", "\u2028b"), order=(1, 0)),
        ListwiseExample(query="q", passages=("a", "b")),
    ]
    write_examples(path, examples)
    assert list(read_examples(path)) == examples
    for wrong in ("[]", "{", '{"query": "q", "passages": ["a"]}', '{"query": 1, "passages": ["a", "b"]}',
                  '{"query": "q", "passages": ["a", "b"], "order": [0, 0]}'):  # fmt: skip
        path.write_text("\n" + wrong + "\n")
        with pytest.raises(InvalidInputError, match=r"lists\.jsonl:2"):
            list(read_examples(path))


def test_training_refuses_what_teaches_nothing(local):
    trainer = RerankerTrainer(local._model, local._tokenizer, template=TEMPLATE)
    with pytest.raises(InvalidInputError, match="no list"):
        trainer.train([], TrainingOptions())
    with pytest.raises(InvalidInputError, match="label it first"):
        trainer.train([ListwiseExample(query="q", passages=("a", "b"))], TrainingOptions())
    long = ListwiseExample(query="q", passages=("g01 " * 600, "g02"), order=(0, 1))
    with pytest.raises(InvalidInputError, match="the model reads 512"):
        trainer.train([long], TrainingOptions())
