"""Which versions of documents may be seen, which are being written, and which are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexers.catalogue import Entry


class Generations:
    """The state of a collection's versions; the collection's lock guards every change."""

    def __init__(self) -> None:
        self._dead: set[str] = set()
        self._in_progress: dict[str, str] = {}
        self._changes = 0

    @property
    def unseen(self) -> tuple[str, ...]:
        """Generations whose segments searches pass over."""
        in_progress = tuple(self._in_progress)  # first: what is given up meanwhile is among the dead
        return (*in_progress, *self._dead)

    @property
    def dead(self) -> tuple[str, ...]:
        """Generations that are or were replaced, deleted or given up, and not swept yet."""
        return tuple(self._dead)

    @property
    def texts(self) -> tuple[str, ...]:
        """References of the texts of versions that are being written."""
        return tuple(self._in_progress.values())

    def begin(self, entry: Entry) -> None:
        """A version is about to be written."""
        self._in_progress[entry.generation] = entry.text

    def give_up(self, generation: str) -> None:
        """A version will not become live."""
        if self._in_progress.pop(generation, None) is not None:
            self._dead.add(generation)

    def went_live(self, generation: str) -> None:
        """A version was committed, here or by another process."""
        self._in_progress.pop(generation, None)
        self._dead.discard(generation)

    def died(self, generations: Iterable[str]) -> None:
        """Versions are no longer live."""
        self._dead.update(generations)

    def swept(self, generations: Iterable[str]) -> None:
        """The segments of dead versions are gone."""
        self._dead.difference_update(generations)

    def is_in_progress(self, generation: str) -> bool:
        """Tell whether a version is being written."""
        return generation in self._in_progress

    @property
    def changes(self) -> int:
        """How often a change of documents began or ended; odd while one is under way."""
        return self._changes

    def start_or_end_change(self) -> None:
        """Documents are about to change in several steps, or are through with it."""
        self._changes += 1
