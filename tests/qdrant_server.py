"""A small HTTP server in the place of Qdrant: its REST for what our adapter asks, and faults on demand.

Behind it is the client library's own stand-in, so answers mean what they mean there.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import ssl
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models

VERSION = "1.20.0"


class QdrantServer:
    """Serves on a free port of loopback until closed.

    ``tls`` is a private key and a certificate, PEM.
    ``fault`` is asked before each request with its method and path and may return
    ``"500"``, ``"cut"`` (nothing was done, the connection drops), ``"cut after"`` (it was
    done, the answer is lost) or ``"hang"`` (it was done, the answer comes too late).
    """

    def __init__(self, *, hang_s=1.5, version=VERSION, tls=None):
        self.client = QdrantClient(":memory:")
        self.fault = lambda method, path: None
        self.requests = []
        self.hang_s = hang_s
        self.version = version
        self.nodes = 1
        self.snapshots = {}
        self.lock = threading.Lock()
        self.port = 0
        self._http = None
        self._tls = _context(*tls) if tls else None
        self.start()

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        handler = type("Handler", (_Handler,), {"qdrant": self})
        self._http = _Http(("127.0.0.1", self.port), handler)
        self.port = self._http.server_address[1]
        if self._tls:
            self._http.socket = self._tls.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        self._http.shutdown()
        self._http.server_close()

    def vanish(self, seconds):
        """Refuse connections for a while; what was stored stays."""
        self.stop()

        def come_back():
            time.sleep(seconds)
            self.start()

        threading.Thread(target=come_back, daemon=True).start()

    def close(self):
        self.stop()
        self.client.close()

    def answer(self, method, path, body):
        """Do what a request asks and return its result."""
        parts = path.strip("/").split("/")
        if path == "/":
            return None
        if path == "/cluster":
            peers = {str(number): {} for number in range(self.nodes)}
            return {"status": "enabled", "peers": peers} if self.nodes > 1 else {"status": "disabled"}
        if parts[0] != "collections":
            raise KeyError(path)
        if len(parts) == 1:
            return self.client.get_collections()
        if parts[1] == "aliases":
            changes = TypeAdapter(models.ChangeAliasesOperation).validate_python(body)
            return self.client.update_collection_aliases(changes.actions)
        if parts[2:3] == ["snapshots"]:
            return self.answer_snapshot(method, parts[1], parts[3:], body)
        return _OPERATIONS[(method, "/".join(parts[2:]))](self.client, parts[1], body)

    def answer_snapshot(self, method, name, rest, body):
        """Make, send, remove or take back a snapshot: a collection's settings and points in one file."""
        if method == "POST" and not rest:
            params = self.client.get_collection(name).config.params
            points, _ = self.client.scroll(name, limit=1_000_000, with_vectors=True)
            data = pickle.dumps((params.vectors, params.sparse_vectors, points))
            made = f"{name}-{len(self.snapshots)}.snapshot"
            self.snapshots[made] = data
            digest = hashlib.sha256(data).hexdigest()
            return {"name": made, "size": len(data), "checksum": digest, "creation_time": None}
        if rest == ["upload"]:
            vectors, sparse, points = pickle.loads(_only_part(body))
            self.client.create_collection(name, vectors_config=vectors, sparse_vectors_config=sparse)
            rows = [models.PointStruct(id=one.id, vector=one.vector, payload=one.payload) for one in points]
            self.client.upload_points(name, rows)
            return True
        return self.snapshots[rest[0]] if method == "GET" else bool(self.snapshots.pop(rest[0]))


