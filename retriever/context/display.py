"""How the command line shows contexts and what became of them."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import click
import msgspec

from retriever.context.types import CitationRef
from retriever.terminal import harmless

if TYPE_CHECKING:
    from retriever.context.types import Context, Verification


def print_context(context: Context) -> None:
    """Print the text, and on standard error what it took and what was left out.

    What goes to a file or a program is exactly the text, what goes to a terminal does it no harm.
    """
    shown = harmless if sys.stdout.isatty() else str
    if context.messages:
        for message in context.messages:
            click.echo(shown(f"{message.role}:\n{message.content}\n"), color=True)  # leaves escapes in
    elif context.text:
        click.echo(shown(context.text), color=True)
    reasons = Counter(one.reason.replace("_", " ") for one in context.dropped)
    left_out = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    click.echo(
        f"{context.tokens.used} of {context.tokens.budget} tokens ({context.tokens.tokenizer}), "
        f"{len(context.citations)} sources, "
        + (f"{len(context.dropped)} left out: {left_out}" if left_out else "nothing left out"),
        err=True,
    )
    for warning in context.warnings:
        click.echo(f"note: {warning.detail}", err=True)


def print_verification(checked: Verification) -> None:
    """Print one line for each quotation and for each citation without a source."""
    for quote in checked.quotes:
        where = ""
        if quote.n is not None:
            where = f" [{quote.n}] {quote.document_id} {quote.start}-{quote.end}"
            where += "" if quote.in_context else ", outside of what the context showed"
        click.echo(harmless(f"{quote.status}{where}: {quote.quote}"))
    for number in checked.unknown:
        click.echo(f"[{number}] names no source")
    for number in checked.unresolved:
        click.echo(f"[{number}] is of a version that is not kept; nothing could be compared with it")
    cited = len({one.n for one in checked.markers if one.known})
    click.echo(f"{len(checked.quotes)} quotations, {cited} sources cited", err=True)


def read_citations(source: str) -> list[CitationRef]:
    """Read the citations of a context written as JSON.

    Raises:
        ValueError: it is none.
    """
    return [
        CitationRef(
            n=one.n, document_id=one.document.id, version=one.document.version, start=one.start, end=one.end
        )
        for one in msgspec.json.decode(source, type=_Context).citations
    ]


class _Document(msgspec.Struct):
    id: str
    version: int


class _Citation(msgspec.Struct):
    n: int
    start: int
    end: int
    document: _Document


class _Context(msgspec.Struct):
    citations: list[_Citation]
