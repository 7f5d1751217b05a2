"""How a collection is kept in a Qdrant server, and how patiently it is spoken to."""

from __future__ import annotations

import json
import os
from dataclasses import Field, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

Quantisation: TypeAlias = Literal["turbo", "scalar", "none"]
ReadConsistency: TypeAlias = Literal["all", "majority", "quorum"]
WriteOrdering: TypeAlias = Literal["weak", "medium", "strong"]

PREFIX = "LONGDOC_QDRANT_"
API_KEY_VARIABLE = PREFIX + "API_KEY"
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
        place: where text, records and settings lie, a path or a URL of fsspec; the
            store's folder when empty. Several processes on one cluster name the same.
        lease_s: a process that writes and has not been heard of for so long is taken to
            be dead, and another one may write.
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
    place: str = ""
    lease_s: float = 15.0
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

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> RemoteSettings:
        """Read settings that were written as JSON.

        Raises:
            InvalidInputError: an unknown name or a value that cannot be used.
        """
        try:
            indexed = tuple((str(field), str(kind)) for field, kind in values.get("indexed", ()))
            return RemoteSettings(**{**values, "indexed": indexed})
        except TypeError as error:
            raise InvalidInputError(f"settings of a Qdrant server: {error}") from error

    @staticmethod
    def from_environment() -> RemoteSettings | None:
        """Read ``LONGDOC_QDRANT_URL`` and, for each further setting, such as ``LONGDOC_QDRANT_SHARDS``.

        Returns:
            None when there is no ``LONGDOC_QDRANT_URL``.

        Raises:
            InvalidInputError: a value that cannot be used.
        """
        if not os.environ.get(PREFIX + "URL"):
            return None
        values: dict[str, Any] = {}
        for one in fields(RemoteSettings):
            if (text := os.environ.get(PREFIX + one.name.upper())) is not None:
                values[one.name] = _read(one, text)
        return RemoteSettings.from_json(values)

    @property
    def copies_for_a_write(self) -> int:
        """How many copies must have a write: those asked for, or most of them."""
        return self.write_consistency or self.replicas // 2 + 1

    @property
    def agreeing_for_a_read(self) -> ReadConsistency | None:
        """How many copies must agree: with the writes, enough that a write is seen by the next read."""
        return self.read_consistency or ("majority" if self.replicas > 1 else None)

    @property
    def indexes(self) -> dict[str, str]:
        """Further payload fields to index, with their type."""
        return dict(self.indexed)

    @property
    def api_key(self) -> str | None:
        """The key from the environment, None when there is none."""
        return os.environ.get(API_KEY_VARIABLE) or None


def _read(field: Field[Any], text: str) -> Any:
    try:
        if field.name == "indexed":
            return list(json.loads(text).items())
        if isinstance(field.default, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        return type(field.default)(text) if isinstance(field.default, int | float) else text
    except (ValueError, KeyError, AttributeError) as error:
        name = PREFIX + field.name.upper()
        raise InvalidInputError(f"{name} is {text!r}, which it cannot be", name=name) from error
