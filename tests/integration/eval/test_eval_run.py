"""The whole way: folders in, tables and records out, with the hash encoder."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from rich.console import Console

from encoders.fake import HashEncoder
from eval.commands import eval_
from eval.errors import EvaluationError
from eval.record import read_record, write_record
from eval.running import RunOptions, run_evaluation
from eval.tables import show_run
from eval.trec import read_run, write_run
from retriever import Retriever

if TYPE_CHECKING:
    from pathlib import Path

ANIMALS = ("otter", "heron", "badger", "lynx", "marten", "plover")


class NoWatch:
    """Remembers the stages."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.done = 0

    def stage(self, name: str, *, total: int = 0) -> None:
        self.stages.append(name)

    def reach(self, done: int) -> None:
        self.done = done


def write_set(folder: Path, animals: tuple[str, ...]) -> Path:
    folder.mkdir()
    filler = "The meadow is quiet and the river runs on past the mill. " * 20
    corpus, queries, qrels, spans = [], [], [], []
    for n, animal in enumerate(animals):
        fact = f"The {animal} sleeps under the old {animal} bridge."
        corpus.append({"_id": f"d{n}", "title": "", "text": f"{filler}{fact} {filler}"})
        queries.append({"_id": f"q{n}", "text": f"where does the {animal} sleep?"})
        qrels.append(f"q{n}\td{n}\t1")
        spans.append(
            {"query_id": f"q{n}", "doc_id": f"d{n}", "start": len(filler), "end": len(filler + fact)}
        )
    for name, rows in (("corpus", corpus), ("queries", queries), ("spans", spans)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "qrels.tsv").write_text("\n".join(qrels), encoding="utf-8")
    return folder


@pytest.fixture
def sets(tmp_path):
    return (write_set(tmp_path / "day", ANIMALS[:4]), write_set(tmp_path / "night", ANIMALS[2:]))


def run(**options):
    watch = NoWatch()
    return run_evaluation(RunOptions(encoder=HashEncoder(), **options), watch), watch


def test_documents_and_evidence_are_found_and_measured(sets):
    result, watch = run(data=sets[:1], baselines=True)
    figures = {s["name"]: s["figures"]["all"] for s in result.record["systems"]}
    assert list(figures) == ["longdoc", "BM25", "beginning"]
    assert figures["longdoc"]["nDCG@10"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "count": 4, "p": None}
    assert figures["longdoc"]["hit@10"]["mean"] == 1.0
    assert "hit@10" not in figures["BM25"]
    assert figures["BM25"]["acc@1"]["mean"] == 1.0
    assert watch.stages[:3] == ["loading", "indexing", "searching"]
    assert watch.done == 4


def test_costs_and_settings_are_in_the_record(sets):
    result, _ = run(data=sets[:1])
    costs = result.record["costs"]
    assert costs["ingest"]["added"] == 4
    assert costs["ingest"]["tokens"] > 1000
    assert costs["ingest"]["coverage"] == 1.0
    assert costs["ingest"]["tokens_per_second"] > 0
    assert 0 < costs["query"]["p50_ms"] <= costs["query"]["p95_ms"]
    assert costs["peak_memory_bytes"] > 10_000_000
    assert result.record["settings"]["encoder"]["model"] == "hash"
    assert result.record["versions"]["python"].startswith("3.")
    assert result.record["machine"]["cores"] >= 1


def test_texts_are_cut_as_asked(sets, tmp_path):
    stores = {split: tmp_path / split for split in ("syntax", "window-space")}
    segments = {}
    for split, store in stores.items():
        result, _ = run(data=sets[:1], split=split, store=store)
        assert result.record["settings"]["split"] == split
        assert result.record["systems"][0]["figures"]["all"]["hit@10"]["mean"] == 1.0
        with Retriever.open(store, encoder=HashEncoder()) as retriever:
            segments[split] = retriever.describe().segments
    assert segments["window-space"] > 1.5 * segments["syntax"]


def test_merged_sets_have_figures_of_their_own_under_their_own_query_ids(sets):
    result, _ = run(data=sets)
    ours = result.record["systems"][0]
    assert list(ours["figures"]) == ["all", "day", "night"]
    assert [one["nDCG@10"]["count"] for one in ours["figures"].values()] == [8, 4, 4]
    assert set(ours["per_query"]["night"]) == {"q0", "q1", "q2", "q3"}
    assert result.record["dataset"]["documents"] == 8


def test_a_kept_store_is_not_embedded_again(sets, tmp_path):
    run(data=sets[:1], store=tmp_path / "store")
    again, _ = run(data=sets[:1], store=tmp_path / "store")
    assert again.record["costs"]["ingest"]["unchanged"] == 4
    assert again.record["costs"]["ingest"]["tokens_per_second"] is None
    assert again.record["systems"][0]["figures"]["all"]["nDCG@10"]["mean"] == 1.0


def test_cached_vectors_give_the_same_figures(sets, tmp_path):
    plain, _ = run(data=sets[:1])
    for _ in range(2):
        cached, _ = run(data=sets[:1], encoder_cache=tmp_path / "vectors")
        assert cached.record["systems"] == plain.record["systems"]
        assert cached.record["settings"]["vectors_from_cache"] is True


def test_rankings_and_record_survive_being_written(sets, tmp_path):
    result, _ = run(data=sets[:1], queries=2)
    write_record(tmp_path / "a.json", result.record)
    write_run(tmp_path / "a.run", result.measurements[0].run, tag="longdoc")
    assert read_record(tmp_path / "a.json") == json.loads(json.dumps(result.record))
    assert read_run(tmp_path / "a.run") == result.measurements[0].run
    assert len(result.measurements[0].run) == 2


def test_the_table_names_every_set_system_and_cost(sets):
    result, _ = run(data=sets, baselines=True)
    written = StringIO()
    show_run(Console(file=written, width=200), result.record)
    text = written.getvalue()
    for part in ("day", "night", "BM25", "beginning", "evidence", "hit@1", "tokens/s", "p95", "coverage"):
        assert part in text


def test_a_half_without_queries_is_an_error(sets, tmp_path):
    lonely = write_set(tmp_path / "lonely", ANIMALS[:1])
    outcomes = []
    for which in ("a", "b"):
        try:
            outcomes.append(len(run(data=(lonely,), half=which)[0].measurements[0].run))
        except EvaluationError as error:
            outcomes.append(str(error))
    assert sorted(map(str, outcomes)) == ["1", "no query of lonely is left after sampling; ask for more"]


def test_two_records_are_compared_on_the_command_line(sets, tmp_path):
    result, _ = run(data=sets[:1], baselines=True)
    write_record(tmp_path / "a.json", result.record)
    arguments = ["compare", str(tmp_path / "a.json"), str(tmp_path / "a.json"), "--second-system", "BM25"]
    outcome = CliRunner().invoke(eval_, [*arguments, "--json", str(tmp_path / "c.json")])
    assert outcome.exit_code == 0, outcome.output
    comparison = json.loads((tmp_path / "c.json").read_text())
    assert (comparison["first"], comparison["second"], comparison["shared"]) == ("longdoc", "BM25", 4)
    assert {one["metric"] for one in comparison["metrics"]} == {"nDCG@10", "MRR@10", "Recall@100", "acc@1"}
