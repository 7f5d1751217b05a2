"""Vector indexes of each kind, for tests that must hold on all of them.

``QDRANT_URL`` adds a real server; the collections made there are removed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from uuid import uuid4

from indexers.qdrant_edge_index import EdgeIndex
from indexers.qdrant_remote_calls import check_server, connect
from indexers.qdrant_remote_index import RemoteIndex
from indexers.remote_settings import MEMORY, RemoteSettings

SERVER = os.environ.get("QDRANT_URL", "")
KINDS = ["edge", "memory", *(["rest", "grpc"] if SERVER else [])]


@contextmanager
def opener(kind, folder):
    """Yield a function that opens the same index again and again."""
    if kind == "edge":
        yield lambda schema: EdgeIndex(folder / "shard", schema)
        return
    settings = RemoteSettings(
        url=MEMORY if kind == "memory" else SERVER,
        prefix=f"test-{uuid4().hex[:12]}-",
        grpc_port=int(os.environ.get("QDRANT_GRPC_PORT", "6334")) if kind == "grpc" else 0,
    )
    client = connect(settings)
    check_server(client, settings)
    name = f"{settings.prefix}index"
    try:
        yield lambda schema: RemoteIndex(client, name, schema, settings)
    finally:
        client.delete_collection(name)
        client.close()
