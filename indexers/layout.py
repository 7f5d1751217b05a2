"""What lies where in the folder of a store.

::

    store.json                  format version
    lock                        who has it open
    owner.json, owner.log       the process that serves it, and what that process said
    text/                       pages of text, shared by all collections
    collections/NAME/           collection.json, and the engine's files in shard/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexers.durable import read_json, write_json
from indexers.errors import StoreFormatError

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
BEFORE_CLAIM = ("lock", "owner.json", "owner.log")


def claim(folder: Path) -> None:
    """Make a folder a store, or check that it is one.

    Raises:
        StoreFormatError: the folder holds something else, or a store of another format.
    """
    about = folder / "store.json"
    if about.exists():
        found = read_json(about).get("format")
        if found != FORMAT:
            raise StoreFormatError(
                f"{folder} has store format {found}, this version reads {FORMAT}", found=found, known=FORMAT
            )
        return
    if folder.is_dir() and any(path.name not in BEFORE_CLAIM for path in folder.iterdir()):
        raise StoreFormatError(
            f"{folder} is not empty and holds no store; name an empty or new folder", folder=str(folder)
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(about, {"format": FORMAT})
