"""The SDK over a service: `Client`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from retriever.embedded import BaseRetriever
from retriever.remote.engine import HttpEngine
from retriever.remote.transport import HttpTransport, Patience

if TYPE_CHECKING:
    import httpx

KEY_VARIABLE = "LONGDOC_API_KEY"
_CONNECTIONS = 32


class Client(BaseRetriever):
    """Index and search over HTTP, with the methods, types and errors of `Retriever`.

        with Client("http://localhost:8000", collection="contracts") as r:
            r.index(["contracts/"])  # files of this machine, sent to the service
            for hit in r.search("who pays for termination?", limit=5):
                print(hit.document.id, hit.evidence[0].text)

    What only makes sense where the store is, `estimate`, `doctor`, `back_up`, `copy_to`, `migrate`
    and `sync`, raises `NotOfferedError`. Safe to use from several threads.

    Args:
        url: of the service.
        collection: its name there.
        api_key: by default the environment's ``LONGDOC_API_KEY``.
        timeout_s: how long to wait for an answer; indexing may take 11 minutes a call.
        attempts: how often to try when the service cannot be reached or is overloaded.
        transport: of httpx, for proxies and certificates.
    """

    def __init__(
        self,
        url: str,
        *,
        collection: str = "default",
        api_key: str | None = None,
        timeout_s: float = 60.0,
        attempts: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        http = HttpTransport(
            url,
            api_key=api_key if api_key is not None else os.environ.get(KEY_VARIABLE),
            patience=Patience(timeout_s=timeout_s, attempts=attempts),
            connections=_CONNECTIONS,
            transport=transport,
        )
        super().__init__(HttpEngine(http, collection=collection))
