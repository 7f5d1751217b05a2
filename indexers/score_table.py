"""All rows of one kind of point, in blocks that grow and are merged, and their exact scores.

A table is made from the index and can be made again from it at any time: nothing is lost with it.
"""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from indexers.durable import write_replacing
from indexers.guards import check_disk
from indexers.lexical import idf
from indexers.score_blocks import Block, Flags, Integers, Row, Terms, build, merge, read, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from encoders.types import FloatArray
    from indexers.types import SparseVector

logger = logging.getLogger(__name__)

_WRITTEN_AT = 2_048
_LARGE = 32_768
_POSTINGS = 64
"""So many postings take as long to lay out as a row; a whole document has thousands."""
_MERGED_AT_ONCE = 8
_MOST_RECENT = 8
_CHANGED = "changed"
_NO_ROWS: Integers = np.zeros(0, dtype=np.int32)


@dataclass(slots=True, eq=False)
class Part:
    """A block with what is known of its rows now.

    Attributes:
        number: names its folder and rises with time; -1 while it is in memory only.
        dropped: rows that were replaced or removed.
        alive: the other rows, of live versions.
        whole: all rows are alive.
    """

    block: Block
    number: int
    dropped: Flags
    alive: Flags
    whole: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """Rows of one generation, by ordinal."""

    part: Part
    start: int
    end: int

    def cosines(self, query: FloatArray) -> FloatArray:
        """Return the cosine of each row; a row without a vector has 0."""
        cosines: FloatArray = self.part.block.dense[self.start : self.end] @ query
        return cosines

    def bm25(self, weighed: WeighedTerms) -> FloatArray:
        """Return the BM25 of each row."""
        block = self.part.block
        scores: FloatArray = np.zeros(self.end - self.start, dtype=np.float32)
        for begin, end, weight in weighed[id(self.part)]:
            rows = block.rows[begin:end]
            low, high = np.searchsorted(rows, (self.start, self.end)).tolist()
            if high > low:
                scores[rows[low:high] - self.start] += weight * block.weights[begin + low : begin + high]
        return scores


WeighedTerms: TypeAlias = "dict[int, list[tuple[int, int, np.float32]]]"


@dataclass(frozen=True, kw_only=True)
class View:
    """The rows at one moment, counted over all parts.

    Attributes:
        parts: all of them.
        starts: ``(parts + 1,)``, where the rows of each begin.
        ranges: the rows of each generation, by ordinal.
        live: how many rows are of live versions.
        versions: the generations of all rows.
        numbers: for each part, the places of its generations among ``versions``.
    """

    parts: tuple[Part, ...]
    starts: tuple[int, ...]
    ranges: Mapping[str, tuple[Range, ...]]
    live: int
    versions: tuple[str, ...]
    numbers: tuple[Integers, ...]

    def __len__(self) -> int:
        return self.starts[-1]

    @cached_property
    def row_versions(self) -> Integers:
        """For each row the place of its generation among ``versions``."""
        every: Integers = np.concatenate(
            [_NO_ROWS]
            + [
                np.repeat(numbers, np.diff(part.block.starts))
                for part, numbers in zip(self.parts, self.numbers, strict=True)
            ]
        )
        return every

    @cached_property
    def _start_of(self) -> dict[int, int]:
        return {id(part): start for part, start in zip(self.parts, self.starts[:-1], strict=True)}

    def firsts(self, ranges: Sequence[Range]) -> NDArray[np.int64]:
        """Return the first row of each range."""
        start_of = self._start_of
        return np.array([start_of[id(one.part)] + one.start for one in ranges], dtype=np.int64)

    def rows(self, ranges: Sequence[Range]) -> NDArray[np.int64]:
        """Return the rows of ranges, one range after another."""
        if len(ranges) == 1:
            start = self._start_of[id(ranges[0].part)]
            return np.arange(start + ranges[0].start, start + ranges[0].end)
        counts = np.array([one.end - one.start for one in ranges], dtype=np.int64)
        before = np.cumsum(counts) - counts
        rows: NDArray[np.int64] = np.arange(counts.sum()) + np.repeat(self.firsts(ranges) - before, counts)
        return rows

    def alive(self) -> Flags | None:
        """Tell which rows are of live versions; None when all are."""
        if all(part.whole for part in self.parts):
            return None
        return np.concatenate([part.alive for part in self.parts])

    def cosines(self, query: FloatArray) -> FloatArray:
        """Return the cosine of every row; a row without a vector has 0."""
        cosines: FloatArray = np.empty(len(self), dtype=np.float32)
        for part, start in zip(self.parts, self.starts, strict=False):
            np.dot(part.block.dense, query, out=cosines[start : start + len(part.block)])
        return cosines

    def weigh(self, query: SparseVector) -> WeighedTerms:
        """Weigh a query's terms by their IDF over the live rows; for each part, where its postings are."""
        terms: Terms = np.array(query.indices, dtype=np.uint32)
        found = [part.block.postings(terms) for part in self.parts]
        weights = []
        for place, asked in enumerate(query.values):
            holders = sum(
                _holders(part, *spans[place]) for part, spans in zip(self.parts, found, strict=True)
            )
            weights.append(np.float32(asked * idf(holders, self.live) if holders else 0))
        return {
            id(part): [
                (*span, weight) for span, weight in zip(spans, weights, strict=True) if span[0] < span[1]
            ]
            for part, spans in zip(self.parts, found, strict=True)
        }

    def bm25(self, weighed: WeighedTerms) -> FloatArray:
        """Return the BM25 of every row; 0 where a row has no term or is not alive."""
        scores: FloatArray = np.zeros(len(self), dtype=np.float32)
        for part, start in zip(self.parts, self.starts, strict=False):
            own = scores[start : start + len(part.block)]
            for begin, end, weight in weighed[id(part)]:
                own[part.block.rows[begin:end]] += weight * part.block.weights[begin:end]
            if not part.whole:
                own *= part.alive
        return scores


