"""Runs a client where nothing is installed but what the base install brings. Called by a test."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

BASE = {"click", "httpx", "msgspec", "rich"}
BASE |= {"anyio", "certifi", "h11", "httpcore", "idna", "sniffio", "typing_extensions"}  # of httpx
BASE |= {"markdown_it", "mdurl", "pygments"}  # of rich
OURS = {"encoders", "indexers", "retriever"}


class OnlyBase(MetaPathFinder):
    """Knows nothing of other packages."""

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in BASE | OURS or top in sys.stdlib_module_names or top.startswith("_"):
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(url, folder):
    sys.meta_path.insert(0, OnlyBase())
    from retriever import Client, Document
    from retriever.cli import longdoc

    with Client(url, collection="base") as client:
        client.index([folder])
        client.add([Document(id="lease", text="The tenant pays the rent in advance.")])
        found = client.search("who pays the rent?")
        context = client.context("who pays the rent?", max_tokens=100)
        client.verify(f'"{context.citations[0].quote.exact}" [1]', context)
        found._repr_html_()
        client.documents(limit=1)
        client.describe()
    longdoc(["search", "rent", "--url", url, "--collection", "base"], standalone_mode=False)
    longdoc(["list", "--url", url, "--collection", "base"], standalone_mode=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
