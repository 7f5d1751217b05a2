"""Immutable blocks of rows: the vectors of many points, laid out so that thousands are scored at once.

A block holds dense vectors as one matrix and sparse ones term by term, as an inverted list.
Blocks lie in folders of ``.npy`` files that are mapped, not read.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexers.durable import sync_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.types import FloatArray

Integers: TypeAlias = NDArray[np.int32]
Terms: TypeAlias = NDArray[np.uint32]
Flags: TypeAlias = NDArray[np.bool_]
Keys: TypeAlias = NDArray[np.uint64]

_ARRAYS = (
    "starts",
    "ordinals",
    "keys",
    "key_rows",
    "spans",
    "kinds",
    "described",
    "dense",
    "terms",
    "term_starts",
    "rows",
    "weights",
)
_COPIED_AT_ONCE = 4_096
_NO_TERMS: Terms = np.zeros(0, dtype=np.uint32)
_NO_WEIGHTS: FloatArray = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Row:
    """One point: where it stands in its generation, its span and its vectors.

    Attributes:
        key: the first 64 bits of its point's id.
        kind: number of the segment's kind.
        described: its point tells what of a program it belongs to or defines.
        dense: ``(dim,)``, its vector; None when it has none.
        terms: ``(terms,)``, of its sparse vector.
        weights: ``(terms,)``, of each.
    """

    generation: str
    ordinal: int
    key: int
    start: int
    end: int
    kind: int
    described: bool
    dense: FloatArray | None
    terms: Terms
    weights: FloatArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Block:
    """Rows of some generations, those of each one after another by ordinal.

    Attributes:
        generations: of the rows.
        starts: ``(generations + 1,)``, where the rows of each begin.
        ordinals: ``(rows,)``.
        keys: ``(rows,)``, sorted.
        key_rows: ``(rows,)``, the row of each key.
        spans: ``(rows, 2)`` code points.
        kinds: ``(rows,)``.
        described: ``(rows,)``.
        dense: ``(rows, dim)`` unit vectors, zeros where there is none.
        terms: ``(terms,)``, sorted.
        term_starts: ``(terms + 1,)``, where the postings of each begin.
        rows: ``(postings,)``, which rows hold the term, rising within a term.
        weights: ``(postings,)``, how much it weighs there.
    """

    generations: tuple[str, ...]
    starts: Integers
    ordinals: Integers
    keys: Keys
    key_rows: Integers
    spans: Integers
    kinds: NDArray[np.uint8]
    described: Flags
    dense: FloatArray
    terms: Terms
    term_starts: NDArray[np.int64]
    rows: Integers
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.ordinals)

    def find(self, keys: Keys) -> Integers:
        """Return the row of each key, -1 where there is none."""
        if not len(self):
            return np.full(len(keys), -1, dtype=np.int32)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self) - 1)
        return np.where(self.keys[places] == keys, self.key_rows[places], -1).astype(np.int32)

    def postings(self, terms: Terms) -> list[tuple[int, int]]:
        """Return where the postings of each term begin and end; both are the same for a term nobody has."""
        if not len(self.terms):
            return [(0, 0)] * len(terms)
        places = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        found = self.terms[places] == terms
        begins, ends = self.term_starts[places], self.term_starts[places + 1]
        return list(zip(begins.tolist(), np.where(found, ends, begins).tolist(), strict=True))


def build(rows: Sequence[Row], dim: int) -> Block:
    """Lay out rows, in memory."""
    order = {generation: place for place, generation in enumerate(dict.fromkeys(r.generation for r in rows))}
    rows = sorted(rows, key=lambda row: (order[row.generation], row.ordinal))
    dense = np.zeros((len(rows), dim), dtype=np.float32)
    for place, row in enumerate(rows):
        if row.dense is not None and dim:
            dense[place] = row.dense
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    np.divide(dense, lengths, out=dense, where=lengths > 0)
    terms: Terms = np.concatenate([_NO_TERMS, *(row.terms for row in rows)])
    weights: FloatArray = np.concatenate([_NO_WEIGHTS, *(row.weights for row in rows)])
    holders = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row.terms) for row in rows])
    distinct, term_starts, by_term = _by_term(terms)
    numbers = np.array([order[row.generation] for row in rows], dtype=np.int64)
    keys, key_rows = _sorted_keys(np.array([row.key for row in rows], dtype=np.uint64))
    return Block(
        generations=tuple(order),
        starts=_starts(numbers, len(order)),
        ordinals=np.array([row.ordinal for row in rows], dtype=np.int32),
        keys=keys,
        key_rows=key_rows,
        spans=np.array([(row.start, row.end) for row in rows], dtype=np.int32).reshape(-1, 2),
        kinds=np.array([row.kind for row in rows], dtype=np.uint8),
        described=np.array([row.described for row in rows], dtype=np.bool_),
        dense=dense,
        terms=distinct,
        term_starts=term_starts,
        rows=holders[by_term],
        weights=weights[by_term],
    )


def write(block: Block, folder: Path) -> Block:
    """Write a block into a new folder, which appears when it is whole; return it mapped from there."""
    unfinished = _begin(folder)
    for name in _ARRAYS:
        np.save(unfinished / f"{name}.npy", getattr(block, name))
    return _finish(unfinished, folder, block.generations)


def merge(blocks: Sequence[Block], keep: Sequence[Flags], folder: Path) -> Block:
    """Write the rows of several blocks that are kept as one block; return it mapped from its folder.

    Vectors are copied in small parts, so that memory is that of the inverted lists alone.
    """
    order = {name: place for place, name in enumerate(dict.fromkeys(chain(*(b.generations for b in blocks))))}
    numbers = _kept([_numbers(block, order) for block in blocks], keep)
    ordinals = _kept([block.ordinals for block in blocks], keep)
    sorting = np.lexsort((ordinals, numbers))
    there = np.empty(len(sorting), dtype=np.int32)
    there[sorting] = np.arange(len(sorting), dtype=np.int32)
    present = np.unique(numbers)
    names = tuple(order)
    unfinished = _begin(folder)
    old_rows = [np.flatnonzero(kept) for kept in keep]
    origins = np.repeat(np.arange(len(blocks)), [len(old) for old in old_rows])[sorting]
    _write_dense(blocks, origins, np.concatenate(old_rows)[sorting], unfinished / "dense.npy")
    terms, holders, weights = [], [], []
    offset = 0
    for block, old in zip(blocks, old_rows, strict=True):
        moved = np.full(len(block), -1, dtype=np.int32)
        moved[old] = there[offset : offset + len(old)]
        offset += len(old)
        rows = moved[block.rows]
        held = rows >= 0
        terms.append(np.repeat(block.terms, np.diff(block.term_starts))[held])
        holders.append(rows[held])
        weights.append(block.weights[held])
    all_holders = np.concatenate(holders)
    distinct, term_starts, by_term = _by_term(np.concatenate(terms), all_holders)
    keys, key_rows = _sorted_keys(_kept([_keys(block) for block in blocks], keep)[sorting])
    arrays: dict[str, NDArray[Any]] = {
        "keys": keys,
        "key_rows": key_rows,
        "starts": _starts(np.searchsorted(present, numbers[sorting]), len(present)),
        "ordinals": ordinals[sorting],
        "spans": _kept([block.spans for block in blocks], keep)[sorting],
        "kinds": _kept([block.kinds for block in blocks], keep)[sorting],
        "described": _kept([block.described for block in blocks], keep)[sorting],
        "terms": distinct,
        "term_starts": term_starts,
        "rows": all_holders[by_term],
        "weights": np.concatenate(weights)[by_term],
    }
    for name, array in arrays.items():
        np.save(unfinished / f"{name}.npy", array)
    return _finish(unfinished, folder, tuple(names[number] for number in present.tolist()))


def read(folder: Path) -> Block:
    """Map a block from its folder."""
    generations = json.loads((folder / "generations.json").read_bytes())
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in _ARRAYS}
    return Block(generations=tuple(generations), **arrays)


def _write_dense(
    blocks: Sequence[Block], origins: NDArray[np.int64], rows: NDArray[np.int64], path: Path
) -> None:
    """Write vectors of several blocks in a new order: by writing, as a full disk kills who maps."""
    dim = blocks[0].dense.shape[1]
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), dim)}
        np.lib.format.write_array_header_1_0(file, header)
        for at in range(0, len(rows), _COPIED_AT_ONCE):
            from_blocks, some = origins[at : at + _COPIED_AT_ONCE], rows[at : at + _COPIED_AT_ONCE]
            part = np.empty((len(some), dim), dtype=np.float32)
            for number in np.unique(from_blocks).tolist():
                own = from_blocks == number
                part[own] = blocks[number].dense[some[own]]
            file.write(part.tobytes())


def _begin(folder: Path) -> Path:
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    return unfinished


def _finish(unfinished: Path, folder: Path, generations: Sequence[str]) -> Block:
    (unfinished / "generations.json").write_text(json.dumps(generations))
    for file in unfinished.iterdir():
        sync_path(file)
    unfinished.replace(folder)
    sync_path(folder.parent)
    return read(folder)


def _by_term(
    terms: Terms, holders: Integers | None = None
) -> tuple[Terms, NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct terms, where the postings of each begin, and the order by term and row."""
    order = np.argsort(terms, kind="stable") if holders is None else np.lexsort((holders, terms))
    ordered = terms[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(terms) else order
    return ordered[starts], np.append(starts, len(terms)).astype(np.int64), order


def _kept(arrays: Sequence[NDArray[Any]], keep: Sequence[Flags]) -> NDArray[Any]:
    return np.concatenate([array[kept] for array, kept in zip(arrays, keep, strict=True)])


def _sorted_keys(keys: Keys) -> tuple[Keys, Integers]:
    order = np.argsort(keys)
    return keys[order], order.astype(np.int32)


def _keys(block: Block) -> Keys:
    """Return the keys by row."""
    keys = np.empty(len(block), dtype=np.uint64)
    keys[block.key_rows] = block.keys
    return keys


def _starts(numbers: NDArray[np.int64], count: int) -> Integers:
    return np.searchsorted(numbers, np.arange(count + 1)).astype(np.int32)


def _numbers(block: Block, order: dict[str, int]) -> NDArray[np.int64]:
    own = np.array([order[name] for name in block.generations], dtype=np.int64)
    return np.repeat(own, np.diff(block.starts))
