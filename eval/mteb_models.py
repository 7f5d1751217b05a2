"""Our encoder and our whole retriever as models of the package `mteb`, and its tasks on local data.

`mteb` finds out what a model can do by the methods it has, so these two classes are
plain ones. Everything of `mteb` is imported when it is used; install it with
``pip install 'longdoc-retriever[mteb]'``.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from encoders.optional import require
from encoders.types import Document
from eval.errors import EvaluationError
from eval.machine import machine, versions
from eval.record import FORMAT, created_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from encoders.protocols import Encoder
    from encoders.types import FloatArray, TextKind
    from eval.jsonl import JSONObject
    from eval.types import Dataset

_EXTRA = "mteb"


class MtebEncoder:
    """An encoder as `mteb.EncoderProtocol`: one vector for a text, cosine similarity."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.mteb_model_meta = _meta(str(encoder.fingerprint["model"]), encoder)

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: object,
        hf_split: str,
        hf_subset: str,
        prompt_type: object = None,
        **options: object,
    ) -> FloatArray:
        """Embed batches of texts: ``(texts, dim)``; options of other models mean nothing here."""
        texts = [text for batch in inputs for text in batch["text"]]
        kind: TextKind = "query" if getattr(prompt_type, "value", prompt_type) == "query" else "document"
        return self._encoder.encode(texts, kind=kind)

    def similarity(self, left: Any, right: Any) -> Any:
        """Return cosines as a tensor ``(left, right)``; the vectors are unit rows."""
        torch = require("torch", extra="local")
        return torch.as_tensor(np.atleast_2d(np.asarray(left)) @ np.atleast_2d(np.asarray(right)).T)

    def similarity_pairwise(self, left: Any, right: Any) -> Any:
        """Return the cosine of each pair of rows as a tensor."""
        torch = require("torch", extra="local")
        return torch.as_tensor((np.asarray(left) * np.asarray(right)).sum(axis=1))


class MtebRetriever:
    """The whole retriever as `mteb.SearchProtocol`; every corpus goes into a store of its own."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._folder = tempfile.TemporaryDirectory(prefix="longdoc-mteb-")
        self._retriever: Any = None
        self._corpora = 0
        self.mteb_model_meta = _meta(f"{encoder.fingerprint['model']}-hybrid", encoder)

    def index(
        self,
        corpus: Iterable[Mapping[str, Any]],
        *,
        task_metadata: object,
        hf_split: str,
        hf_subset: str,
        encode_kwargs: object,
        num_proc: int | None = None,
        **options: object,
    ) -> None:
        """Index a corpus, forgetting the one before."""
        from retriever import Retriever

        self.close_store()
        self._corpora += 1
        self._retriever = Retriever.open(f"{self._folder.name}/{self._corpora}", encoder=self._encoder)
        self._retriever.add(
            Document(id=str(row["id"]), text=row["text"], title=row.get("title") or "") for row in corpus
        )

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        task_metadata: object,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        encode_kwargs: object,
        top_ranked: object = None,
        num_proc: int | None = None,
        **options: object,
    ) -> dict[str, dict[str, float]]:
        """Search for every query; scores fall with the rank, so that `mteb` keeps our order."""
        limit = min(top_k, 1000)
        found = {}
        for query in queries:
            hits = self._retriever.search(query["text"], limit=limit, evidence=1).hits
            found[str(query["id"])] = {hit.document.id: float(limit - n) for n, hit in enumerate(hits)}
        return found

    def close_store(self) -> None:
        """Close the store of the corpus at hand."""
        if self._retriever is not None:
            self._retriever.close()
            self._retriever = None

    def close(self) -> None:
        """Close the store and delete the files."""
        self.close_store()
        self._folder.cleanup()


def hub_task(name: str, subset: str | None = None) -> Any:
    """Return a retrieval task of `mteb` that loads its own data: from the hub, or from the hub's cache.

    Args:
        name: such as ``COIRCodeSearchNetRetrieval`` or ``CosQA``.
        subset: one of the task's, such as ``python``; may be left out where it has only one.

    Raises:
        EvaluationError: the task has other subsets, or several and none is named.
    """
    task = require("mteb", extra=_EXTRA).get_task(name)
    subsets = list(task.hf_subsets)
    if (subset is None and len(subsets) > 1) or (subset is not None and subset not in subsets):
        raise EvaluationError(
            f"{name} has the subsets {', '.join(subsets)}; name one with --subset",
            task=name,
            subset=subset or "",
        )
    task.hf_subsets = [subset or subsets[0]]
    return task


def local_task(name: str, dataset: Dataset, subset: str | None = None) -> Any:
    """Return a retrieval task of `mteb` that is evaluated on ``dataset`` instead of a download.

    Args:
        name: such as ``LEMBQMSumRetrieval``.
        dataset: takes the place of every split that the task evaluates.
        subset: see `hub_task`.
    """
    task = hub_task(name, subset)
    hub = require("datasets", extra=_EXTRA)
    split = {
        "corpus": hub.Dataset.from_list(
            [{"id": one.id, "title": one.title, "text": one.text} for one in dataset.documents]
        ),
        "queries": hub.Dataset.from_list([{"id": one.id, "text": one.text} for one in dataset.queries]),
        "relevant_docs": {query_id: dict(grades) for query_id, grades in dataset.qrels.items()},
        "top_ranked": None,
    }
    task.dataset = {task.hf_subsets[0]: dict.fromkeys(task.metadata.eval_splits, split)}
    task.data_loaded = True
    return task


def run_task(model: MtebEncoder | MtebRetriever, task: Any) -> dict[str, float]:
    """Let `mteb` evaluate a model on a task and return the scores of the task's first split.

    Results are neither read from nor written to `mteb`'s cache.
    """
    mteb = require("mteb", extra=_EXTRA)
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    scores = next(iter(result.task_results[0].scores.values()))[0]
    return {name: float(value) for name, value in scores.items() if isinstance(value, int | float)}


def mteb_record(settings: Mapping[str, object], scores: Mapping[str, float]) -> JSONObject:
    """Put the scores of `run_task` into a record."""
    return {
        "format": FORMAT,
        "kind": "mteb",
        "created_at": created_at(),
        "settings": dict(settings),
        "versions": versions(),
        "machine": machine(),
        "scores": dict(scores),
    }


def _meta(name: str, encoder: Encoder) -> Any:
    mteb = require("mteb", extra=_EXTRA)
    owned = name if "/" in name else f"longdoc/{name}"
    revision = str(encoder.fingerprint.get("revision") or "none")
    facts = {"name": owned, "revision": revision, "embed_dim": encoder.dim, "max_tokens": encoder.max_tokens}
    return mteb.models.ModelMeta.create_empty(overwrites=facts)
