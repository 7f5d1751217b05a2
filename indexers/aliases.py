"""Further names of collections, which people give and move; one file each, so that none is lost to another.

A collection goes before an alias of its name, so calls that name a collection read no file here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexers.places import Place

FOLDER = "aliases"


class Aliases:
    """The aliases of a store, read anew by each call: other processes write them too.

    Args:
        place: of the store.
    """

    def __init__(self, place: Place) -> None:
        self._place = place.below(FOLDER)

    def all(self) -> dict[str, str]:
        """Return the collection that each alias means, by alias."""
        found = {name: self.target(name) for name in self._place.names()}
        return {name: target for name, target in found.items() if target is not None}

    def target(self, name: str) -> str | None:
        """Return the collection that a name means as an alias; None when it is none."""
        try:
            return self._place.read(name).decode()
        except FileNotFoundError:
            return None

    def set(self, name: str, collection: str) -> None:
        """Let a name mean a collection: whoever reads it finds the one before or this one."""
        self._place.write(name, collection.encode())

    def remove(self, name: str) -> None:
        """Forget an alias."""
        self._place.remove(name)
