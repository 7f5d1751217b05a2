"""The BM25 weights of a collection and the mean lengths they were made with.

A weight needs the mean length of the collection, which moves as documents come. New
weights are made with the lengths that the stored ones were made with; when these are
too far from the true ones, all weights are made anew.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from indexers.catalogue import DOCUMENT, SEGMENT
from indexers.filters import And, Condition, Not, equals
from indexers.lexical import Bm25, reweigh, weigh
from indexers.settings import read_settings, write_settings
from indexers.types import DOCUMENT_LEXICAL, SEGMENT_DENSE, SEGMENT_LEXICAL, Point, SparseVector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from indexers.catalogue import Entry
    from indexers.places import Place
    from indexers.protocols import VectorIndex
    from indexers.types import Record

LARGEST_DRIFT = 0.05
_BATCH = 128
_VECTORS = (SEGMENT_DENSE, SEGMENT_LEXICAL, DOCUMENT_LEXICAL)


@dataclass(frozen=True, slots=True)
class Averages:
    """Lengths, in terms, that BM25 compares the length of a text with.

    Attributes:
        segment: the mean length of segments.
        document: the mean over all terms of the length of the document that a term stands in.
            The plain mean is a length that thousands of small files pull down, and then every
            long document counts as far too long.
    """

    segment: float
    document: float

    @staticmethod
    def over(entries: Iterable[Entry]) -> Averages | None:
        """Return the true lengths; None while there is no segment."""
        segments = segment_terms = terms = squares = 0
        for entry in entries:
            segments += entry.segments
            segment_terms += entry.segment_terms
            terms += entry.terms
            squares += entry.terms**2
        if not segments:
            return None
        return Averages(max(1.0, segment_terms / segments), max(1.0, squares / max(1, terms)))


class LexicalWeights:
    """Makes weights for one collection.

    Args:
        place: where the collection's settings are.
        index: where its points are.
        writing: held by whoever writes points that are there already.
    """

    def __init__(
        self, place: Place, index: VectorIndex, writing: AbstractContextManager[object] | None = None
    ) -> None:
        self._place = place
        self._index = index
        self._bm25 = Bm25()
        self._lock = threading.RLock()
        self._writing = writing or threading.RLock()
        self._averages: Averages | None = None
        self._settled = True
        self.reload()

    @property
    def averages(self) -> Averages:
        """The lengths that stored weights were made with.

        Raises:
            RuntimeError: before the first `prepare`, while there are no weights.
        """
        if self._averages is None:
            raise RuntimeError("no lexical weights were made yet")
        return self._averages

    def reload(self) -> None:
        """Read again what another process may have settled."""
        with self._lock:
            settings = read_settings(self._place)
            self._averages = Averages(**settings["averages"]) if settings["averages"] else None
            self._settled = settings.get("settled", True)

    def take(self, other: LexicalWeights) -> bool:
        """Go on with the mean lengths of another collection, whose points come; tell whether they differ."""
        with self._lock:
            if other._averages is None or other._averages == self._averages:
                return False
            self._keep(other._averages)
            return True

    def prepare(self, guess: Averages) -> None:
        """Begin with ``guess`` where no weight was made before."""
        with self._lock:
            if self._averages is None:
                self._keep(guess)

    def weigh(self, terms: Mapping[int, int], average: float) -> SparseVector:
        """Weigh the terms of a segment or document, given the mean length of its kind."""
        return weigh(terms, average=average, bm25=self._bm25)

    def settle(
        self,
        entries: Iterable[Entry],
        *,
        tolerance: float = LARGEST_DRIFT,
        let_pass: Callable[[], None] = lambda: None,
    ) -> bool:
        """Make all weights anew when the true mean lengths have moved away; tell whether that was done.

        Args:
            entries: the live documents.
            tolerance: how far, as a share of the true lengths, they may be off.
            let_pass: called before each write; waits for searches that are under way.
        """
        with self._lock:
            true, used = Averages.over(entries), self._averages
            if used is None or true is None:
                return False
            segment = _settled(used.segment, true.segment, tolerance)
            document = _settled(used.document, true.document, tolerance)
            if self._settled and (segment, document) == (used.segment, used.document):
                return False
            interrupted = not self._settled
            self._keep(Averages(segment, document), settled=False)
            if interrupted or segment != used.segment:
                self._remake(SEGMENT, SEGMENT_LEXICAL, segment, let_pass)
            if interrupted or document != used.document:
                self._remake(DOCUMENT, DOCUMENT_LEXICAL, document, let_pass)
            self._keep(Averages(segment, document), settled=True)
            return True

    def _keep(self, averages: Averages, *, settled: bool = True) -> None:
        self._averages, self._settled = averages, settled
        kept = {**read_settings(self._place), "averages": asdict(averages), "settled": settled}
        write_settings(self._place, kept)

    def _remake(self, point: str, name: str, average: float, let_pass: Callable[[], None]) -> None:
        """Write stale points anew, each whole, so that weight and average never disagree."""
        fresh = Condition("lexical_average", "$in", (average,))
        stale = And((equals("point", point), Not(fresh)))
        ids = [record.id for record in self._index.scroll(stale, payload=())]
        for start in range(0, len(ids), _BATCH):
            let_pass()
            with self._writing:  # no version may be committed between reading and writing its points
                records = self._index.retrieve(ids[start : start + _BATCH], vectors=_VECTORS)
                self._index.upsert([self._remade(record, name, average) for record in records])

    def _remade(self, record: Record, name: str, average: float) -> Point:
        vectors = dict(record.vectors)
        if isinstance(vector := vectors.get(name), SparseVector):
            vectors[name] = reweigh(
                vector,
                length=record.payload["terms"],
                old_average=record.payload["lexical_average"],
                new_average=average,
                bm25=self._bm25,
            )
        return Point(id=record.id, vectors=vectors, payload={**record.payload, "lexical_average": average})


def _settled(used: float, true: float, tolerance: float) -> float:
    """Return the length to use from now on: the one in use unless it is noticeably off."""
    return true if abs(used / true - 1) > tolerance else used
