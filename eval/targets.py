"""Systems of other people, asked through the doors they have.

- ``http:URL`` (or the address itself): POST ``{"query", "limit"}``; the answer holds a list
  under ``hits``, ``results``, ``documents`` or ``data``.
- ``qdrant:URL/collection``: the query's vector by our encoder, or by the one named, sent to
  ``/points/query``; several points of one document count as its evidence.
- ``python:module:callable``: called as ``callable(query, limit)``.
- ``store:FOLDER/COLLECTION``: another collection of ours, such as ``contracts@2``, which a
  migration has filled and not switched to.

An item is a document id alone or an object with ``id`` (or ``doc_id``, ``document.id``,
``payload.doc_id``), optionally ``score``, ``start`` and ``end``, ``evidence`` (a list of
objects with ``start`` and ``end``). Items come best first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from encoders.types import Span
from eval.errors import TargetError
from eval.llm import post_json
from eval.types import Answer, Query, RankedDocument

if TYPE_CHECKING:
    from encoders.protocols import Encoder

Fetch: TypeAlias = Callable[[str, int], Sequence[object]]
"""(query, limit) to items, best first."""

_LISTS = ("hits", "results", "documents", "data", "points")


class Target:
    """A foreign system behind a function that fetches items."""

    def __init__(self, fetch: Fetch, *, limit: int) -> None:
        self._fetch = fetch
        self._limit = limit

    def answer(self, query: Query) -> Answer:
        """Ask, and put items of the same document together in order of the best."""
        start = perf_counter()
        items = self._fetch(query.text, self._limit)
        seconds = perf_counter() - start
        scores: dict[str, float] = {}
        spans: dict[str, list[Span]] = {}
        for place, item in enumerate(items):
            doc_id, score, found = _item(item, place)
            scores.setdefault(doc_id, score)
            spans.setdefault(doc_id, []).extend(found)
        ranked = [
            RankedDocument(doc_id=doc_id, score=score, evidence=tuple(spans[doc_id]))
            for doc_id, score in scores.items()
        ]
        return Answer(query_id=query.id, documents=tuple(ranked), seconds=seconds)


def open_target(
    address: str, *, limit: int, load: Callable[[], Encoder], using: str = "", timeout_s: float = 60
) -> Target:
    """Make a target of an address in one of the four forms.

    Args:
        address: see the module.
        limit: documents, or points of Qdrant, asked for.
        load: loads the encoder that embeds queries for Qdrant; not called for the others.
        using: name of the vector in Qdrant, empty for the unnamed one.
        timeout_s: for each query.

    Raises:
        TargetError: the address has none of the forms, or names no callable.
    """
    if address.startswith(("http://", "https://")):
        return Target(_http(address, timeout_s), limit=limit)
    kind, _, rest = address.partition(":")
    if kind == "http":
        return Target(_http(rest, timeout_s), limit=limit)
    if kind == "qdrant":
        return Target(_qdrant(rest, load(), using, timeout_s), limit=limit)
    if kind == "python":
        return Target(_python(rest), limit=limit)
    if kind == "store":
        return Target(_store(rest), limit=limit)
    raise TargetError(
        f"{address!r} is no target; write http:URL, qdrant:URL/collection, python:module:callable or "
        "store:FOLDER/COLLECTION"
    )


def _http(url: str, timeout_s: float) -> Fetch:
    def fetch(query: str, limit: int) -> Sequence[object]:
        return _list(post_json(url, {"query": query, "limit": limit}, timeout_s=timeout_s), url)

    return fetch


def _qdrant(rest: str, encoder: Encoder, using: str, timeout_s: float) -> Fetch:
    base, _, collection = rest.rstrip("/").rpartition("/")
    if not base.startswith(("http://", "https://")) or not collection:
        raise TargetError(f"write qdrant:http://host:6333/collection, got qdrant:{rest}")
    url = f"{base}/collections/{collection}/points/query"

    def fetch(query: str, limit: int) -> Sequence[object]:
        vector = encoder.encode([query], kind="query")[0].tolist()
        body: dict[str, object] = {"query": vector, "limit": limit, "with_payload": True}
        if using:
            body["using"] = using
        result = post_json(url, body, timeout_s=timeout_s).get("result")
        if not isinstance(result, dict):
            raise TargetError(f"{url} answered without a result object", url=url)
        return _list(result, url)

    return fetch


def _python(rest: str) -> Fetch:
    module, _, name = rest.partition(":")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise TargetError(f"python:{rest} cannot be loaded: {error}") from error
    if not callable(function):
        raise TargetError(f"python:{rest} is a {type(function).__name__}, not a callable")

    def fetch(query: str, limit: int) -> Sequence[object]:
        found = function(query, limit)
        if not isinstance(found, Sequence) or isinstance(found, str):
            raise TargetError(f"python:{rest} returned a {type(found).__name__}, not a list")
        return found

    return fetch


def _store(rest: str) -> Fetch:
    from retriever import Retriever

    folder, _, collection = rest.rstrip("/").rpartition("/")
    if not (Path(folder) / "store.json").is_file():
        raise TargetError(f"write store:FOLDER/COLLECTION with the folder of a store, got store:{rest}")

    def fetch(query: str, limit: int) -> Sequence[object]:
        with Retriever.open(folder, collection=collection) as other:
            hits = other.search(query, limit=limit).hits
        return [
            {
                "id": hit.document.id,
                "score": hit.score,
                "evidence": [{"start": one.start, "end": one.end} for one in hit.evidence],
            }
            for hit in hits
        ]

    return fetch


def _list(answer: Mapping[str, object], url: str) -> Sequence[object]:
    for name in _LISTS:
        found = answer.get(name)
        if isinstance(found, list):
            return found
    raise TargetError(f"{url} answered without a list under {', '.join(_LISTS)}; it has {sorted(answer)}")


def _item(item: object, place: int) -> tuple[str, float, list[Span]]:
    if isinstance(item, str):
        return item, float(-place), []
    if isinstance(item, tuple | list) and len(item) == 2:
        return str(item[0]), float(item[1]), []
    if not isinstance(item, Mapping):
        raise TargetError(f"item {place} is a {type(item).__name__}, neither an id nor an object")
    score = item.get("score")
    scored = float(score) if isinstance(score, int | float) else float(-place)
    payload = item.get("payload")
    sources = [item, payload] if isinstance(payload, Mapping) else [item]
    return _doc_id(item, place), scored, [span for source in sources for span in _spans(source)]


def _doc_id(item: Mapping[str, object], place: int) -> str:
    document, payload = item.get("document"), item.get("payload")
    candidates = (
        payload.get("doc_id") if isinstance(payload, Mapping) else None,
        item.get("doc_id"),
        document.get("id") if isinstance(document, Mapping) else None,
        item.get("id"),
    )
    for candidate in candidates:
        if candidate is not None:
            return str(candidate)
    raise TargetError(f"item {place} has no id; it has {sorted(map(str, item))}")


def _spans(item: Mapping[str, object]) -> Iterator[Span]:
    evidence = item.get("evidence")
    for one in [item, *(evidence if isinstance(evidence, list) else [])]:
        start, end = (one.get(key) if isinstance(one, Mapping) else None for key in ("start", "end"))
        if isinstance(start, int) and isinstance(end, int) and 0 <= start <= end:
            yield Span(start, end)