def _holders(part: Part, begin: int, end: int) -> int:
    if part.whole or begin == end:
        return end - begin
    return int(np.count_nonzero(part.alive[part.block.rows[begin:end]]))


class ScoreTable:
    """Rows of points, to be scored exactly and many at once. Safe to use from several threads.

    Writers take turns; a search waits for none of them, as what they prepare takes the place
    of what was there in one step.

    Args:
        folder: of its blocks.
        dim: of dense vectors; 0 when the points have none.
    """

    def __init__(self, folder: Path, dim: int) -> None:
        self._folder = folder
        self._dim = dim
        self._writing = threading.RLock()
        self._lock = threading.RLock()
        self._live: set[str] = set()
        self._parts: list[Part] = []
        self._ranges: dict[str, tuple[Range, ...]] = {}
        self._open: dict[tuple[str, int], Row] = {}
        self._recent: list[Part] = []  # open rows, laid out by earlier looks
        self._unlaid: dict[tuple[str, int], Row] = {}  # the other open rows
        self._view: View | None = None
        self._next = 0
        self._marked = False
        self._read()

    def put(self, rows: Sequence[Row]) -> None:
        """Take over rows into memory; one of the same generation and ordinal is replaced."""
        with self._writing:
            with self._lock:
                self._drop(rows)
                self._open_up({(row.generation, row.ordinal): row for row in rows})
                if any(row.generation in self._live for row in rows):
                    self._view = None

    def tidy(self) -> None:
        """Write what has become much in memory, and merge blocks of which there are many.

        Raises:
            DiskSpaceError: too little room for them.
        """
        with self._writing:
            if _size(len(self._open), sum(len(row.terms) for row in self._open.values())) >= _WRITTEN_AT:
                self._write_open()
                self._merge_small()

    def set_live(self, generations: Iterable[str], *, live: bool) -> None:
        """Note that versions became live, or are no longer."""
        with self._lock:
            for generation in generations:
                if (generation in self._live) != live:
                    (self._live.add if live else self._live.discard)(generation)
                    self._refresh(generation)
                    self._view = None

    def remove(self, generations: Iterable[str]) -> None:
        """Forget the rows of versions for good."""
        gone = set(generations)
        if not gone:
            return
        with self._writing, self._lock:
            self._live -= gone
            remaining = {key: row for key, row in self._open.items() if key[0] not in gone}
            if len(remaining) < len(self._open):
                self._open = remaining
                self._lay_out_anew()
            for generation in gone:
                for one in self._ranges.pop(generation, ()):
                    one.part.dropped[one.start : one.end] = True
                    one.part.alive[one.start : one.end] = False
            self._view = None

    def view(self) -> View:
        """Return the rows of the live versions."""
        view = self._view
        if view is None:
            with self._lock:
                view = self._view = self._look()
        return view

    def counts(self) -> dict[str, int]:
        """Count the rows of each generation."""
        with self._lock:
            counted = {name: sum(one.end - one.start for one in own) for name, own in self._ranges.items()}
            for generation, _ in self._open:
                counted[generation] = counted.get(generation, 0) + 1
            return counted

    def close(self) -> None:
        """Write what is in memory; the next process maps it."""
        with self._writing, self._lock:
            if self._open:
                self._write_open()
                self._merge_small()
            (self._folder / _CHANGED).unlink(missing_ok=True)
            self._parts, self._ranges, self._view = [], {}, None
            self._recent, self._unlaid = [], {}

    def _read(self) -> None:
        """Map the blocks; none when rows were replaced by a process that died, or one cannot be read."""
        self._folder.mkdir(parents=True, exist_ok=True)
        spoilt = (self._folder / _CHANGED).exists()
        for path in self._folder.iterdir():
            if path.is_dir() and (spoilt or not path.name.isdigit()):
                shutil.rmtree(path)
        (self._folder / _CHANGED).unlink(missing_ok=True)
        folders = sorted((path for path in self._folder.iterdir() if path.is_dir()), key=_number)
        try:
            self._parts = [_part(read(path), _number(path)) for path in folders]
        except (OSError, ValueError, EOFError):  # cut short by a power cut, or another version's
            logger.warning("%s cannot be read and is made again", self._folder)
            for path in folders:
                shutil.rmtree(path)
            folders = []
        self._next = 1 + max(map(_number, folders), default=-1)
        self._drop_older()
        self._list_ranges()

    def _drop_older(self) -> None:
        """Of rows that were replaced, or merged by a process that died meanwhile, let the newest hold."""
        seen: dict[str, list[NDArray[np.int32]]] = {}
        for part in reversed(self._parts):
            for generation, start, end in _generations(part.block):
                own = part.block.ordinals[start:end]
                for newer in seen.setdefault(generation, []):
                    part.dropped[start:end] |= np.isin(own, newer)
                seen[generation].append(own)

    def _list_ranges(self) -> None:
        self._ranges = {}
        for part in self._parts:
            self._add_ranges(part, self._ranges)
        for generation in self._live & self._ranges.keys():
            self._refresh(generation)

    def _add_ranges(self, part: Part, ranges: dict[str, tuple[Range, ...]]) -> None:
        for generation, start, end in _generations(part.block):
            ranges[generation] = (*ranges.get(generation, ()), *_runs(part, start, end))

    def _refresh(self, generation: str) -> None:
        live = generation in self._live
        for one in self._ranges.get(generation, ()):
            one.part.alive[one.start : one.end] = live

    def _drop(self, rows: Sequence[Row]) -> None:
        """Drop what stands in blocks under the same generations and ordinals."""
        again: dict[str, list[int]] = {}
        for row in rows:
            if row.generation in self._ranges:
                again.setdefault(row.generation, []).append(row.ordinal)
        for generation, ordinals in again.items():
            remaining: list[Range] = []
            for one in self._ranges[generation]:
                place = slice(one.start, one.end)
                replaced = np.isin(one.part.block.ordinals[place], ordinals)
                if replaced.any():
                    self._mark()
                    one.part.dropped[place] |= replaced
                    one.part.alive[place] &= ~replaced
                remaining += _runs(one.part, one.start, one.end)
            self._ranges[generation] = tuple(remaining)

    def _mark(self) -> None:
        """Note on disk that blocks there hold rows that were replaced in memory."""
        if not self._marked:
            write_replacing(self._folder / _CHANGED, b"")
            self._marked = True

    def _open_up(self, rows: Mapping[tuple[str, int], Row]) -> None:
        again = any(key in self._open for key in rows)
        self._open.update(rows)
        if again:
            self._lay_out_anew()
        else:
            self._unlaid.update(rows)

    def _lay_out_anew(self) -> None:
        self._recent, self._unlaid = [], dict(self._open)

    def _look(self) -> View:
        parts, ranges = list(self._parts), dict(self._ranges)
        if len(self._recent) == _MOST_RECENT:
            self._lay_out_anew()
        if any(generation in self._live for generation, _ in self._unlaid):
            self._recent.append(_part(build(list(self._unlaid.values()), self._dim), -1))
            self._unlaid = {}
        for memory in self._recent:
            for generation, start, end in _generations(memory.block):
                memory.alive[start:end] = generation in self._live
            self._add_ranges(memory, ranges)
            parts.append(memory)
        live = 0
        for part in parts:
            alive = int(np.count_nonzero(part.alive))
            part.whole = alive == len(part.block)
            live += alive
        versions: dict[str, int] = {}
        numbers = [
            np.array([versions.setdefault(name, len(versions)) for name in part.block.generations], np.int32)
            for part in parts
        ]
        return View(
            parts=tuple(parts),
            starts=tuple(accumulate((len(part.block) for part in parts), initial=0)),
            ranges=ranges,
            live=live,
            versions=tuple(versions),
            numbers=tuple(numbers),
        )

    def _write_open(self) -> None:
        rows = list(self._open.values())
        check_disk(self._folder, about_to_write=sum(_row_bytes(row) for row in rows))
        part = _part(write(build(rows, self._dim), self._folder / str(self._next)), self._next)
        self._next += 1
        with self._lock:
            self._open, self._recent, self._unlaid = {}, [], {}
            self._parts.append(part)
            self._add_ranges(part, self._ranges)
            for generation in part.block.generations:
                self._refresh(generation)
            self._view = None

    def _merge_small(self) -> None:
        """Make one block of many small ones, and leave out what was dropped."""
        small = [
            part
            for part in self._parts
            if _size(len(part.block), len(part.block.rows)) < _LARGE or part.dropped.mean() > 1 / 2
        ]
        if len(small) < _MERGED_AT_ONCE:
            return
        kept = [~part.dropped for part in small]
        others = [part for part in self._parts if part not in small]
        parts = others
        if any(one.any() for one in kept):
            check_disk(self._folder, about_to_write=sum(_part_bytes(part) for part in small))
            merged = merge([part.block for part in small], kept, self._folder / str(self._next))
            parts = [*others, _part(merged, self._next)]
            self._next += 1
        with self._lock:
            self._parts = parts
            self._list_ranges()
            self._view = None
        for part in small:
            shutil.rmtree(self._folder / str(part.number))


def _number(folder: Path) -> int:
    return int(folder.name)


def _part(block: Block, number: int) -> Part:
    rows = len(block)
    return Part(block, number, np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.bool_))


def _generations(block: Block) -> Iterator[tuple[str, int, int]]:
    starts = block.starts.tolist()
    return zip(block.generations, starts[:-1], starts[1:], strict=True)


def _runs(part: Part, start: int, end: int) -> list[Range]:
    """Split rows where some were dropped."""
    if not part.dropped[start:end].any():
        return [Range(part, start, end)] if end > start else []
    kept = np.concatenate(([False], ~part.dropped[start:end], [False]))
    edges = (np.flatnonzero(kept[1:] != kept[:-1]) + start).reshape(-1, 2)
    return [Range(part, low, high) for low, high in edges.tolist()]


def _size(rows: int, postings: int) -> int:
    return max(rows, postings // _POSTINGS)


def _row_bytes(row: Row) -> int:
    return (0 if row.dense is None else row.dense.nbytes) + row.terms.nbytes + row.weights.nbytes + 64


def _part_bytes(part: Part) -> int:
    block = part.block
    return block.dense.nbytes + block.rows.nbytes + block.weights.nbytes + 64 * len(block)