def _context(key, certificate):
    """What speaks TLS with a key and a certificate, PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(key + certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return context


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    qdrant = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self):
        self.serve()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.qdrant.requests.append((self.command, path, len(body), dict(self.headers)))
        fault = self.qdrant.fault(self.command, path)
        if fault == "cut":
            self.cut()
            return
        if fault == "500":
            self.reply(500, {"status": {"error": "Service internal error: on demand"}})
            return
        status, answer = self.work(path, body)
        if fault == "cut after":
            self.cut()
            return
        if fault == "hang":
            time.sleep(self.qdrant.hang_s)
        self.reply(status, answer)

    def work(self, path, body):
        if path == "/":
            return 200, {"title": "stand-in", "version": self.qdrant.version}
        try:
            with self.qdrant.lock:
                given = body if path.endswith("/upload") else json.loads(body) if body else None
                found = self.qdrant.answer(self.command, path, given)
        except ValueError as error:
            status = 404 if "not found" in str(error) else 400
            return status, {"status": {"error": str(error)}, "time": 0.0}
        if isinstance(found, bytes):
            return 200, found
        return 200, {"result": _plain(found), "status": "ok", "time": 0.0}

    def cut(self):
        self.close_connection = True
        self.connection.close()

    def reply(self, status, answer):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _only_part(body):
    """Return the content of the one part of a multipart body."""
    head, _, rest = body.partition(b"\r\n\r\n")
    return rest[: rest.rindex(b"\r\n" + head.split(b"\r\n")[0])]


def _plain(found):
    if isinstance(found, list):
        return [_plain(one) for one in found]
    return found.model_dump(mode="json", exclude_none=True) if hasattr(found, "model_dump") else found


def _read(kind, body):
    return TypeAdapter(kind).validate_python(body)


def _create(client, name, body):
    asked = _read(models.CreateCollection, body)
    return client.create_collection(
        name, vectors_config=asked.vectors, sparse_vectors_config=asked.sparse_vectors
    )


def _upsert(client, name, body):
    asked = _read(models.PointsList, body)
    return client.upsert(name, asked.points, update_filter=asked.update_filter)


def _set_payload(client, name, body):
    asked = _read(models.SetPayload, body)
    return client.set_payload(name, asked.payload, asked.points or asked.filter)


def _query(client, name, body):
    asked = _read(models.QueryRequestBatch, body)
    requests = []
    for one in asked.searches:
        idf = one.params.idf if one.params else None
        kept = models.SearchParams(idf=idf) if idf else None  # the rest has no effect there
        requests.append(one.model_copy(update={"params": kept}))
    return client.query_batch_points(name, requests)


def _scroll(client, name, body):
    asked = _read(models.ScrollRequest, body)
    points, offset = client.scroll(
        name,
        scroll_filter=asked.filter,
        limit=asked.limit or 10,
        order_by=asked.order_by,
        offset=asked.offset,
        with_payload=True if asked.with_payload is None else asked.with_payload,
        with_vectors=asked.with_vector or False,
    )
    return models.ScrollResult(points=points, next_page_offset=offset)


def _retrieve(client, name, body):
    asked = _read(models.PointRequest, body)
    payload = True if asked.with_payload is None else asked.with_payload
    return client.retrieve(name, asked.ids, with_payload=payload, with_vectors=asked.with_vector or False)


def _count(client, name, body):
    return client.count(name, count_filter=_read(models.CountRequest, body).filter)


def _facet(client, name, body):
    asked = _read(models.FacetRequest, body)
    return client.facet(name, asked.key, facet_filter=asked.filter, limit=asked.limit or 10)


def _delete(client, name, body):
    return client.delete(name, _read(models.PointsSelector, body))


_OPERATIONS = {
    ("GET", "exists"): lambda client, name, _: {"exists": client.collection_exists(name)},
    ("GET", ""): lambda client, name, _: client.get_collection(name),
    ("PUT", ""): _create,
    ("DELETE", ""): lambda client, name, _: client.delete_collection(name),
    ("PUT", "index"): lambda *_: {"operation_id": 0, "status": "completed"},
    ("PUT", "points"): _upsert,
    ("POST", "points"): _retrieve,
    ("POST", "points/payload"): _set_payload,
    ("POST", "points/delete"): _delete,
    ("POST", "points/query/batch"): _query,
    ("POST", "points/scroll"): _scroll,
    ("POST", "points/count"): _count,
    ("POST", "facet"): _facet,
}
