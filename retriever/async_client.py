"""The SDK over a service, for programs with an event loop: `AsyncClient`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from retriever.async_embedded import BaseAsyncRetriever
from retriever.client import Client

if TYPE_CHECKING:
    import httpx

_CONNECTIONS = 32


class AsyncClient(BaseAsyncRetriever):
    """`Client` to be awaited: up to 32 calls at a time, each on a connection and a thread of its own.

    ``progress`` is called in the event loop. Cancelling an awaited call stops the waiting; what the
    service was asked to do goes on.

        async with AsyncClient("http://localhost:8000", collection="contracts") as r:
            result = await r.search("who pays for termination?")

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
        client = Client(
            url,
            collection=collection,
            api_key=api_key,
            timeout_s=timeout_s,
            attempts=attempts,
            transport=transport,
        )
        self._threads = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="longdoc-client")
        super().__init__(client, executor=self._threads)

    async def close(self) -> None:
        """Close the connections."""
        await super().close()
        self._threads.shutdown(wait=False)
        self._executor = None  # what is called after this is refused on a thread of the loop's
