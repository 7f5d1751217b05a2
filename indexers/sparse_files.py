"""Files with holes: the engine's are mostly zeros, which need no room on the disk."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 20


def write_sparse(content: IO[bytes], path: Path) -> None:
    """Write all that is left of ``content`` into a new file, with holes where it holds zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        while block := content.read(_BLOCK):
            if block.count(0) == len(block):
                file.seek(len(block), os.SEEK_CUR)
            else:
                file.write(block)
        file.truncate()
