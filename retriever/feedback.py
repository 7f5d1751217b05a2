"""What people say of answers, kept with the collection for `tune` and evaluation.

A file of JSON for each judged document of each answer, so that judging again replaces.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from retriever.errors import AnswerNotKnownError
from retriever.types import Judgement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.places import Place
    from retriever.types import SearchOptions, SearchResult

REMEMBERED = 10_000
_FOLDER = "feedback"


@dataclass(frozen=True, slots=True)
class _Answer:
    query: str
    filter: Mapping[str, Any] | None
    profile: str
    ranks: Mapping[str, int]


class AnswerMemory:
    """The last answers that were given, by request id. Safe to use from several threads.

    Args:
        size: how many.
    """

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, options: SearchOptions, result: SearchResult) -> SearchResult:
        """Keep an answer and return it with its request id, a new one unless the caller has one."""
        request_id = options.request_id or f"req_{uuid.uuid4().hex}"
        ranks = {hit.document.id: hit.rank for hit in result}
        answer = _Answer(options.query, options.filter, result.meta.profile, ranks)
        with self._lock:
            self._answers[request_id] = answer
            self._answers.move_to_end(request_id)
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)
        return replace(result, meta=replace(result.meta, request_id=request_id))

    def judge(self, request_id: str, doc_id: str, *, useful: bool, version: int) -> Judgement:
        """Make a judgement of a document under an answer.

        Raises:
            AnswerNotKnownError: the answer is forgotten, or another process gave it.
        """
        with self._lock:
            answer = self._answers.get(request_id)
        if answer is None:
            raise AnswerNotKnownError(
                f"no answer {request_id!r} is remembered; the last {self._size:,} of a collection are, by "
                "the process that gave them and as long as it runs",
                request_id=request_id,
            )
        return Judgement(
            request_id=request_id,
            query=answer.query,
            filter=answer.filter,
            profile=answer.profile,
            document_id=doc_id,
            version=version,
            rank=answer.ranks.get(doc_id),
            useful=useful,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )


def keep(place: Place, judgement: Judgement) -> None:
    """Write a judgement in place of an earlier one of the same answer and document."""
    name = sha256(f"{judgement.request_id}\0{judgement.document_id}".encode()).hexdigest()
    place.below(_FOLDER).write(f"{name}.json", msgspec.json.encode(judgement))


def kept(place: Place) -> list[Judgement]:
    """Return all judgements, the oldest first."""
    folder = place.below(_FOLDER)
    found = [msgspec.json.decode(folder.read(name), type=Judgement) for name in folder.names()]
    return sorted(found, key=lambda one: (one.created_at, one.request_id, one.document_id))
