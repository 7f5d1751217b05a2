"""What happens when documents change: how much is embedded again, and what searches see meanwhile."""

from __future__ import annotations

import math
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from encoders.types import Document
from retriever import Retriever

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retriever.types import SearchResult

Answer: TypeAlias = list[tuple[Any, float]]
"""What is shown, row by row, each with its score."""

_QUERY = "what does the number say about alpha and omega"
_BYSTANDERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One paragraph of a long document was changed.

    Attributes:
        segments: of the document after the edit.
        embedded: of these, the ones that had to be embedded.
        first_s: what indexing the document took.
        again_s: what indexing it again took.
    """

    words: int
    segments: int
    embedded: int
    share: float
    first_s: float
    again_s: float


def edit_in_the_middle(folder: Path, *, words: int, encoder: str, seed: int = 1) -> Edit:
    """Index a document of so many words, change one paragraph in its middle, and index it again."""
    paragraphs = list(_paragraphs(words, seed=seed))
    middle = len(paragraphs) // 2
    with Retriever.open(folder, encoder=encoder, in_process=True) as retriever:
        retriever.encoder.embed(["warm"])
        first = retriever.add([_document(paragraphs)])
        paragraphs[middle] = "This paragraph was written anew, and it says something else now. " * 6
        again = retriever.add([_document(paragraphs)])
    segments = again.coverage.segments
    embedded = segments - again.segments_reused
    return Edit(
        words=words,
        segments=segments,
        embedded=embedded,
        share=embedded / segments,
        first_s=first.seconds,
        again_s=again.seconds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacing:
    """What a reader saw while one document was replaced again and again.

    Attributes:
        answers: searches that were answered meanwhile.
        versions_seen: different versions among them.
        mixed: answers that are those of no version; none may be.
        slowest_ms: the longest search.
    """

    replacements: int
    writers: int
    answers: int
    versions_seen: int
    mixed: int
    slowest_ms: float


def search_while_replacing(
    folder: Path, *, expected: Sequence[Answer], writers: int, encoder: str
) -> Replacing:
    """Replace one of some documents while a reader searches all the time.

    Every answer, with its documents, scores, spans and texts, must be the answer that a
    quiet store gives for one of the versions.

    Args:
        folder: for the store.
        expected: see `quiet_answers`; there are as many replacements.
        writers: that replace it, in turns.
        encoder: name.
    """
    replacements = len(expected)
    turns = iter(range(1, replacements))
    taking, stop = threading.Lock(), threading.Event()
    errors: list[BaseException] = []
    seen: list[tuple[int, bool]] = []
    slowest = 0.0

    def write() -> None:
        try:
            while True:
                with taking:
                    number = next(turns, None)
                if number is None:
                    return
                retriever.add([_numbered(number)])
        except BaseException as error:
            errors.append(error)

    with Retriever.open(folder / "store", encoder=encoder, in_process=True) as retriever:
        retriever.add([*_others(), _numbered(0)])
        threads = [threading.Thread(target=write) for _ in range(writers)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) or not stop.is_set():
            if not any(thread.is_alive() for thread in threads):
                stop.set()  # one more search after the last replacement
            started = time.perf_counter()
            found = retriever.search(_QUERY, limit=5)
            slowest = max(slowest, 1000 * (time.perf_counter() - started))
            number = _number_in(found)
            seen.append((number, _same(_shown(found), expected[number])))
        for thread in threads:
            thread.join()
        healthy = retriever.doctor().healthy
    if errors:
        raise errors[0]
    if not healthy:
        raise AssertionError("the doctor found something")
    return Replacing(
        replacements=replacements,
        writers=writers,
        answers=len(seen),
        versions_seen=len({number for number, _ in seen}),
        mixed=sum(not equal for _, equal in seen),
        slowest_ms=slowest,
    )


def quiet_answers(folder: Path, *, replacements: int, encoder: str) -> list[Answer]:
    """Return the answer to the question for each version of the document, each alone in a quiet store."""
    with Retriever.open(folder, encoder=encoder, in_process=True) as retriever:
        retriever.add([*_others(), _numbered(0)])
        answers = [_shown(retriever.search(_QUERY, limit=5))]
        for number in range(1, replacements):
            retriever.add([_numbered(number)])
            answers.append(_shown(retriever.search(_QUERY, limit=5)))
    return answers


def _numbered(number: int) -> Document:
    """Make the document that is replaced; all its versions have as many words."""
    choose = random.Random(number)
    lines = [
        f"number {number:05} says {' '.join(choose.choices(_WORDS, k=22))} alpha omega." for _ in range(30)
    ]
    return Document(id="replaced", text="\n".join(lines))


def _others() -> list[Document]:
    choose = random.Random(99)
    return [
        Document(
            id=f"other-{place}", text="\n".join(" ".join(choose.choices(_WORDS, k=26)) for _ in range(20))
        )
        for place in range(_BYSTANDERS)
    ]


_WORDS = ["alpha", "beta", "gamma", "delta", "omega", "number", "says", *(f"word{n}" for n in range(80))]


def _number_in(found: SearchResult) -> int:
    for hit in found:
        if hit.document.id == "replaced":
            words = hit.evidence[0].text.split()
            return int(words[words.index("says") - 1])
    raise AssertionError("the document that is replaced was not found")


def _shown(found: SearchResult) -> Answer:
    """Return what is shown, row by row, each with its score."""
    rows: Answer = []
    for hit in found:
        rows.append((hit.document.id, hit.score))
        rows += [((one.start, one.end, one.text), one.score) for one in hit.evidence]
    return rows


def _same(rows: Answer, others: Answer) -> bool:
    """Compare what is shown; sums of the same 32-bit numbers in another order differ in the last digits."""
    shown = [what for what, _ in rows] == [what for what, _ in others]
    return shown and all(
        math.isclose(mine, theirs, abs_tol=1e-4) for (_, mine), (_, theirs) in zip(rows, others, strict=True)
    )


def _document(paragraphs: list[str]) -> Document:
    return Document(id="long.txt", text="\n\n".join(paragraphs))


def _paragraphs(words: int, *, seed: int) -> list[str]:
    choose = random.Random(seed)
    vocabulary = [f"word{number}" for number in range(5_000)]
    paragraphs, left = [], words
    while left > 0:
        sentences = []
        for _ in range(choose.randint(2, 7)):
            length = choose.randint(6, 25)
            sentences.append(" ".join(choose.choices(vocabulary, k=length)).capitalize() + ".")
            left -= length
        paragraphs.append(" ".join(sentences))
    return paragraphs
