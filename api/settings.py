"""Every setting of the service: defaults, then a TOML file, then ``LONGDOC_*`` of the environment.

docs/rest.md lists them; a test compares.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from encoders.errors import InvalidInputError

PREFIX = "LONGDOC_"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseModel):
    """What an operator may set. Sizes are bytes, times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: Path = Field(default=Path("longdoc-store"), description="Folder of the store.")
    encoder: str = Field(default="bundled", description="Name or folder of the encoder.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    keys: Path | None = Field(
        default=None, description="File of API keys; by default `keys.json` in the store."
    )
    require_key: bool | None = Field(
        default=None, description="Whether calls need a key; by default when not on loopback."
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names that the `Host` header may hold; by default loopback names when on loopback, "
        "any otherwise.",
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description="Origins whose pages may call; none by default."
    )
    sync_roots: tuple[Path, ...] = Field(
        default=(),
        description="Folders of this machine that `sync` and `estimate` may read; none by default.",
    )
    docs: bool = Field(default=True, description="Serve `/docs` and `/openapi.json`.")
    metrics_need_key: bool = Field(
        default=True, description="`/metrics` needs an admin key where calls need keys."
    )
    max_body_bytes: int = Field(default=8_000_000, ge=1_000, description="Largest JSON body.")
    body_timeout_s: float = Field(
        default=60.0, gt=0, description="Longest pause of a caller in the middle of a body."
    )
    max_upload_bytes: int = Field(
        default=1_000_000_000, ge=1_000, description="Largest multipart upload in all."
    )
    max_upload_files: int = Field(default=1_000, ge=1, description="Files in one upload.")
    max_documents: int = Field(default=1_000, ge=1, description="Documents in one `POST .../documents`.")
    max_inputs: int = Field(default=2_048, ge=1, description="Texts in one call for embeddings or reranking.")
    max_tokens: int = Field(
        default=300_000, ge=1, description="Tokens in one call for embeddings or reranking."
    )
    model_aliases: tuple[str, ...] = Field(
        default=(),
        description="Further names under which `/v1/embeddings` and the rerank routes know the encoder, such "
        "as the name that a client is set to.",
    )
    tokenizers: tuple[str, ...] = Field(
        default=(),
        description="Tokenizers that contexts may be counted with, beside `estimate` and `encoder`; opening "
        "one may read its data from the network.",
    )
    interactive_workers: int = Field(
        default=24, ge=1, le=256, description="Searches and other short calls at work at a time."
    )
    interactive_queue: int = Field(
        default=128, ge=0, description="Short calls that may wait; more are refused with 429."
    )
    bulk_workers: int = Field(
        default=2, ge=1, le=64, description="Calls that index or embed many texts at work at a time."
    )
    bulk_queue: int = Field(
        default=16, ge=0, description="Such calls that may wait; more are refused with 429."
    )
    max_connections: int = Field(default=1_000, ge=1, description="Open connections; more are answered 503.")
    interactive_timeout_s: float = Field(default=30.0, gt=0, description="Longest short call.")
    bulk_timeout_s: float = Field(default=600.0, gt=0, description="Longest call that indexes or embeds.")
    shutdown_timeout_s: float = Field(
        default=30.0, ge=0, description="How long calls at work may go on after a stop."
    )
    idempotency_ttl_s: float = Field(
        default=86_400.0, gt=0, description="How long an answer is kept for its Idempotency-Key."
    )
    idempotency_entries: int = Field(default=10_000, ge=1, description="How many such answers are kept.")
    log_format: str = Field(default="json", pattern="^(json|text)$", description="`json` or `text`.")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="`debug` to `error`."
    )
    otel: bool = Field(
        default=False, description="OpenTelemetry traces, where `opentelemetry-sdk` is installed and set up."
    )

    @property
    def on_loopback(self) -> bool:
        """Tell whether only this machine can reach the service."""
        return self.host in _LOOPBACK

    @property
    def needs_key(self) -> bool:
        """Tell whether calls need a key."""
        return not self.on_loopback if self.require_key is None else self.require_key

    @property
    def keys_file(self) -> Path:
        """Return the file of API keys."""
        return self.keys or self.store / "keys.json"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the names that the Host header may hold; empty for any."""
        return self.allowed_hosts or (tuple(sorted(_LOOPBACK)) if self.on_loopback else ())


def load_settings(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    **given: Any,
) -> Settings:
    """Read the settings.

    Args:
        file: a TOML file with the names of `Settings`.
        environment: `os.environ` by default; ``LONGDOC_PORT`` sets ``port``; lists are separated by commas.
        given: what the command line says; wins over all, None says nothing.

    Raises:
        InvalidInputError: an unknown name or a value out of range; the message lists all of them.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values.update(tomllib.loads(file.read_text()))
        except tomllib.TOMLDecodeError as error:
            raise InvalidInputError(f"{file} is no TOML: {error}", file=str(file)) from error
    found = os.environ if environment is None else environment
    for name, field in Settings.model_fields.items():
        if (text := found.get(variable(name))) is not None:
            is_list = "tuple" in str(field.annotation)
            values[name] = [one.strip() for one in text.split(",") if one.strip()] if is_list else text
    values.update({name: value for name, value in given.items() if value is not None})
    try:
        return Settings(**values)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidInputError(f"settings that cannot be used: {wrong}") from error


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()
