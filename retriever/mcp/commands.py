"""``longdoc mcp``: the store as tools for an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from encoders.optional import require
from retriever.cli import store_options

if TYPE_CHECKING:
    from retriever.embedded import BaseRetriever


@click.command("mcp")
@click.option("--http", is_flag=True, help="Serve over streamable HTTP on this machine, not stdio.")
@click.option("--port", default=8765, show_default=True, help="For --http; 0 takes a free one.")
@click.option("--key", envvar="LONGDOC_MCP_KEY", help="Bearer token that callers over HTTP must send.")
@click.option("--write", is_flag=True, help="Also offer tools that add and delete documents.")
@click.option("--page-chars", default=16_000, show_default=True, help="Most code points of one fetch.")
@store_options
def mcp(
    retriever: BaseRetriever,
    *,
    http: bool,
    port: int,
    key: str | None,
    write: bool,
    page_chars: int,
) -> None:
    """Offer the store to an agent by the Model Context Protocol.

    The tools search and fetch have the shapes that connectors expect; list_documents lists. For a
    client such as Claude Desktop: {"command": "longdoc", "args": ["mcp", "--store", "/path"]}.
    """
    require("mcp", extra="mcp")
    from retriever.mcp.server import build_server, serve_http, serve_stdio
    from retriever.mcp.tools import Tools

    if page_chars < 1:
        raise click.BadParameter("at least 1", param_hint="--page-chars")
    if http and write and not key:
        raise click.UsageError("--write over HTTP needs a key: every process of this machine can connect")
    collection = click.get_current_context().params["collection"]
    server = build_server(Tools(retriever, collection=collection, page_chars=page_chars), write=write)
    if http:
        serve_http(server, port=port, key=key, listening=lambda url: click.echo(url, err=True))
    else:
        serve_stdio(server)
