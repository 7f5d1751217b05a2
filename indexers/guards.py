"""What is checked before a point reaches an engine, because engines accept or half-apply it."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING

import numpy as np

from encoders.errors import InvalidInputError
from indexers.errors import DiskSpaceError
from indexers.layout import SPARE_BYTES
from indexers.types import IndexSchema, Point, SparseVector, Vector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def check_points(points: Sequence[Point], schema: IndexSchema) -> None:
    """Refuse points with vectors that `check_vectors` refuses, all dense ones of a name at once.

    Raises:
        InvalidInputError: see `check_vectors`.
    """
    dense: dict[str, list[Sequence[float]]] = {}
    for point in points:
        for name, vector in point.vectors.items():
            if isinstance(vector, SparseVector) or len(vector) != schema.dense.get(name):
                check_vectors({name: vector}, schema)
            else:
                dense.setdefault(name, []).append(vector)
    for name, vectors in dense.items():
        squares = np.square(np.asarray(vectors, dtype=np.float64)).sum(axis=1)
        for place in np.flatnonzero(~np.isfinite(squares) | (squares == 0.0)).tolist():
            check_vectors({name: vectors[place]}, schema)


def check_vectors(vectors: Mapping[str, Vector], schema: IndexSchema) -> None:
    """Refuse vectors that the schema does not have or that cannot be compared.

    Raises:
        InvalidInputError: unknown name, wrong dimension, a value that is not finite,
            a dense vector of zeros, or repeated sparse indices.
    """
    for name, vector in vectors.items():
        if isinstance(vector, SparseVector):
            _check_sparse(name, vector, schema)
        else:
            if name not in schema.dense:
                raise _unknown(name, schema)
            if len(vector) != schema.dense[name]:
                raise InvalidInputError(
                    f"{name} has {schema.dense[name]} dimensions, got a vector of {len(vector)}", name=name
                )
            norm = math.fsum(value * value for value in vector)
            if not math.isfinite(norm) or norm == 0.0:
                raise InvalidInputError(f"{name} needs finite values that are not all zero", name=name)


def _check_sparse(name: str, vector: SparseVector, schema: IndexSchema) -> None:
    if name not in schema.sparse:
        raise _unknown(name, schema)
    if len(vector.indices) != len(vector.values) or len(set(vector.indices)) != len(vector.indices):
        raise InvalidInputError(f"{name} needs one value per index and no index twice", name=name)
    if not all(map(math.isfinite, vector.values)):
        raise InvalidInputError(f"{name} needs finite values", name=name)


def _unknown(name: str, schema: IndexSchema) -> InvalidInputError:
    known = [*schema.dense, *schema.sparse]
    message = f"no vector is called {name!r}; known: {', '.join(known)}"
    return InvalidInputError(message, name=name, known=known)


def check_disk(folder: Path, *, about_to_write: int = 0) -> None:
    """Refuse to write when the disk would be left with too little: a full disk kills the engine.

    Raises:
        DiskSpaceError: less than 256 MiB plus twice ``about_to_write`` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    needed = SPARE_BYTES + 2 * about_to_write
    if free < needed:
        raise DiskSpaceError(
            f"{free >> 20} MiB are free at {folder}, {needed >> 20} MiB are needed; nothing was written, "
            "free some space and run again",
            free=free,
            needed=needed,
        )
