"""Settings fitted on judged queries; noise refused."""

from __future__ import annotations

import json
import random

import pytest
from click.testing import CliRunner

from encoders.errors import InvalidInputError
from encoders.fake import HashEncoder
from eval.beir import load_beir
from eval.commands_tune import _show
from eval.commands_tune import tune as tune_command
from eval.errors import EvaluationError
from eval.tuning import Tuned, tune
from eval.types import Interval
from indexers.errors import StoreLockedError
from retriever import Retriever
from retriever.owner import taking
from retriever.profile import SearchProfile

WORDS = [f"w{number}x" for number in range(300)]


class Watch:
    def stage(self, name, *, total=0):
        pass

    def reach(self, done):
        pass


def write_set(folder, *, judged, queries=40, seed=3):
    """Documents of random words, each with a title of its own; ``judged`` gives each query's document."""
    choose = random.Random(seed)
    folder.mkdir()
    texts = {f"d{n:02}": " ".join(choose.choices(WORDS, k=120)) for n in range(40)}
    titles = {name: f"subject {WORDS[n]}" for n, name in enumerate(texts)}
    lines, rows = [], ["query-id\tcorpus-id\tscore"]
    for number in range(queries):
        doc_id, text = judged(choose, texts, titles)
        lines.append({"_id": f"q{number}", "text": text})
        rows.append(f"q{number}\t{doc_id}\t1")
    corpus = [{"_id": name, "title": titles[name], "text": text} for name, text in texts.items()]
    for name, values in (("corpus", corpus), ("queries", lines)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(value) + "\n" for value in values))
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n")
    return folder


def by_title(choose, texts, titles):
    """The title decides, and the words of another document mislead."""
    doc_id, other = choose.sample(sorted(texts), 2)
    return doc_id, f"{titles[doc_id]} {' '.join(choose.sample(texts[other].split(), 3))}"


def at_random(choose, texts, titles):
    return choose.choice(sorted(texts)), " ".join(choose.choices(WORDS, k=4))


def opened(path, dataset):
    retriever = Retriever.open(path / "store", encoder=HashEncoder(dim=32))
    retriever.add(dataset.documents)
    return retriever


def test_weights_move_to_what_finds_the_judged_documents(tmp_path):
    dataset = load_beir(write_set(tmp_path / "set", judged=by_title))
    with opened(tmp_path, dataset) as retriever:
        profile = SearchProfile(weights={"segment_dense": 0.5, "document_lexical": 0.5}, kinds={})
        tuned = tune(retriever.engine, dataset, profile, Watch())
        assert tuned.recommended
        assert tuned.gain.low > 0.05
        assert tuned.after > tuned.before + 0.05
        assert (
            max(tuned.profile.weights_for("a b"), key=tuned.profile.weights_for("a b").get) == "title_lexical"
        )
        retriever.save_profile("default", tuned.profile)
        query = dataset.queries[0]
        found = retriever.search(query.text, limit=3)
        assert found.meta.profile == "default@1"
        assert found.hits[0].document.id in dataset.qrels[query.id]
        assert 0 < found.answerable < 1
        assert found.hits[0].relevance > found.hits[2].relevance
        sure = retriever.search(query.text, limit=40, min_relevance=found.hits[0].relevance - 1e-9)
        assert all(hit.relevance >= found.hits[0].relevance - 1e-9 for hit in sure)
        assert len(sure) < 40


def test_a_gain_that_may_be_chance_is_not_recommended(tmp_path):
    dataset = load_beir(write_set(tmp_path / "set", judged=at_random))
    with opened(tmp_path, dataset) as retriever:
        tuned = tune(retriever.engine, dataset, SearchProfile(), Watch())
        assert not tuned.recommended
        assert tuned.gain.low <= 0
        with pytest.raises(InvalidInputError, match="has none"):
            retriever.search("w1x", min_relevance=0.5)
        assert retriever.search("w1x").answerable is None


def test_too_few_queries_are_refused(tmp_path):
    dataset = load_beir(write_set(tmp_path / "set", judged=by_title, queries=8))
    with opened(tmp_path, dataset) as retriever:
        with pytest.raises(EvaluationError, match="tuning needs 20"):
            tune(retriever.engine, dataset, SearchProfile(), Watch())


def test_a_name_that_no_profile_can_have_is_refused_before_anything_is_read(tmp_path):
    ran = CliRunner().invoke(tune_command, ["--data", str(tmp_path), "--save", "bad name!"])
    assert isinstance(ran.exception, InvalidInputError)
    assert "'bad name!' is no name of a profile" in str(ran.exception)


def test_the_command_saves_what_is_real_and_says_what_it_found(tmp_path):
    folder = write_set(tmp_path / "set", judged=by_title)
    with Retriever.open(tmp_path / "own", encoder="hash:32", in_process=True) as retriever:
        retriever.add(load_beir(folder).documents)
    arguments = ["--data", str(folder), "--store", str(tmp_path / "own"), "--encoder", "hash:32"]
    ran = CliRunner().invoke(
        tune_command, [*arguments, "--save", "default", "--json", str(tmp_path / "t.json")]
    )
    assert ran.exit_code == 0, ran.output
    assert "saved as default" in ran.output
    assert json.loads((tmp_path / "t.json").read_bytes())["recommended"]
    with Retriever.open(tmp_path / "own", encoder="hash:32", in_process=True) as retriever:
        assert retriever.profiles()["default"].version == 1
    chance = write_set(tmp_path / "chance", judged=at_random, seed=5)
    ran = CliRunner().invoke(tune_command, ["--data", str(chance), "--encoder", "hash:32"])
    assert ran.exit_code == 1
    assert "may be chance" in ran.output


def test_the_command_takes_the_store_from_its_own_process_unless_that_is_in_use(tmp_path, monkeypatch):
    folder, store = write_set(tmp_path / "set", judged=by_title), tmp_path / "own"
    arguments = ["--data", str(folder), "--store", str(store), "--encoder", "hash:32", "--save", "default"]
    with Retriever.open(store, encoder="hash:32") as retriever:
        retriever.add(load_beir(folder).documents)
        with monkeypatch.context() as patched:
            patched.setattr(taking.take_store, "__kwdefaults__", {"timeout_s": 0.5})
            ran = CliRunner().invoke(tune_command, arguments)
        assert isinstance(ran.exception, StoreLockedError)
        assert "the store's own, which its callers start and share" in str(ran.exception)
        assert retriever.search("w1x").hits
    ran = CliRunner().invoke(tune_command, arguments)
    assert ran.exit_code == 0, ran.output
    assert "saved as default" in ran.output
    with Retriever.open(store, encoder="hash:32") as retriever:
        assert retriever.profiles()["default"].version == 1


@pytest.mark.parametrize(
    ("low", "high", "said"), [(-0.03, -0.01, "the tuned settings rank worse"), (-0.03, 0.01, "may be chance")]
)
def test_a_loss_is_not_called_chance(capsys, low, high, said):
    found = Tuned(
        queries=185,
        before=0.95,
        after=0.94,
        gain=Interval(mean=-0.01, low=low, high=high, count=185),
        profile=SearchProfile(),
        recommended=False,
        brier=None,
    )
    _show(found, None)
    assert said in capsys.readouterr().out
