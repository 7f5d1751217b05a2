"""Segments to points: vectors embedded or taken over from an earlier version, weights, payload."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from encoders.coverage import measure_coverage
from encoders.types import Coverage
from indexers.catalogue import SEGMENT, shared_payload
from indexers.identifiers import segment_point
from indexers.lexical import count_terms
from indexers.lexical_weights import Averages
from indexers.types import SEGMENT_DENSE, SEGMENT_LEXICAL, Payload, Point, SparseVector, Vector

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from encoders.protocols import Encoder
    from encoders.types import Segment
    from indexers.catalogue import Entry
    from indexers.collection import Collection


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment to write.

    Attributes:
        entry: the version it belongs to.
        text: the document's text.
        known: readings of an earlier version, by hash, with the point that holds their vector.
        siblings: segments of the document, this one included.
    """

    entry: Entry
    text: str
    segment: Segment
    known: Mapping[str, str]
    siblings: int

    @property
    def reading(self) -> str:
        """What the encoder reads."""
        return self.segment.reading(self.text)

    @property
    def tile(self) -> str:
        """What the segment holds."""
        return self.segment.span.of(self.text)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a piece.

    Attributes:
        terms: of the tile alone: the tiles together are the document.
        length: in terms, with those of the breadcrumb, by which a piece of a long function is found too.
        tokens_read: by the encoder.
        reused: an earlier version had its vector.
    """

    terms: Counter[int]
    length: int
    coverage: Coverage
    tokens_read: int
    reused: bool


class SegmentWriter:
    """Writes segments of versions that are not live yet.

    Args:
        collection: where they go.
        encoder: makes the vectors that no earlier version has.
    """

    def __init__(self, collection: Collection, encoder: Encoder) -> None:
        self._collection = collection
        self._encoder = encoder

    def write(self, pieces: Sequence[Piece]) -> list[Written]:
        """Embed what is new, write all pieces as points, and say what became of each."""
        readings = [piece.reading for piece in pieces]
        hashes = [reading_hash(reading) for reading in readings]
        taken_over = self._earlier_vectors(pieces, hashes)
        fresh = [place for place, name in enumerate(hashes) if name not in taken_over]
        embedded = self._encoder.embed([readings[place] for place in fresh], kind="document")
        vectors: list[Vector] = [taken_over.get(name, ()) for name in hashes]
        ledgers: list[Coverage | None] = [None] * len(pieces)
        for place, vector, ledger in zip(fresh, embedded.vectors, embedded.coverage, strict=True):
            vectors[place] = vector.tolist() if np.any(vector) else ()
            ledgers[place] = ledger
        self._collection.readers.let_pass()
        terms = [count_terms(piece.tile, piece.entry.language) for piece in pieces]
        placed = [
            own + count_terms(piece.segment.breadcrumb, piece.entry.language)
            if piece.segment.breadcrumb
            else own
            for piece, own in zip(pieces, terms, strict=True)
        ]
        self._collection.weights.prepare(_first_averages(pieces, terms, placed))
        average = self._collection.weights.averages.segment
        self._collection.writer.write_segments(
            [self._point(*row, average) for row in zip(pieces, hashes, vectors, placed, strict=True)]
        )
        return [
            Written(
                own,
                length.total(),
                self._coverage(piece, ledger),
                ledger.tokens if ledger else 0,
                reused=ledger is None,
            )
            for piece, ledger, own, length in zip(pieces, ledgers, terms, placed, strict=True)
        ]

    def _earlier_vectors(self, pieces: Sequence[Piece], hashes: Sequence[str]) -> dict[str, Vector]:
        holders = {
            name: piece.known[name] for piece, name in zip(pieces, hashes, strict=True) if name in piece.known
        }
        records = self._collection.index.retrieve(sorted(set(holders.values())), vectors=(SEGMENT_DENSE,))
        vectors = {record.id: record.vectors.get(SEGMENT_DENSE, ()) for record in records}
        return {name: vectors[point] for name, point in holders.items() if point in vectors}

    def _coverage(self, piece: Piece, ledger: Coverage | None) -> Coverage:
        """Count the tile alone: a reading also holds context, which its own tile accounts for."""
        tokens = piece.segment.tokens
        if ledger is not None and ledger.complete:
            return Coverage(tokens=tokens, embedded=tokens, segments=1)
        [spans] = self._encoder.tokenizer.tokenize([piece.tile])
        return measure_coverage(piece.tile, spans)

    def _point(
        self, piece: Piece, text_hash: str, vector: Vector, terms: Counter[int], average: float
    ) -> Point:
        segment = piece.segment
        payload: Payload = {
            "point": SEGMENT,
            **shared_payload(piece.entry),
            "ordinal": segment.ordinal,
            "start": segment.span.start,
            "end": segment.span.end,
            "context_start": segment.context_start,
            "tokens": segment.tokens,
            "kind": segment.kind,
            "breadcrumb": segment.breadcrumb,
            "symbols": [symbol.name for symbol in segment.symbols],
            "symbol_kinds": [symbol.kind for symbol in segment.symbols],
            "symbol_lines": [symbol.line for symbol in segment.symbols],
            "text_hash": text_hash,
            "terms": terms.total(),
            "lexical_average": average,
        }
        vectors: dict[str, Vector] = {}
        if isinstance(vector, SparseVector) or len(vector):
            vectors[SEGMENT_DENSE] = vector
        if terms:
            vectors[SEGMENT_LEXICAL] = self._collection.weights.weigh(terms, average)
        return Point(
            id=segment_point(piece.entry.generation, segment.ordinal), vectors=vectors, payload=payload
        )


def reading_hash(reading: str) -> str:
    """Name what an encoder reads; equal names have equal vectors."""
    return blake2b(reading.encode(), digest_size=16).hexdigest()


def _first_averages(
    pieces: Sequence[Piece], terms: Sequence[Counter[int]], placed: Sequence[Counter[int]]
) -> Averages:
    """Guess the mean lengths of a new collection from its first batch; they are settled at the end."""
    siblings = {piece.entry.generation: piece.siblings for piece in pieces}
    segment = sum(of.total() for of in placed) / len(pieces)
    document = sum(of.total() for of in terms) / len(pieces) * sum(siblings.values()) / len(siblings)
    return Averages(max(1.0, segment), max(1.0, document))
