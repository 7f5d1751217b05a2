"""Qdrant's gRPC for what our adapter asks, over the client library's stand-in; with TLS when asked for.

The messages are turned into the library's own models and back, so what a field means on the
wire is tested as far as that library and the generated stubs know it.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc.collections_service_pb2_grpc import add_CollectionsServicer_to_server
from qdrant_client.grpc.points_service_pb2_grpc import add_PointsServicer_to_server
from qdrant_client.grpc.qdrant_pb2_grpc import add_QdrantServicer_to_server

from tests.qdrant_server import VERSION


class QdrantGrpcServer:
    """Serves on a free port of loopback until closed.

    ``fault`` is asked before each call with its name and may return a status code to fail
    with, or ``"after"`` to do it and lose the answer.

    Args:
        tls: private key and certificate, PEM.
    """

    def __init__(self, *, tls=None):
        self.client = QdrantClient(":memory:")
        self.fault = lambda method: None
        self.calls = []
        self.metadata = []
        self.lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(8))
        add_QdrantServicer_to_server(_Service(self), self._server)
        add_CollectionsServicer_to_server(_Service(self), self._server)
        add_PointsServicer_to_server(_Service(self), self._server)
        if tls is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([tls]))
        self._server.start()

    def close(self):
        self._server.stop(None).wait()
        self.client.close()


class _Service:
    """All three services; a method that is not here is one that the adapter should not call."""

    def __init__(self, server):
        self._server = server

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def call(request, context):
            self._server.calls.append(name)
            self._server.metadata.append(dict(context.invocation_metadata()))
            fault = self._server.fault(name)
            if isinstance(fault, grpc.StatusCode):
                context.abort(fault, "on demand")
            if name not in _CALLS:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, name)
            with self._server.lock:
                try:
                    answer = _CALLS[name](self._server.client, request)
                except ValueError as error:
                    missing = "not found" in str(error)
                    code = grpc.StatusCode.NOT_FOUND if missing else grpc.StatusCode.INVALID_ARGUMENT
                    context.abort(code, str(error))
            if fault == "after":
                context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
            return answer

        return call


def _filter(request, name="filter"):
    return GrpcToRest.convert_filter(getattr(request, name)) if request.HasField(name) else None


def _payload(request):
    selector = request.with_payload if request.HasField("with_payload") else None
    return True if selector is None else GrpcToRest.convert_with_payload_selector(selector)


def _vectors(request):
    selector = request.with_vectors if request.HasField("with_vectors") else None
    return False if selector is None else GrpcToRest.convert_with_vectors_selector(selector)


def _record(point):
    return RestToGrpc.convert_record(point.model_copy(update={"payload": point.payload or {}}))


def _done(_):
    return messages.PointsOperationResponse(
        result=messages.UpdateResult(operation_id=0, status=messages.UpdateStatus.Completed)
    )


def _health(client, request):
    return messages.HealthCheckReply(title="stand-in", version=VERSION)


def _exists(client, request):
    found = client.collection_exists(request.collection_name)
    return messages.CollectionExistsResponse(result=messages.CollectionExists(exists=found))


def _create(client, request):
    return messages.CollectionOperationResponse(
        result=client.create_collection(
            request.collection_name,
            vectors_config=GrpcToRest.convert_vectors_config(request.vectors_config),
            sparse_vectors_config=GrpcToRest.convert_sparse_vector_config(request.sparse_vectors_config),
        )
    )


def _drop(client, request):
    return messages.CollectionOperationResponse(result=client.delete_collection(request.collection_name))


def _upsert(client, request):
    points = [GrpcToRest.convert_point_struct(point) for point in request.points]
    only = _filter(request, "update_filter")
    return _done(client.upsert(request.collection_name, points, update_filter=only))


def _get(client, request):
    found = client.retrieve(
        request.collection_name,
        [GrpcToRest.convert_point_id(one) for one in request.ids],
        with_payload=_payload(request),
        with_vectors=_vectors(request),
    )
    return messages.GetResponse(result=[_record(one) for one in found])


def _set_payload(client, request):
    payload = GrpcToRest.convert_payload(request.payload)
    selector = GrpcToRest.convert_points_selector(request.points_selector)
    return _done(client.set_payload(request.collection_name, payload, _points(selector)))


def _points(selector):
    return selector.points if isinstance(selector, models.PointIdsList) else selector.filter


def _delete(client, request):
    return _done(client.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points)))


def _query(client, request):
    asked = []
    for one in request.query_points:
        query = GrpcToRest.convert_query_points(one)
        idf = query.params.idf if query.params else None
        kept = models.SearchParams(idf=idf) if idf else None  # the rest has no effect there
        asked.append(query.model_copy(update={"params": kept}))
    answers = client.query_batch_points(request.collection_name, asked)
    return messages.QueryBatchResponse(
        result=[
            messages.BatchResult(result=[RestToGrpc.convert_scored_point(hit) for hit in answer.points])
            for answer in answers
        ]
    )


def _scroll(client, request):
    points, offset = client.scroll(
        request.collection_name,
        scroll_filter=_filter(request),
        limit=request.limit,
        order_by=GrpcToRest.convert_order_by(request.order_by) if request.HasField("order_by") else None,
        offset=GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None,
        with_payload=_payload(request),
        with_vectors=_vectors(request),
    )
    answer = messages.ScrollResponse(result=[_record(point) for point in points])
    if offset is not None:
        answer.next_page_offset.CopyFrom(RestToGrpc.convert_extended_point_id(offset))
    return answer


def _count(client, request):
    found = client.count(request.collection_name, count_filter=_filter(request))
    return messages.CountResponse(result=messages.CountResult(count=found.count))


def _facet(client, request):
    found = client.facet(
        request.collection_name, request.key, facet_filter=_filter(request), limit=request.limit
    )
    return messages.FacetResponse(hits=[RestToGrpc.convert_facet_value_hit(hit) for hit in found.hits])


_CALLS = {
    "HealthCheck": _health,
    "CollectionExists": _exists,
    "Create": _create,
    "Delete": lambda client, request: (
        _drop(client, request) if isinstance(request, messages.DeleteCollection) else _delete(client, request)
    ),
    "CreateFieldIndex": lambda client, request: _done(None),
    "DeleteFieldIndex": lambda client, request: _done(None),
    "Upsert": _upsert,
    "Get": _get,
    "SetPayload": _set_payload,
    "QueryBatch": _query,
    "Scroll": _scroll,
    "Count": _count,
    "Facet": _facet,
}
