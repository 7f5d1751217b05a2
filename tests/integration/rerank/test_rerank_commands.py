"""``longdoc rerank`` and ``longdoc train reranker`` as a user types them."""

import json

import pytest
import torch
from click.testing import CliRunner
from rerank_server import Reply, chat, chat_server, right

from eval.reranker_experiment import ExperimentOptions, run_experiment
from eval.sorting_lists import ListShape, SmallModel, make_lists, small_model, small_tokenizer
from eval.train_reranker import train_reranker
from retriever.rerank.commands import rerank
from retriever.rerank.training_data import ListwiseExample, read_examples, write_examples


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Models of this size are faster without threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run(behave, *arguments, texts="grade 1\ngrade 3\ngrade 2\n"):
    with chat_server(behave) as (url, _seen):
        return CliRunner().invoke(rerank, ["q", "-", "--model", "m", "--url", url, *arguments], input=texts)


def test_texts_are_printed_in_their_new_order():
    result = run(right)
    assert result.exit_code == 0, result.output
    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["3", "2", "1"]
    assert "ok: full, 1 of 1 calls, 0" not in result.stderr
    assert result.stderr.startswith("ok: full, 1 of 1 calls")


def test_json_holds_the_whole_result():
    held = json.loads(run(right, "--json", "--top", "2").stdout)
    assert (held["status"], [item["index"] for item in held["items"]]) == ("ok", [1, 2])


@pytest.mark.parametrize(
    ("reply", "code", "word"),
    [
        (chat("[2] > [2]"), 0, "repaired"),
        (chat("no idea about 3"), 3, "fallback"),
        (Reply(body=b"{}", status=401), 1, "failed"),
    ],
)
def test_exit_codes_say_whose_order_it_is(reply, code, word):
    result = run(reply.always)
    assert (result.exit_code, result.stderr.split(":")[0]) == (code, word)
    assert "note: " in result.stderr


def test_a_model_is_trained_saved_and_used(tmp_path):
    shape = SmallModel(hidden=16, layers=1, heads=1)
    tokenizer = small_tokenizer(shape)
    small_model(shape, tokenizer, seed=0).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    lists = make_lists(ListShape(shortest=3, longest=5), 4, seed=0)
    bare = ListwiseExample(query="grade", passages=("grade 1", "grade 3"))
    write_examples(tmp_path / "lists.jsonl", [*lists, bare])
    with chat_server(right) as (url, seen):
        options = {
            "model": tmp_path / "base",
            "data": tmp_path / "lists.jsonl",
            "epochs": 1,
            "out": tmp_path / "out",
            "labels-out": tmp_path / "labels.jsonl",
            "teacher-model": "m",
            "teacher-url": url,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        trained = CliRunner().invoke(train_reranker, arguments, catch_exceptions=False)
    assert trained.exit_code == 0, trained.output
    assert len(seen.requests) == 1
    assert list(read_examples(tmp_path / "labels.jsonl"))[-1].order == (1, 0)
    used = CliRunner().invoke(
        rerank,
        ["q", "-", "--model", str(tmp_path / "out"), "--context-tokens", "512"],
        input="g01\ng02\n",
        catch_exceptions=False,
    )
    assert used.exit_code == 0, used.output
    assert used.stderr.splitlines()[-1].startswith("ok: full")


def test_lists_without_order_need_a_teacher(tmp_path):
    shape = SmallModel(hidden=16, layers=1, heads=1)
    tokenizer = small_tokenizer(shape)
    small_model(shape, tokenizer, seed=0).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    write_examples(tmp_path / "lists.jsonl", [ListwiseExample(query="q", passages=("a", "b"))])
    result = CliRunner().invoke(
        train_reranker,
        ["--model", str(tmp_path / "base"), "--data", str(tmp_path / "lists.jsonl"), "--out", str(tmp_path)],
    )
    assert result.exit_code == 2
    assert "--teacher-model" in result.stderr


def test_the_experiment_runs_through_in_miniature():
    options = ExperimentOptions(
        model=SmallModel(hidden=16, layers=1, heads=1),
        warm_up_lists=(128, 32),
        long_lists=32,
        held_out=2,
    )
    said = []
    figures = run_experiment(options, said.append)
    assert [one.name for one in figures][:3] == [
        "chance order",
        "before training",
        "after the warm-up on shorter lists",
    ]
    labels = {one.name: one.label_figures.get("nDCG@10") for one in figures[3:]}
    assert labels["multi-pass labels, plain loss"] == 1.0
    assert labels["one-pass labels, plain loss"] < 0.97
    assert all(0 <= one.figures["nDCG@10"] <= 1 for one in figures)
