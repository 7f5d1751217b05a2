"""The package `mteb` itself measures our encoder and our retriever, on data of our own."""

from __future__ import annotations

from random import Random
from statistics import fmean

import pytest

from encoders.fake import HashEncoder
from encoders.types import Document
from eval.datasets import judged_dataset, plain_query
from eval.errors import EvaluationError
from eval.followir import instruction_following
from eval.report import report_page

pytestmark = [pytest.mark.filterwarnings("ignore")]  # of the libraries that mteb loads
pytest.importorskip("mteb", reason="pip install 'longdoc-retriever[mteb]'")

ANIMALS = ("otter", "heron", "badger", "lynx")


@pytest.fixture
def dataset():
    documents = [Document(id=name, text=f"A long tale. The {name} sleeps here. The end.") for name in ANIMALS]
    queries = [plain_query(f"q-{name}", f"where does the {name} sleep?", "tales") for name in ANIMALS]
    return judged_dataset("tales", documents, queries, {f"q-{name}": {name: 1} for name in ANIMALS})


@pytest.mark.parametrize("model", ["encoder", "retriever"])
def test_mteb_runs_one_of_its_tasks_with_our_models(dataset, model, monkeypatch, tmp_path):
    from eval.mteb_models import MtebEncoder, MtebRetriever, local_task, mteb_record, run_task

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    measured = MtebEncoder(HashEncoder()) if model == "encoder" else MtebRetriever(HashEncoder())
    try:
        scores = run_task(measured, local_task("LEMBQMSumRetrieval", dataset))
    finally:
        if isinstance(measured, MtebRetriever):
            measured.close()
    assert scores["ndcg_at_10"] == scores["main_score"] == 1.0
    settings = {"task": "LEMBQMSumRetrieval", "subset": None, "data": "tales", "model": model}
    assert "the main score is 1.000" in report_page([mteb_record(settings, scores)])


@pytest.mark.parametrize(("task", "subset"), [("CosQA", None), ("COIRCodeSearchNetRetrieval", "python")])
def test_code_tasks_run_on_local_data_one_subset_at_a_time(dataset, task, subset, monkeypatch, tmp_path):
    from eval.mteb_models import MtebEncoder, local_task, run_task

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    scores = run_task(MtebEncoder(HashEncoder()), local_task(task, dataset, subset))
    assert scores["ndcg_at_10"] == 1.0


@pytest.mark.parametrize("subset", [None, "cobol"])
def test_a_task_of_several_subsets_asks_for_one_of_them(subset):
    from eval.mteb_models import hub_task

    with pytest.raises(EvaluationError, match="python, javascript"):
        hub_task("COIRCodeSearchNetRetrieval", subset)


def test_mteb_sees_both_as_models_of_its_kinds(dataset):
    from mteb.models import EncoderProtocol, SearchProtocol

    from eval.mteb_models import MtebEncoder, MtebRetriever

    retriever = MtebRetriever(HashEncoder())
    retriever.close()
    assert isinstance(MtebEncoder(HashEncoder()), EncoderProtocol)
    assert isinstance(retriever, SearchProtocol)
    assert not isinstance(retriever, EncoderProtocol)


@pytest.mark.parametrize("seed", range(5))
def test_p_mrr_is_that_of_mteb(seed):
    from mteb._evaluators.retrieval_metrics import calculate_pmrr

    chance = Random(seed)
    documents = [f"d{n}" for n in range(40)]
    run = {
        f"{topic}-{version}": {d: chance.random() for d in chance.sample(documents, 30)}
        for topic in range(6)
        for version in ("og", "changed")
    }
    ruled_out = {str(topic): tuple(chance.sample(documents, 4)) for topic in range(6)}
    original, changed = (
        {q: scores for q, scores in run.items() if q.endswith(version)} for version in ("-og", "-changed")
    )
    ours = instruction_following(run, ruled_out)
    assert fmean(ours.values()) == pytest.approx(calculate_pmrr(original, changed, ruled_out))
