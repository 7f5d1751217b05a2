"""Reads data sets in BEIR form, with gold evidence where a set has it.

A folder holds ``corpus.jsonl`` ({_id, title, text}), ``queries.jsonl`` ({_id, text}),
``qrels.tsv`` or ``qrels/<split>.tsv`` (query-id, corpus-id, score) and optionally
``spans.jsonl`` ({query_id, doc_id, start, end}: half-open code points of ``text``).
Other fields are ignored.

Source:
    Thakur et al. 2021, "BEIR", arXiv:2104.08663, for the first three files.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from encoders.types import Document, Span
from eval.errors import DataError
from eval.jsonl import at, integer_field, lines, objects, text_field
from eval.types import Dataset, GoldSpan, Query
from indexers.media_types import media_type_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


_NEEDED = "a BEIR folder needs corpus.jsonl, queries.jsonl and qrels.tsv or qrels/<split>.tsv"


def load_beir(folder: Path, *, split: str = "test") -> Dataset:
    """Load one folder.

    Raises:
        DataError: a file is missing or malformed, an id is given twice, or a judgement
            or span points to a query or document that is not there.
    """
    for name in ("corpus.jsonl", "queries.jsonl"):
        if not (folder / name).is_file():
            raise DataError(f"{folder} holds no {name}; {_NEEDED}", path=str(folder / name))
    documents = _corpus(folder / "corpus.jsonl")
    queries = _queries(folder / "queries.jsonl", origin=folder.resolve().name)
    qrels_path = _qrels_path(folder, split)
    qrels = _qrels(qrels_path, queries, documents)
    relevant = {query_id for query_id, grades in qrels.items() if any(g > 0 for g in grades.values())}
    if not relevant:
        raise DataError(f"{qrels_path} judges no document of any query as relevant", path=str(qrels_path))
    return Dataset(
        name=folder.resolve().name,
        origins=(folder.resolve().name,),
        documents=tuple(documents.values()),
        queries=tuple(query for query in queries.values() if query.id in relevant),
        qrels={query_id: qrels[query_id] for query_id in queries if query_id in relevant},
        spans=_spans(folder / "spans.jsonl", queries, documents),
        unjudged=tuple(query_id for query_id in queries if query_id not in relevant),
    )


def merge(datasets: Sequence[Dataset]) -> Dataset:
    """Put several sets into one; every id gets its set's name and a slash before it.

    A single set is returned as it is.

    Raises:
        DataError: two sets have the same name, or there is none.
    """
    if len(datasets) == 1:
        return datasets[0]
    names = [dataset.name for dataset in datasets]
    if not names or len(set(names)) < len(names):
        raise DataError(f"sets that are merged need distinct folder names, got {names}", names=names)
    prefixed = [_prefixed(dataset) for dataset in datasets]
    return Dataset(
        name=" + ".join(names),
        origins=tuple(names),
        documents=tuple(chain.from_iterable(one.documents for one in prefixed)),
        queries=tuple(chain.from_iterable(one.queries for one in prefixed)),
        qrels={query_id: grades for one in prefixed for query_id, grades in one.qrels.items()},
        spans={query_id: spans for one in prefixed for query_id, spans in one.spans.items()},
        unjudged=tuple(chain.from_iterable(one.unjudged for one in prefixed)),
    )


def media_type(*names: str) -> str:
    """Return the type of text that the first telling name tells, else ``text/plain``.

    A set holds text already, so a name that tells of a binary file tells nothing.
    """
    kinds = (media_type_of(name) for name in names)
    return next((kind for kind in kinds if kind.startswith("text/") and kind != "text/plain"), "text/plain")


def _prefixed(dataset: Dataset) -> Dataset:
    def name(local: str) -> str:
        return f"{dataset.name}/{local}"

    return replace(
        dataset,
        documents=tuple(replace(document, id=name(document.id)) for document in dataset.documents),
        queries=tuple(replace(query, id=name(query.id)) for query in dataset.queries),
        qrels={name(q): {name(d): grade for d, grade in of.items()} for q, of in dataset.qrels.items()},
        spans={
            name(q): tuple(replace(gold, doc_id=name(gold.doc_id)) for gold in spans)
            for q, spans in dataset.spans.items()
        },
        unjudged=tuple(map(name, dataset.unjudged)),
    )


def _corpus(path: Path) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for number, record in objects(path):
        doc_id = text_field(record, "_id", path, number)
        if doc_id in documents:
            raise at(path, number, f"the document id {doc_id!r} was given before; ids must be unique")
        title = text_field(record, "title", path, number) if record.get("title") else ""
        documents[doc_id] = Document(
            id=doc_id,
            text=text_field(record, "text", path, number),
            title=title,
            source=doc_id,
            media_type=media_type(doc_id, title),
        )
    if not documents:
        raise DataError(f"{path} holds no document", path=str(path))
    return documents


def _queries(path: Path, *, origin: str) -> dict[str, Query]:
    queries: dict[str, Query] = {}
    for number, record in objects(path):
        query_id = text_field(record, "_id", path, number)
        if query_id in queries:
            raise at(path, number, f"the query id {query_id!r} was given before; ids must be unique")
        text = text_field(record, "text", path, number)
        queries[query_id] = Query(id=query_id, text=text, origin=origin, local_id=query_id)
    return queries


def _qrels_path(folder: Path, split: str) -> Path:
    candidates = (folder / "qrels.tsv", folder / "qrels" / f"{split}.tsv")
    for path in candidates:
        if path.is_file():
            return path
    raise DataError(
        f"{folder} holds neither qrels.tsv nor qrels/{split}.tsv; {_NEEDED}",
        path=str(folder),
    )


def _qrels(
    path: Path, queries: Mapping[str, Query], documents: Mapping[str, Document]
) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for number, line in lines(path):
        fields = line.split("\t")
        if number == 1 and fields[0] == "query-id":
            continue
        query_id, doc_id, grade = _judgement(path, number, fields)
        _check_known(path, number, query_id, doc_id, queries, documents)
        if doc_id in qrels.setdefault(query_id, {}):
            raise at(path, number, f"query {query_id!r} and document {doc_id!r} are judged twice")
        qrels[query_id][doc_id] = grade
    return qrels


def _judgement(path: Path, number: int, fields: Sequence[str]) -> tuple[str, str, int]:
    if len(fields) != 3:
        raise at(
            path, number, f"expected query-id, corpus-id and score between tabs, found {len(fields)} fields"
        )
    try:
        return fields[0], fields[1], int(fields[2])
    except ValueError as error:
        raise at(path, number, f"the score {fields[2]!r} is no integer") from error


def _spans(
    path: Path, queries: Mapping[str, Query], documents: Mapping[str, Document]
) -> dict[str, tuple[GoldSpan, ...]]:
    if not path.exists():
        return {}
    spans: dict[str, tuple[GoldSpan, ...]] = {}
    for number, record in objects(path):
        query_id = text_field(record, "query_id", path, number)
        doc_id = text_field(record, "doc_id", path, number)
        _check_known(path, number, query_id, doc_id, queries, documents)
        start, end = (integer_field(record, key, path, number) for key in ("start", "end"))
        length = len(documents[doc_id].text)
        if not 0 <= start < end <= length:
            raise at(
                path, number, f"[{start}, {end}) is no part of document {doc_id!r} of {length} characters"
            )
        spans[query_id] = (*spans.get(query_id, ()), GoldSpan(doc_id=doc_id, span=Span(start, end)))
    return spans


def _check_known(
    path: Path,
    number: int,
    query_id: str,
    doc_id: str,
    queries: Mapping[str, Query],
    documents: Mapping[str, Document],
) -> None:
    if query_id not in queries:
        raise at(path, number, f"query {query_id!r} is not in queries.jsonl ({len(queries)} queries)")
    if doc_id not in documents:
        raise at(path, number, f"document {doc_id!r} is not in corpus.jsonl ({len(documents)} documents)")
