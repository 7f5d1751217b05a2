"""How a collection is kept in a Qdrant server, and how patiently it is spoken to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, TypeAlias

from encoders.errors import InvalidInputError

Quantisation: TypeAlias = Literal["turbo", "scalar", "none"]
ReadConsistency: TypeAlias = Literal["all", "majority", "quorum"]
WriteOrdering: TypeAlias = Literal["weak", "medium", "strong"]

API_KEY_VARIABLE = "LONGDOC_QDRANT_API_KEY"
MEMORY = ":memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Where a Qdrant server is and how collections are made there.

    The API key is no setting, so that it lies in no file: it is read from the
    environment variable ``LONGDOC_QDRANT_API_KEY``.

    Attributes:
        url: such as ``https://qdrant.example:6333``; ``:memory:`` is a stand-in of the
            client library that lives in this process and keeps nothing.
        grpc_port: speak gRPC on this port; REST when 0.
        prefix: put before the name of each collection on the server, so that several
            stores share it.
        ca_file: certificates to trust beside the system's, for TLS.
        timeout_s: for one request.
        retry_writes_s: how long a write is tried again while the server is away; every
            write can be repeated without harm, because it names its points.
        retry_reads_s: how long a read is tried again.
        shards: parts of a collection, spread over the nodes. IDF is computed by each
            shard for itself: with several, lexical scores differ a little by shard.
        replicas: copies of each shard.
        write_consistency: copies that must have a write before it is acknowledged;
            most of them when 0.
        read_consistency: how many copies must agree on what is read; ``majority`` by
            default where there are several.
        ordering: order of writes to a point; ``weak`` suffices for a single writer.
        quantisation: what the first pass of a search compares: 4-bit TurboQuant, 8-bit
            scalars, or full vectors. The best are scored again with the full ones.
        vectors_on_disk: keep full vectors on disk and only quantised ones in memory.
        payload_on_disk: keep payloads on disk.
        hnsw_m: edges a node of the graph has; 0 makes no graph, every search is a scan.
        hnsw_ef_construct: neighbours considered while the graph is built.
        hnsw_ef: neighbours considered by a search.
        indexed: further payload fields to index, with their type, such as
            ``{"metadata.year": "integer"}``; without an index a filter on the field
            reads the payloads.
        batch_points: at most so many points a request.
        batch_bytes: about so many bytes a request at most; a server takes 32 MiB.
    """

    url: str
    grpc_port: int = 0
    prefix: str = "longdoc-"
    ca_file: str = ""
    timeout_s: int = 30
    retry_writes_s: float = 120.0
    retry_reads_s: float = 10.0
    shards: int = 1
    replicas: int = 1
    write_consistency: int = 0
    read_consistency: ReadConsistency | None = None
    ordering: WriteOrdering = "weak"
    quantisation: Quantisation = "turbo"
    vectors_on_disk: bool = True
    payload_on_disk: bool = True
    hnsw_m: int = 16
    hnsw_ef_construct: int = 128
    hnsw_ef: int = 128
    indexed: tuple[tuple[str, str], ...] = ()
    batch_points: int = 256
    batch_bytes: int = 8 << 20

    def __post_init__(self) -> None:
        if self.url != MEMORY and not self.url.startswith(("http://", "https://")):
            raise InvalidInputError(
                f"the address of Qdrant begins with http:// or https://, got {self.url!r}", url=self.url
            )
        for name in ("timeout_s", "shards", "replicas", "batch_points", "batch_bytes"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} is {getattr(self, name)}; it is 1 or more", name=name)

    @property
    def copies_for_a_write(self) -> int:
        """How many copies must have a write: those asked for, or most of them."""
        return self.write_consistency or self.replicas // 2 + 1

    @property
    def agreeing_for_a_read(self) -> ReadConsistency | None:
        """How many copies must agree: with the writes, enough that a write is seen by the next read."""
        return self.read_consistency or ("majority" if self.replicas > 1 else None)

    @property
    def api_key(self) -> str | None:
        """The key from the environment, None when there is none."""
        return os.environ.get(API_KEY_VARIABLE) or None
