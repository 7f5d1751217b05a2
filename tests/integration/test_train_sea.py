from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from encoders.aggregation import open_aggregator
from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from encoders.torch_sea_training import SeaConfig
from eval.code_benchmark import CodeOptions, benchmark, figures_record
from eval.code_pairs import find_pairs
from eval.errors import EvaluationError
from eval.progress import ProgressWatch
from eval.splitting import SPLITS, open_splitter
from eval.train_sea import TrainOptions, make_card, split_pairs, train, train_sea


@pytest.fixture
def projects(tmp_path):
    words = "read write open close merge split parse print index search".split()
    for number, project in enumerate(("alpha", "beta", "gamma", "delta")):
        folder = tmp_path / project
        folder.mkdir()
        functions = [
            f"def {word}_{number}(path):\n"
            f'    """{word.title()} the {project} file number {place} at its path."""\n'
            + f"    {word}_value = {project}.{word}(path, {place})\n" * 12
            + f"    return {word}_value\n"
            for place, word in enumerate(words)
        ]
        (folder / "code.py").write_text("\n\n".join(functions))
    return tuple(sorted(path for path in tmp_path.iterdir()))


def options(projects, **changes):
    values = {"validation": ("gamma",), "test": ("delta",), "shortest_text": 100, "encoder": HashEncoder()}
    return TrainOptions(projects=projects, **(values | changes))


def test_training_from_source_trees_gives_weights_a_card_and_figures_on_unseen_projects(projects):
    chosen, config = options(projects), SeaConfig(epochs=3, hidden=8)
    result = train_sea(chosen, config, ProgressWatch())
    assert {part: {pair.project for pair in pairs} for part, pairs in result.parts.items()} == {
        "train": {"alpha", "beta"},
        "validation": {"gamma"},
        "test": {"delta"},
    }
    assert {"SEA", "hybrid with SEA", "mean", "max", "first 256 tokens"} <= {
        one.way for one in result.figures
    }
    card = make_card(result, chosen, config)
    assert (card["test_projects"], card["train_pairs"]) == ("delta", "20")


def test_a_part_without_pairs_is_an_error_that_counts_them(projects):
    with pytest.raises(EvaluationError, match="train 0, validation 0, test 0"):
        split_pairs([], options(projects))


def test_projects_are_left_out_and_large_ones_do_not_speak_for_all(projects):
    chosen = options(projects, excluded=("alpha",), project_pairs=4)
    parts = split_pairs(find_pairs(chosen.read, lengths=(100, 20_000)), chosen)
    assert {part: (len(held), {pair.project for pair in held}) for part, held in parts.items()} == {
        "train": (4, {"beta"}),
        "validation": (4, {"gamma"}),
        "test": (10, {"delta"}),
    }


@pytest.mark.parametrize("split", SPLITS)
def test_every_way_to_cut_can_be_measured(projects, split):
    chosen = CodeOptions(projects=projects[:1], aggregator="", split=split, encoder=HashEncoder())
    ways = {one.way for one in benchmark(chosen, ProgressWatch())}
    assert {"mean", "max", "best segment", "BM25"} <= ways


def test_an_unknown_way_to_cut_is_refused_with_those_there_are():
    with pytest.raises(InvalidInputError, match="window-token"):
        open_splitter("words", HashEncoder().tokenizer)


def test_the_commands_write_weights_and_figures(projects, tmp_path):
    weights, figures = tmp_path / "weights.safetensors", tmp_path / "figures.json"
    folders = [argument for path in projects for argument in ("--code", str(path))]
    named = [
        "--validation",
        "gamma",
        "--test",
        "delta",
        "--shortest",
        "100",
        "--pairs",
        "4",
        "--out",
        str(weights),
    ]
    trained = CliRunner().invoke(train, ["sea", *folders, *named])
    assert trained.exit_code == 0, trained.output
    assert "SEA" in trained.output
    assert open_aggregator(str(weights)).card["encoder"] == "bundled"
    found = benchmark(
        CodeOptions(projects=projects, aggregator=str(weights), pairs=9, encoder=HashEncoder(dim=384)),
        ProgressWatch(),
    )
    figures.write_text(json.dumps(figures_record(found)))
    assert {one["group"] for one in json.loads(figures.read_text())["figures"]} >= {"all"}
