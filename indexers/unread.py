"""Files that are not searchable, each with the reason, until they are read or gone.

One JSON file beside the collection's settings; it names files and holds none of their text.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from indexers.report import UnreadItem

if TYPE_CHECKING:
    from collections.abc import Collection as Several
    from collections.abc import Iterable

    from indexers.places import Place

_FILE = "unread.json"


class UnreadItems:
    """The files of a collection that could not be read. One writer at a time.

    Args:
        place: of the collection.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def all(self) -> list[UnreadItem]:
        """Return all of them by id."""
        if not self._place.exists(_FILE):
            return []
        return [UnreadItem(**one) for one in json.loads(self._place.read(_FILE))]

    def update(self, found: Iterable[UnreadItem], *, read: Several[str]) -> None:
        """Remember the outcome of a run.

        Args:
            found: what could not be read.
            read: ids that were read, or are gone.
        """
        before = {one.id: one for one in self.all()}
        after = {key: one for key, one in before.items() if key not in read}
        for one in found:
            known = before.get(one.id)
            same = known is not None and (known.reason, known.source) == (one.reason, one.source)
            after[one.id] = known if known is not None and same else one
        if after != before:
            rows = [asdict(one) for _, one in sorted(after.items())]
            self._place.write(_FILE, json.dumps(rows, ensure_ascii=False, indent=0).encode())
