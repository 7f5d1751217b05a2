"""Question in, answers out: long documents with the evidence in them.

`Retriever` searches a store on this machine, `Client` asks a service over HTTP; `AsyncRetriever`
and `AsyncClient` do so off the event loop. All four have the same methods.
Importing this package loads no model library; the parts come in when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encoders.types import Document
    from retriever.async_client import AsyncClient
    from retriever.async_embedded import AsyncRetriever
    from retriever.client import Client
    from retriever.embedded import Retriever

__all__ = ["AsyncClient", "AsyncRetriever", "Client", "Document", "Retriever", "__version__"]
__version__ = "0.1.0"

_HOMES = {
    "AsyncClient": "retriever.async_client",
    "AsyncRetriever": "retriever.async_embedded",
    "Client": "retriever.client",
    "Document": "encoders.types",
    "Retriever": "retriever.embedded",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _check_siblings() -> None:
    """Name the intruder when another package answers to one of our generic names."""
    for name in ("encoders", "indexers"):
        spec = find_spec(name)
        origin = Path(spec.origin).parent if spec and spec.origin else None
        if (
            origin is None
            or not (origin / "py.typed").is_file()
            or origin.parent != Path(__file__).parent.parent
        ):
            raise ImportError(
                f"longdoc-retriever needs its own package {name!r}, but {origin or 'nothing'} answers to "
                "that name; rename that folder or package, or start Python elsewhere"
            )


_check_siblings()
