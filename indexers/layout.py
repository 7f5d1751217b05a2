"""What lies where in the folder of a store.

::

    store.json                  format version, and where Qdrant is when it is a server
    lock                        who has it open
    owner.json, owner.log       the process that serves it, and what that process said
    keys.json, answers.sqlite   of a service over HTTP: its API keys, and answers kept for a day
    uploads/                    files that came over HTTP and wait for their job
    text/                       pages of text, shared by all collections
    aliases.json                which collection a name means, after a migration
    aliases/NAME                a further name that people gave: the collection it means
    collections/NAME/           collection.json, documents/, the engine's files in shard/, and scores/, which
                                is made from them again when it is missing

A store on a server keeps ``text/``, the aliases and ``collections/`` (without ``shard/`` and ``scores/``) at
the place that its settings name; several processes, each with a folder of its own, share them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from encoders.errors import InvalidInputError
from indexers.durable import read_json, refused_by_disk, write_json
from indexers.errors import StorageError, StoreFormatError
from indexers.remote_settings import RemoteSettings

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
UPLOADS = "uploads"
"""The folder of files that came over HTTP, each upload in one of its own."""
SPARE_BYTES = 256 << 20
"""What must stay free on the disk of a store: a full one kills the engine."""
SCORES = "scores"
REMOTE_BACKUP = "remote-backup.json"
"""The first file in the backup of a store on a server."""
BEFORE_CLAIM = ("lock", "owner.json", "owner.log", "keys.json", "answers.sqlite")


def claim(folder: Path, remote: RemoteSettings | None = None) -> RemoteSettings | None:
    """Make a folder a store, or check that it is one.

    Args:
        folder: made when it is missing.
        remote: keep the vectors in a Qdrant server; None keeps what the store has, an
            embedded engine when it is new.

    Returns:
        Where the server is; None for an embedded engine.

    Raises:
        StoreFormatError: the folder holds something else, or a store of another format.
        StorageError: the folder cannot be made.
        InvalidInputError: the store has its vectors in this folder, and a server was given.
    """
    about = folder / "store.json"
    if about.exists():
        return _known(folder, read_json(about), remote)
    if folder.is_dir() and any(path.name not in BEFORE_CLAIM for path in folder.iterdir()):
        raise StoreFormatError(
            f"{folder} is not empty and holds no store; name an empty or new folder", folder=str(folder)
        )
    make_folder(folder)
    _write(about, remote)
    return remote


def require_store(folder: Path) -> None:
    """Refuse a folder that is no store, making nothing; for work that only reads.

    Raises:
        StoreFormatError: it is none.
    """
    if not (folder / "store.json").is_file():
        raise StoreFormatError(
            f"there is no store in {folder}; make one with: longdoc index PATHS --store {folder}, "
            "or name another with --store",
            folder=str(folder),
        )


def make_folder(folder: Path) -> None:
    """Make a folder unless it is there.

    Raises:
        StorageError: it cannot be made; the message says why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if (refused := refused_by_disk(error.errno, folder)) is not None:
            raise refused from error
        raise StorageError(
            f"the folder {folder} cannot be made: {error.strerror}; name another one", folder=str(folder)
        ) from error


def choose_remote(folder: Path, given: str | RemoteSettings | None) -> RemoteSettings | None:
    """Return the server that a caller names, else the one that the environment names, else None.

    The environment says nothing to a store that keeps its vectors itself.

    Raises:
        InvalidInputError: the URL or the environment cannot be used.
    """
    if given is not None:
        return RemoteSettings(url=given) if isinstance(given, str) else given
    about = folder / "store.json"
    if about.exists() and not read_json(about).get("remote"):
        return None
    return RemoteSettings.from_environment()


def _known(folder: Path, about: dict[str, Any], remote: RemoteSettings | None) -> RemoteSettings | None:
    if (found := about.get("format")) != FORMAT:
        raise StoreFormatError(
            f"{folder} has store format {found}, this version reads {FORMAT}", found=found, known=FORMAT
        )
    kept = RemoteSettings.from_json(about["remote"]) if about.get("remote") else None
    if remote is None or remote == kept:
        return kept
    if kept is None:
        raise InvalidInputError(
            f"{folder} keeps its vectors itself, not in {remote.url}; open it without a server, "
            "or copy it into a new store that has one: longdoc copy"
        )
    _write(folder / "store.json", remote)  # the server moved, or is to be asked otherwise
    return remote


def _write(about: Path, remote: RemoteSettings | None) -> None:
    write_json(about, {"format": FORMAT, **({"remote": asdict(remote)} if remote else {})})
