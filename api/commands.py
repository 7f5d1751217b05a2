"""``longdoc serve`` and ``longdoc keys``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from encoders.optional import require

if TYPE_CHECKING:
    from api.keys import Key, KeyFile

Command = TypeVar("Command", bound=Callable[..., Any])

_SWITCH_S: Final = 0.001
"""So soon a thread gives Python's lock to the event loop, which answers to all; 5 ms is Python's own."""


def _settings_options(command: Command) -> Command:
    """Add what names the settings."""
    for option in (
        click.option(
            "--settings",
            "file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="LONGDOC_SETTINGS",
            help="TOML file of settings; see docs/rest.md.",
        ),
        click.option("--store", type=click.Path(path_type=Path), help="Folder of the store."),
    ):
        command = option(command)
    return command


@click.command()
@_settings_options
@click.option("--host", help="Address to listen on; only this machine can reach 127.0.0.1.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--encoder", help="Name or folder of the encoder.")
def serve(
    file: Path | None, store: Path | None, host: str | None, port: int | None, encoder: str | None
) -> None:
    """Serve a store over HTTP.

    Settings come from the options, then from LONGDOC_* in the environment, then from
    the file.
    """
    for module in ("fastapi", "uvicorn", "prometheus_client", "python_multipart"):
        require(module, extra="server")
    from api.logs import configure
    from api.serving import ServiceServer, check
    from api.settings import load_settings

    settings = load_settings(file, store=store, host=host, port=port, encoder=encoder)
    configure(form=settings.log_format, level=settings.log_level)
    check(settings)
    server = ServiceServer(settings)
    sys.setswitchinterval(_SWITCH_S)
    server.run()
    if not server.started:
        raise click.exceptions.Exit(1)


def _later(_context: click.Context, _option: click.Parameter, time: str) -> str:
    from api.keys import check_time

    check_time(time)
    if time and datetime.fromisoformat(time) <= (now := datetime.now(UTC)):
        raise click.BadParameter(
            f"{time} has passed, it is {now:%Y-%m-%dT%H:%M:%SZ}; such a key opens nothing"
        )
    return time


@click.group()
def keys() -> None:
    """Make, list and revoke the API keys of a service."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="COLLECTION=LEVEL",
    help="What it may do: read, write or admin; '*' stands for every collection. May be repeated.",
)
@click.option(
    "--filter", "where", help="JSON; holds beside every filter of its user. For keys that only read."
)
@click.option(
    "--expires",
    default="",
    callback=_later,
    metavar="TIME",
    help="RFC 3339, such as 2027-01-31T00:00:00Z.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_settings_options
def create(
    name: str,
    scopes: tuple[str, ...],
    where: str | None,
    expires: str,
    as_json: bool,
    file: Path | None,
    store: Path | None,
) -> None:
    """Make a key for NAME and print it; it cannot be shown again."""
    key, secret = _key_file(file, store).create(
        name, dict(map(_scope, scopes)), filter=_filter(where), expires_at=expires
    )
    click.echo(json.dumps({"key": secret, **_shown(key)}) if as_json else secret)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_settings_options
def list_keys(as_json: bool, file: Path | None, store: Path | None) -> None:
    """List the keys, without their secrets."""
    found = _key_file(file, store).keys()
    if as_json:
        click.echo(json.dumps([_shown(key) for key in found]))
        return
    for key in found:
        scopes = " ".join(f"{collection}={level}" for collection, level in key.scopes.items())
        where = f" filter {json.dumps(key.filter)}" if key.filter is not None else ""
        until = f" {'expired' if key.expired else 'until'} {key.expires_at}" if key.expires_at else ""
        click.echo(f"{key.id} {key.name}: {scopes}{where}{until}, made {key.created_at}")


@keys.command("revoke")
@click.argument("key_id")
@_settings_options
def revoke(key_id: str, file: Path | None, store: Path | None) -> None:
    """Remove the key KEY_ID; a service that runs stops letting it in at once."""
    if not _key_file(file, store).revoke(key_id):
        raise click.ClickException(f"there is no key {key_id}; see: longdoc keys list")
    click.echo(f"revoked {key_id}")


def _key_file(file: Path | None, store: Path | None) -> KeyFile:
    require("pydantic", extra="server")
    from api.keys import KeyFile
    from api.settings import load_settings

    return KeyFile(load_settings(file, store=store).keys_file)


def _scope(text: str) -> tuple[str, Any]:
    collection, equals, level = text.partition("=")
    if not (collection and equals and level):
        raise click.BadParameter(f"{text!r} is not COLLECTION=LEVEL", param_hint="--scope")
    return collection, level


def _filter(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--filter") from error
    if not isinstance(value, dict):
        raise click.BadParameter("a filter is a JSON object", param_hint="--filter")
    return value


def _shown(key: Key) -> dict[str, Any]:
    return {name: value for name, value in asdict(key).items() if name != "digest"}
