"""Write the points of an embedded index into new files, in a process of its own.

    python -m indexers.qdrant_rewriting < JSON

The engine keeps the bytes of what was deleted or replaced. It holds Python's lock in
every call and can be open in one process only, so the index itself copies nothing: this
process takes a copy of its files, writes every point into a new index beside them, and
ends; then the index changes over to the new files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexers.durable import sync_path
from indexers.errors import DiskSpaceError, StorageError
from indexers.guards import check_disk
from indexers.sparse_files import write_sparse
from indexers.types import IndexSchema, Point

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.types import FieldKind, Record

_FRESH, _COPY, _OLD = ".new", ".copy", ".old"
_AT_ONCE = 512


def rewritten(folder: Path, schema: IndexSchema, fields: Mapping[str, FieldKind]) -> Path:
    """Write all points of an index into new files and return their folder; `change_over` comes next.

    Args:
        folder: of the index; nobody writes to it meanwhile, and it was flushed.
        schema: of the index.
        fields: payload fields that filters find quickly.

    Raises:
        DiskSpaceError: there is no room for both; nothing has changed.
        StorageError: the other process failed; nothing has changed.
    """
    forget_leftovers(folder)
    check_disk(folder, about_to_write=size_on_disk(folder))
    given = {"folder": str(folder), "schema": asdict(schema), "fields": dict(fields)}
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    run = subprocess.run(
        [sys.executable, "-m", "indexers.qdrant_rewriting"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    if run.returncode:
        forget_leftovers(folder)
        if run.returncode == -signal.SIGBUS:
            raise DiskSpaceError(f"the disk of {folder} became full; nothing has changed", path=str(folder))
        said = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        raise StorageError(f"{folder} could not be written anew: {said}", path=str(folder))
    return _beside(folder, _FRESH)


def change_over(folder: Path, fresh: Path) -> None:
    """Put new files in the place of those of an index that is closed."""
    old = _beside(folder, _OLD)
    folder.rename(old)
    fresh.rename(folder)
    sync_path(folder.parent)
    shutil.rmtree(old)


def forget_leftovers(folder: Path) -> None:
    """Undo a change that a crash has interrupted."""
    old = _beside(folder, _OLD)
    if old.exists() and not folder.exists():
        old.rename(folder)
    for name in (_FRESH, _COPY, _OLD):
        shutil.rmtree(_beside(folder, name), ignore_errors=True)


def size_on_disk(folder: Path) -> int:
    """Return the bytes of the blocks that the files of a folder take."""
    return sum(512 * path.lstat().st_blocks for path in folder.rglob("*"))


def rewrite(folder: Path, schema: IndexSchema, fields: Mapping[str, FieldKind]) -> None:
    """Write every point of a copy of ``folder`` into a new index beside it."""
    from indexers.qdrant_edge_index import EdgeIndex

    copy = _beside(folder, _COPY)
    shutil.copytree(folder, copy, copy_function=copy_sparse)
    source, target = EdgeIndex(copy, schema), EdgeIndex(_beside(folder, _FRESH), schema)
    for field, kind in fields.items():
        target.index_field(field, kind)
    names = (*schema.dense, *schema.sparse)
    waiting: list[Point] = []
    for record in source.scroll(None, vectors=names):
        waiting.append(_point(record))
        if len(waiting) == _AT_ONCE:
            target.upsert(waiting)
            waiting = []
    target.upsert(waiting)
    target.close()
    source.close()
    shutil.rmtree(copy)


def _point(record: Record) -> Point:
    return Point(id=record.id, vectors=record.vectors, payload=record.payload)


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(folder.name + ending)


def copy_sparse(source: str, target: str) -> None:
    """Copy a file and leave holes where it holds zeros."""
    with Path(source).open("rb") as content:
        write_sparse(content, Path(target))


def main() -> None:
    """Do what standard input says."""
    given: dict[str, Any] = json.load(sys.stdin)
    schema: dict[str, Any] = {
        name: tuple(of) if isinstance(of, list) else of for name, of in given["schema"].items()
    }
    rewrite(Path(given["folder"]), IndexSchema(**schema), given["fields"])


if __name__ == "__main__":
    main()
