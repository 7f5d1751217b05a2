"""The files of a git repository at a revision, read from its objects, not from the working tree."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from encoders.errors import InvalidInputError
from indexers.connectors import Item
from indexers.locations import normal
from indexers.parsing import ParseLimits, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINK, _SUBMODULE = "120000", "160000"
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class GitConnector:
    """A git repository at one revision; tags are the hashes of the blobs.

    Attributes:
        repository: its folder, bare or not.
        revision: a branch, tag or commit.
        under: only this folder of it.
        limits: how large a file may be.
    """

    repository: Path
    revision: str = "HEAD"
    under: str = ""
    limits: ParseLimits = field(default_factory=ParseLimits)

    def items(self) -> Iterator[Item | Skipped]:
        """Yield the files in order of path, each with the commit in its metadata.

        Raises:
            InvalidInputError: no repository, or no such revision in it.
        """
        commit = self._git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.revision}^{{commit}}"
        )
        name = commit.decode().strip()
        where = ["--", f":(literal){self.under.rstrip('/')}"] if self.under else []
        listing = self._git("ls-tree", "-r", "-z", "--long", "--full-tree", name, *where)
        for line in filter(None, listing.split(b"\0")):
            facts, _, path = line.partition(b"\t")
            mode, _, blob, size = facts.decode().split()
            yield self._item(path.decode("utf-8", "replace"), mode, blob, size, name)

    def _item(self, path: str, mode: str, blob: str, size: str, commit: str) -> Item | Skipped:
        if mode == _SUBMODULE:
            return Skipped(path, "a submodule; index its own repository")
        if mode == _LINK:
            return Skipped(path, "a symbolic link")
        if int(size) > self.limits.file_bytes:
            return Skipped(
                path, f"{int(size):,} bytes are more than {self.limits.file_bytes:,}; raise the limit"
            )
        return Item(
            id=path,
            tag=blob,
            read=partial(self._git, "cat-file", "blob", blob),
            source=f"{normal(self.repository)}@{commit[:12]}:{path}",
            metadata={"commit": commit, "path": path},
        )

    def _git(self, *arguments: str) -> bytes:
        command = ["git", "-C", str(self.repository), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
        except FileNotFoundError as error:
            raise InvalidInputError("reading a git repository needs the command git; install it") from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip() or f"no revision {self.revision!r}"
            raise InvalidInputError(f"git {arguments[0]} in {self.repository}: {said}")
        return done.stdout
