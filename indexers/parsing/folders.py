"""Files in a folder, without those that nobody wants indexed, each left-out one by its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encoders.optional import require
from indexers.parsing.types import FoundFile, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PASSED_OVER = frozenset({"__pycache__", "node_modules"})
_IGNORE_FILE = ".gitignore"


@dataclass(frozen=True, slots=True)
class _Rules:
    """The patterns of one ignore file."""

    folder: Path
    spec: Any

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """Return whether the patterns leave ``path`` out; None when they do not speak of it."""
        relative = path.absolute().relative_to(self.folder).as_posix() + ("/" if is_folder else "")
        found: bool | None = self.spec.check_file(relative).include
        return found


def find_files(root: Path) -> Iterator[FoundFile]:
    """Walk over a file or folder in order of name.

    Left out are hidden files and folders, ``__pycache__``, ``node_modules``, symbolic
    links to folders, and what ``.gitignore`` files name; `survey` tells which. Ids are
    paths relative to ``root``, with slashes.

    Raises:
        FileNotFoundError: there is no such path.
    """
    return (found for found in survey(root) if isinstance(found, FoundFile))


def survey(root: Path) -> Iterator[FoundFile | Skipped]:
    """Walk like `find_files` and yield what is left out too, a folder as one item.

    Raises:
        FileNotFoundError: there is no such path.
    """
    if root.is_file():
        yield FoundFile(root, root.name)
        return
    if not root.is_dir():
        raise FileNotFoundError(f"no file or folder {root}")
    yield from _walk(root, root, _rules_above(root))


def _walk(root: Path, folder: Path, rules: tuple[_Rules, ...]) -> Iterator[FoundFile | Skipped]:
    rules = (*_rules_of(folder), *rules)
    for path in sorted(folder.iterdir()):
        name = path.relative_to(root).as_posix()
        if reason := _left_out(path, rules):
            yield Skipped(name, reason)
        elif path.is_dir():
            yield from _walk(root, path, rules)
        elif path.is_file():
            yield FoundFile(path, name)
        else:
            yield Skipped(name, "a broken link" if path.is_symlink() else "no regular file")


def _left_out(path: Path, rules: tuple[_Rules, ...]) -> str:
    if path.name.startswith("."):
        return "hidden"
    if path.name in _PASSED_OVER:
        return f"{path.name} holds what programs made"
    is_folder = path.is_dir()
    if is_folder and path.is_symlink():
        return "a symbolic link to a folder"
    for rule in rules:
        verdict = rule.verdict(path, is_folder=is_folder)
        if verdict is not None:
            return f"left out by {_IGNORE_FILE} in {rule.folder}" if verdict else ""
    return ""


def _rules_of(folder: Path) -> tuple[_Rules, ...]:
    path = folder / _IGNORE_FILE
    if not path.is_file():
        return ()
    pathspec = require("pathspec", extra="parsers")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return (_Rules(folder.absolute(), pathspec.GitIgnoreSpec.from_lines(lines)),)


def _rules_above(root: Path) -> tuple[_Rules, ...]:
    """Return the rules of the folders above, the nearest first, up to the top of the git repository.

    A folder that they leave out themselves was named on purpose: they say nothing about
    what is in it.
    """
    top = root.absolute()
    above: list[Path] = []
    while not (top / ".git").exists():
        if top.parent == top:
            return ()
        top = top.parent
        above.append(top)
    rules = tuple(rule for folder in above for rule in _rules_of(folder))
    named_all_the_same = any(_left_out(folder, rules) for folder in (root.absolute(), *above[:-1]))
    return () if named_all_the_same else rules
