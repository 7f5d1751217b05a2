"""Vector indexes of each kind, for tests that must hold on all of them.

``memory`` is the client library's stand-in in this process, ``stand-in`` the same
behind HTTP and ``grpc-stand-in`` behind gRPC, so that what goes over the wire is tested too.

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
from tests.qdrant_grpc import QdrantGrpcServer
from tests.qdrant_server import QdrantServer

SERVER = os.environ.get("QDRANT_URL", "")
KINDS = ["edge", "memory", "stand-in", "grpc-stand-in", *(["rest", "grpc"] if SERVER else [])]


@contextmanager
def opener(kind, folder):
    """Yield a function that opens the same index again and again."""
    if kind == "edge":
        yield lambda schema: EdgeIndex(folder / "shard", schema)
        return
    if kind == "stand-in":
        server = QdrantServer()
        try:
            with _remote(server.url, grpc_port=0) as opened:
                yield opened
        finally:
            server.close()
        return
    if kind == "grpc-stand-in":
        served = QdrantGrpcServer()
        try:
            with _remote("http://127.0.0.1:1", grpc_port=served.port) as opened:
                yield opened
        finally:
            served.close()
        return
    port = int(os.environ.get("QDRANT_GRPC_PORT", "6334"))
    with _remote(MEMORY if kind == "memory" else SERVER, grpc_port=port if kind == "grpc" else 0) as opened:
        yield opened


@contextmanager
def _remote(url, *, grpc_port):
    settings = RemoteSettings(
        url=url,
        prefix=f"test-{uuid4().hex[:12]}-",
        grpc_port=grpc_port,
    )
    client = connect(settings)
    check_server(client, settings)
    name = f"{settings.prefix}index"
    try:
        yield lambda schema: RemoteIndex(client, name, schema, settings)
    finally:
        client.delete_collection(name)
        client.close()
