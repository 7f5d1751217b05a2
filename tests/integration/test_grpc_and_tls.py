"""Stores on a server that speaks gRPC, and servers that speak TLS."""

from __future__ import annotations

import datetime
import ipaddress
import itertools
import random
import time

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from encoders.fake import HashEncoder
from indexers import leases, qdrant_remote_calls
from indexers.errors import IndexUnavailableError, StorageError
from indexers.remote_settings import RemoteSettings
from retriever import Retriever
from tests.qdrant_grpc import QdrantGrpcServer
from tests.qdrant_server import QdrantServer
from tests.support import everything, write_corpus

NOWHERE = "http://127.0.0.1:1"  # nobody listens: what is answered came over gRPC


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(leases, "LINGER_S", 0.2)
    monkeypatch.setattr(qdrant_remote_calls, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(qdrant_remote_calls, "_LONGEST_WAIT_S", 0.2)


@pytest.fixture
def served():
    running = QdrantGrpcServer()
    yield running
    running.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A key and a certificate that it signed itself, and the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate = made.public_bytes(serialization.Encoding.PEM)
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    path.write_bytes(certificate)
    return secret, certificate, str(path)


def open_store(folder, port, *, url=NOWHERE, place="", **changes):
    settings = RemoteSettings(url=url, grpc_port=port, place=place, lease_s=1.5, timeout_s=5, **changes)
    return Retriever.open(folder, encoder=HashEncoder(dim=32), qdrant=settings)


def test_a_store_over_grpc_is_that_of_the_embedded_engine_and_shared(served, tmp_path, topics):
    place = str(tmp_path / "shared")
    with (
        open_store(tmp_path / "one", served.port, place=place) as one,
        open_store(tmp_path / "two", served.port, place=place) as two,
        Retriever.open(tmp_path / "embedded", encoder=HashEncoder(dim=32)) as embedded,
    ):
        for store in (one, embedded):
            store.add(topics)
            store.patch("bread", {"year": 2021, "tags": ["a", "b"], "ratio": 0.5, "draft": True})
        mine, theirs = (everything(store) for store in (one, embedded))
        assert [point[:3] for point in mine[0]] == [point[:3] for point in theirs[0]]
        assert mine[1] == theirs[1]
        assert one.delete(["locks"]) == embedded.delete(["locks"])
        for where in (None, {"metadata.year": 2021}, {"metadata.length": {"$gt": 80}}):
            found, expected = (
                store.search("knead the dough", filter=where, facets=["metadata.draft"])
                for store in (two, embedded)
            )
            assert [hit.document.id for hit in found.hits] == [hit.document.id for hit in expected.hits]
            assert [hit.document.metadata for hit in found.hits] == [
                hit.document.metadata for hit in expected.hits
            ]
            assert found.facets == expected.facets
        assert two.doctor().healthy
    assert set(served.calls) >= {"QueryBatch", "Upsert", "SetPayload", "Scroll", "Facet", "HealthCheck"}


@pytest.mark.parametrize("fault", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "after"])
def test_a_job_over_grpc_ends_as_an_undisturbed_one_whatever_the_server_does(served, tmp_path, fault):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_corpus(corpus, seed=3)
    for path in sorted(corpus.iterdir())[8:]:
        path.unlink()
    with Retriever.open(tmp_path / "embedded", encoder=HashEncoder(dim=32)) as embedded:
        embedded.index([corpus])
        expected = everything(embedded, digits=3)
    choose = random.Random(fault)
    struck = []

    def strike(method):
        if method == "HealthCheck" or choose.random() > 0.3 or len(struck) > 20:
            return None
        struck.append(method)
        return fault if fault == "after" else grpc.StatusCode[fault]

    with open_store(tmp_path / "one", served.port, retry_reads_s=60, batch_points=40) as store:
        served.fault = strike
        report = store.index([corpus])
        served.fault = lambda method: None
        assert len(struck) >= 3
        assert (len(report.added), report.failed) == (8, ())
        assert everything(store, digits=3) == expected


def test_what_a_server_refuses_over_grpc_is_said_and_not_tried_again(served, tmp_path, topics):
    with open_store(tmp_path / "one", served.port, retry_writes_s=0.2, retry_reads_s=0.2) as store:
        store.add(topics)
        served.fault = lambda method: grpc.StatusCode.INVALID_ARGUMENT if method == "QueryBatch" else None
        before = served.calls.count("QueryBatch")
        with pytest.raises(StorageError, match=r"refused to answer a query: INVALID_ARGUMENT on demand"):
            store.search("bread")
        assert served.calls.count("QueryBatch") == before + 1
        served.fault = lambda method: grpc.StatusCode.UNAVAILABLE
        with pytest.raises(IndexUnavailableError, match=r"UNAVAILABLE on demand; what was acknowledged"):
            store.search("bread")


@pytest.mark.parametrize("speaks", ["rest", "grpc"])
def test_a_server_behind_tls_is_trusted_by_its_certificate_alone(tls, tmp_path, topics, monkeypatch, speaks):
    monkeypatch.setenv("LONGDOC_QDRANT_API_KEY", "sesame")
    secret, certificate, trusted = tls
    if speaks == "grpc":
        server = QdrantGrpcServer(tls=(secret, certificate))
        url, port = NOWHERE.replace("http", "https"), server.port
        keys = (dict(one)["api-key"] for one in server.metadata)
    else:
        server = QdrantServer(tls=(secret, certificate))
        url, port = server.url, 0
        keys = (headers["api-key"] for *_, headers in server.requests)
    try:
        with open_store(tmp_path / "one", port, url=url, ca_file=trusted) as store:
            store.add(topics)
            assert store.search("knead the dough", limit=1).hits[0].document.id == "bread"
            if speaks == "rest":
                store.back_up(tmp_path / "x.backup")  # travels by another client
        assert set(itertools.islice(keys, 10)) == {"sesame"}
        began = time.monotonic()
        with open_store(tmp_path / "two", port, url=url, retry_reads_s=0.5) as store:
            with pytest.raises(StorageError, match=r"(?i)certificate|ssl|handshake"):
                store.add(topics)
        assert time.monotonic() - began < 20
    finally:
        server.close()
