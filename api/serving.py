"""Runs the application until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket

import uvicorn

from api.app import create_app
from api.keys import KeyFile
from api.service import Service
from api.settings import Settings
from encoders.errors import InvalidInputError

logger = logging.getLogger(__name__)

_HEADER_BYTES = 32_768


class ServiceServer(uvicorn.Server):
    """A server over a service; calls at work may end before it stops, and streams are told to.

    Args:
        settings: of the service.
    """

    def __init__(self, settings: Settings) -> None:
        self.service = Service(settings)
        self.app = create_app(self.service)
        super().__init__(
            uvicorn.Config(
                self.app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                lifespan="on",
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=_HEADER_BYTES,
                limit_concurrency=settings.max_connections,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
            )
        )

    @property
    def url(self) -> str:
        """Where it listens, once it has started."""
        address = self.servers[0].sockets[0].getsockname()
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        return f"http://{host}:{address[1]}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        if self.started:
            logger.info("serving %s on %s", self.service.settings.store, self.url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more calls, let those at work end, then let go of the store."""
        self.service.closing = True
        await asyncio.sleep(0)
        await super().shutdown(sockets)


def check(settings: Settings) -> None:
    """Refuse to serve what nobody could use.

    Raises:
        InvalidInputError: keys are needed and there are none.
    """
    if settings.needs_key and not KeyFile(settings.keys_file).keys():
        raise InvalidInputError(
            f"listening on {settings.host} needs API keys and {settings.keys_file} holds none; make one: "
            f"longdoc keys create NAME --scope '*=admin' --store {settings.store}"
        )
