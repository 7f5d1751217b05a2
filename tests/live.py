"""A service over loopback, in a thread of the test's own process."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import httpx
import uvicorn

from api.app import create_app
from api.service import Service
from api.settings import Settings
from tests.support import stop_owner, wait_until

ENCODER = "hash:32"


@contextmanager
def serving(store, **settings):
    """Yield an app that is served, with ``url`` and ``service`` on its state."""
    chosen = Settings(store=store, port=0, **{"encoder": ENCODER, **settings})
    app = create_app(Service(chosen))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    app.state.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        wait_until(lambda: httpx.get(f"{app.state.url}/readyz").status_code == 200)
        yield app
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        stop_owner(store)
