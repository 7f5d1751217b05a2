"""A bot that answers questions about a folder of code with the places to look at.

    python examples/code_search_bot.py FOLDER [QUESTION ...]
    python examples/code_search_bot.py --url http://localhost:8000 FOLDER [QUESTION ...]

Without questions it reads them from standard input, one a line. The folder is indexed
first; a second run embeds only what changed. With --url a service does the work, and its
key is read from LONGDOC_API_KEY.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax

from retriever import Client, Retriever
from retriever.display import print_report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retriever.embedded import BaseRetriever
    from retriever.types import DocumentHit, Evidence

STORE = ".code-search"
MOST_LINES = 12


def main(arguments: list[str]) -> None:
    """Index the folder, then answer."""
    url = None
    if arguments[:1] == ["--url"]:
        url, arguments = arguments[1], arguments[2:]
    if not arguments:
        sys.exit(str(__doc__))
    folder, *questions = arguments
    with open_retriever(url) as retriever:
        print_report(retriever.index([folder]))
        for question in questions or asked():
            answer(retriever, question)


def open_retriever(url: str | None) -> BaseRetriever:
    """Open the service or a store of our own."""
    if url is not None:
        return Client(url, collection="code")
    encoder = os.environ.get("LONGDOC_ENCODER", "bundled")
    return Retriever.open(STORE, collection="code", encoder=encoder)


def asked() -> Iterable[str]:
    """Yield the questions of standard input."""
    return (line.strip() for line in sys.stdin if line.strip())


def answer(retriever: BaseRetriever, question: str) -> None:
    """Print the three best files with the definition in each that answers the question."""
    console = Console()
    console.rule(question, align="left")
    for hit in retriever.search(question, limit=3, evidence=1):
        for evidence in hit.evidence:
            show(console, hit, evidence)


def show(console: Console, hit: DocumentHit, evidence: Evidence) -> None:
    """Print one place: file, line, name, and its first lines of code."""
    where = evidence.location
    console.print(f"{hit.document.id}:{where.line_start}", where.symbol or "", style="bold", markup=False)
    lines = evidence.text.strip("\n").splitlines()
    more = f"\n… {len(lines) - MOST_LINES} more lines" if len(lines) > MOST_LINES else ""
    language = Syntax.guess_lexer(hit.document.id)
    start = (where.line_start or 1) + leading_newlines(evidence.text)
    code = Syntax("\n".join(lines[:MOST_LINES]), language, line_numbers=True, start_line=start)
    console.print(code, more)


def leading_newlines(text: str) -> int:
    """Count the empty lines that a span begins with."""
    return len(text) - len(text.lstrip("\n"))


if __name__ == "__main__":
    main(sys.argv[1:])
