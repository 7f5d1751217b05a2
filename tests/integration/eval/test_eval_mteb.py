"""The package `mteb` itself measures our encoder and our retriever, on data of our own."""

from __future__ import annotations

import pytest

from encoders.fake import HashEncoder
from encoders.types import Document
from eval.datasets import judged_dataset, plain_query

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
    from eval.mteb_models import MtebEncoder, MtebRetriever, local_task, run_task

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    measured = MtebEncoder(HashEncoder()) if model == "encoder" else MtebRetriever(HashEncoder())
    try:
        scores = run_task(measured, local_task("LEMBQMSumRetrieval", dataset))
    finally:
        if isinstance(measured, MtebRetriever):
            measured.close()
    assert scores["ndcg_at_10"] == scores["main_score"] == 1.0


def test_mteb_sees_both_as_models_of_its_kinds(dataset):
    from mteb.models import EncoderProtocol, SearchProtocol

    from eval.mteb_models import MtebEncoder, MtebRetriever

    retriever = MtebRetriever(HashEncoder())
    retriever.close()
    assert isinstance(MtebEncoder(HashEncoder()), EncoderProtocol)
    assert isinstance(retriever, SearchProtocol)
    assert not isinstance(retriever, EncoderProtocol)
