"""A service over loopback, in a thread of the test's own process."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import httpx

from api.serving import ServiceServer
from api.settings import Settings
from tests.support import stop_owner, wait_until

ENCODER = "hash:32"


@contextmanager
def serving(store, *, ready=True, **settings):
    """Yield an app that is served, with ``url`` and ``service`` on its state; ``ready`` waits until it is."""
    chosen = Settings(store=store, port=0, **{"encoder": ENCODER, **settings})
    server = ServiceServer(chosen)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    app = server.app
    app.state.url, app.state.server = server.url, server
    try:
        wait_until(lambda: not ready or httpx.get(f"{server.url}/readyz").status_code == 200)
        yield app
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        stop_owner(store)
