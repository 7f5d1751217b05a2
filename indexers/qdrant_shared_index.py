"""A collection on a server that several processes read and one at a time writes.

Every change of a document is stamped with a number that grows, on the document's own
point or on a *tombstone* where the point is gone. Readers ask for what is newer than
what they know. Numbers are given out by the one writer (`indexers.leases`).
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from qdrant_client import QdrantClient, models

from indexers.catalogue import DOCUMENT
from indexers.filters import And, Condition, Filter, Or, equals
from indexers.qdrant_remote_filters import compile_filter
from indexers.qdrant_remote_index import RemoteIndex, to_remote
from indexers.sharing import EVERYTHING, MOVED, Change
from indexers.types import IndexSchema, Payload, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexers.remote_settings import RemoteSettings

SEQUENCE = "sequence"
TOMBSTONE = "tombstone"
KEEP_TOMBSTONES = timedelta(days=7)


class SharedIndex(RemoteIndex):
    """A remote index whose document points carry the number of their last change.

    Args:
        client: stays open.
        name: of the collection on the server.
        schema: vector names; the number is indexed in any case.
        settings: how it is made and asked.
    """

    def __init__(
        self, client: QdrantClient, name: str, schema: IndexSchema, settings: RemoteSettings
    ) -> None:
        self._may_write: Callable[[], None] = lambda: None
        stamped = IndexSchema(
            dense=schema.dense,
            sparse=schema.sparse,
            keywords=schema.keywords,
            integers=(*schema.integers, SEQUENCE),
        )
        super().__init__(client, name, stamped, settings)
        self._stamping = threading.RLock()
        self.seen = self.highest()

    def ask_before_writing(self, may_write: Callable[[], None]) -> None:
        """Call ``may_write`` before every try of a write; it raises when another process may write by now."""
        self._may_write = may_write

    def upsert(self, points: Sequence[Point]) -> None:
        """Write whole points, replacing those with the same id."""
        with self._stamping:
            number = self.seen + 1
            super().upsert([_stamped(point, number) for point in points])
            if any(point.payload.get("point") == DOCUMENT for point in points):
                self.seen = number

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Merge ``payload`` into the payload of the points that exist."""
        with self._stamping:
            number = self.seen + 1
            super().set_payload(ids, {**payload, SEQUENCE: number})
            self.seen = number

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points and leave word of it."""
        with self._stamping:
            super().delete(ids)
            if ids:
                self._leave_word(ids)

    def announce_everything(self) -> None:
        """Let readers read all anew, and drop word of what all of them have heard by now."""
        with self._stamping:
            self._leave_word([EVERYTHING])
            before = (datetime.now(UTC) - KEEP_TOMBSTONES).isoformat(timespec="seconds")
            super().delete_where(And((equals("point", TOMBSTONE), Condition("at", "$lt", before))))

    def announce_move(self) -> None:
        """Let every process know that another collection has taken the place of this one."""
        with self._stamping:
            self._leave_word([MOVED])

    def changes(self) -> list[Change]:
        """Return what changed since `seen`, in order."""
        kinds = Or((equals("point", DOCUMENT), equals("point", TOMBSTONE)))
        found = self.scroll(And((kinds, Condition(SEQUENCE, "$gt", self.seen))))
        changes = [
            Change(record.payload[SEQUENCE], record.payload, gone=record.payload.get("target", ""))
            for record in found
        ]
        return sorted(changes, key=lambda change: (change.sequence, not change.gone))

    def swap(self, point: Point, when: Filter) -> None:
        """Write a point where it is missing or the stored one matches; nothing happens otherwise."""
        row = models.PointStruct(id=point.id, vector=to_remote(point.vectors), payload=point.payload)
        self._call(
            self._client.upsert,
            "take turns",
            self._settings.retry_reads_s,
            points=[row],
            update_filter=compile_filter(when),
            wait=True,
            ordering=models.WriteOrdering.STRONG,
        )

    def _leave_word(self, targets: Sequence[str]) -> None:
        number = self.seen + 1
        at = datetime.now(UTC).isoformat(timespec="seconds")
        super().upsert(
            [
                Point(
                    id=str(uuid5(UUID(int=0), f"{TOMBSTONE}/{target}")),
                    vectors={},
                    payload={"point": TOMBSTONE, "target": target, SEQUENCE: number, "at": at},
                )
                for target in targets
            ]
        )
        self.seen = number

    def highest(self) -> int:
        """Return the number of the last change."""
        order = models.OrderBy(key=SEQUENCE, direction=models.Direction.DESC)
        found, _ = self._read(
            self._client.scroll,
            "find the last change",
            limit=1,
            order_by=order,
            with_payload=[SEQUENCE],
            consistency=self._consistency,
        )
        return int((found[0].payload or {})[SEQUENCE]) if found else 0


def _stamped(point: Point, number: int) -> Point:
    if point.payload.get("point") != DOCUMENT:
        return point
    return Point(id=point.id, vectors=point.vectors, payload={**point.payload, SEQUENCE: number})
