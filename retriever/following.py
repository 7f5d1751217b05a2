"""The engine of whatever collection a name means at the moment of each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexers.store import Store
    from retriever.engine import LocalEngine
    from retriever.protocols import Engine


def following(store: Store, name: str, engine_of: Callable[[str], LocalEngine]) -> Engine:
    """Return an engine that goes, call by call, where an alias goes.

    A call is about one collection from its beginning to its end, whatever the alias means by then.

    Args:
        store: knows the aliases.
        name: of a collection or an alias.
        engine_of: makes the engine of a collection; called once for each.
    """
    return cast("Engine", _Following(store, name, engine_of))


class _Following:
    def __init__(self, store: Store, name: str, engine_of: Callable[[str], LocalEngine]) -> None:
        self._store = store
        self._name = name
        self._engine_of = engine_of
        self._engines: dict[str, LocalEngine] = {}

    def __getattr__(self, name: str) -> Any:
        collection = self._store.meant(self._name)
        engine = self._engines.get(collection) or self._engines.setdefault(
            collection, self._engine_of(collection)
        )
        return getattr(engine, name)
