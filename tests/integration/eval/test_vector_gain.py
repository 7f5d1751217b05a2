"""One vector of the whole document beside the search: what it gains on queries it was not tuned on."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from click.testing import CliRunner

from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from eval.beir import load_beir
from eval.commands_bench import vector
from eval.errors import EvaluationError
from eval.progress import ProgressWatch
from eval.vector_gain import VectorOptions, _gain, _Scored, measure_gain

WORDS = [f"w{number}x" for number in range(200)]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    choose = random.Random(3)
    texts = {f"d{n}": " ".join(choose.choices(WORDS, k=400)) for n in range(20)}
    queries = {f"q{n}": " ".join(choose.sample(texts[f"d{n % 20}"].split(), 4)) for n in range(30)}
    corpus = [{"_id": name, "title": "", "text": text} for name, text in texts.items()]
    asked = [{"_id": name, "text": text} for name, text in queries.items()]
    for name, rows in (("corpus", corpus), ("queries", asked)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = ["query-id\tcorpus-id\tscore", *(f"q{n}\td{n % 20}\t1" for n in range(30))]
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n")
    return folder


def scored(dataset, *, helps):
    """The search puts every right document second; the vector agrees with the judgements or contradicts."""
    ids = tuple(document.id for document in dataset.documents)
    found = {}
    for query in dataset.queries:
        [right] = dataset.qrels[query.id]
        place = ids.index(right)
        search = np.zeros(len(ids))
        search[place], search[place - 1] = 1.0, 1.05
        answer = np.zeros(len(ids))
        answer[place if helps else place - 2] = 4.0
        found[query.id] = _Scored(ids, search, answer)
    return found


def test_a_vector_that_knows_the_answer_gains_under_a_weight_from_the_other_half(data):
    dataset = load_beir(data)
    gain = _gain("mean", scored(dataset, helps=True), dataset)
    assert min(gain.chosen.values()) > 0
    assert gain.without.mean == pytest.approx(1 / np.log2(3))
    assert gain.gain.mean == pytest.approx(1 - 1 / np.log2(3))
    assert gain.alone.mean == 1.0


def test_a_vector_that_contradicts_is_left_out_and_costs_nothing(data):
    dataset = load_beir(data)
    gain = _gain("mean", scored(dataset, helps=False), dataset)
    assert gain.chosen == {"a": 0.0, "b": 0.0}
    assert (gain.gain.mean, gain.by_weight["0"]) == (0.0, 0.0)
    assert gain.by_weight["0.5"] < 0


@pytest.mark.parametrize("split", ["syntax", "lines"])
def test_every_aggregator_is_measured_on_the_same_search(data, split):
    options = VectorOptions(data=data, aggregators=("mean", "max"), split=split, encoder=HashEncoder(dim=32))
    mean, highest = measure_gain(options, ProgressWatch())
    assert (mean.aggregator, highest.aggregator) == ("mean", "max")
    assert mean.without == highest.without
    assert mean.alone != highest.alone
    assert mean.without.count == 30


def test_one_query_has_no_other_half_to_choose_by(data):
    (data / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t1\n")
    with pytest.raises(EvaluationError, match="half of 1 queries"):
        measure_gain(
            VectorOptions(data=data, encoder=HashEncoder(dim=32), aggregators=("mean",)), ProgressWatch()
        )


def test_an_unknown_aggregator_is_refused_before_anything_is_indexed(data):
    with pytest.raises(InvalidInputError, match="no aggregation 'median'"):
        measure_gain(VectorOptions(data=data, aggregators=("median",)), ProgressWatch())


def test_the_command_prints_and_writes_the_gains(data, tmp_path):
    record = tmp_path / "gains.json"
    done = CliRunner().invoke(
        vector,
        ["--data", str(data), "--aggregator", "mean", "--encoder", "hash:32", "--json", str(record)],
    )
    assert done.exit_code == 0, done.output
    [one] = json.loads(record.read_text())["gains"]
    assert one["aggregator"] == "mean"
    assert one["by_weight"]["0"] == 0.0
