"""How the command line shows things to a person."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from retriever.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from encoders.types import Location
    from retriever.types import (
        DocumentHit,
        DocumentInfo,
        Estimate,
        Evidence,
        Explanation,
        IndexReport,
        Progress,
        SearchResult,
        UnreadItem,
    )

_EXCERPT = 400
_BEFORE = 120
_SPACE = re.compile(r"\s+")


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """Show a bar while indexing runs."""
    bar = Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tokens]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=False,
    )
    with bar:
        task = bar.add_task("indexing", total=None, tokens="loading the encoder")

        def update(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.items,
                total=progress.total,
                tokens=f"{progress.tokens_read:,} tokens",
            )

        yield update


def print_report(report: IndexReport) -> None:
    """Print what an indexing run did."""
    console = Console()
    counts = {
        name: len(getattr(report, name)) for name in ("added", "updated", "unchanged", "skipped", "failed")
    }
    console.print(", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do")
    ledger = report.coverage
    if ledger.tokens:
        speed = report.tokens_read / report.seconds
        console.print(
            f"{ledger.embedded:,} of {ledger.tokens:,} tokens embedded ({ledger.share:.2%}) in "
            f"{ledger.segments:,} segments, {report.seconds:.1f} s, {speed:,.0f} tokens/s"
        )
    if report.incomplete:
        console.print(f"{len(report.incomplete)} not covered completely; see: longdoc list --not-searchable")
    for title, items in (("skipped", report.skipped), ("failed", report.failed)):
        for item in items[:10]:
            console.print(_text(f"  {title} {item.id}: {item.reason}", style="dim"))
        if len(items) > 10:
            console.print(_text(f"  … and {len(items) - 10} more {title}; --json lists all", style="dim"))


def print_estimate(expected: Estimate) -> None:
    """Print what indexing will take."""
    console = Console()
    console.print(
        f"{expected.files:,} files, {expected.size_bytes / 1e6:,.1f} MB; {expected.sampled} of them read"
        + (f", {expected.failed} without text" if expected.failed else "")
        + (f"; {expected.known:,} are in the collection already" if expected.known else "")
    )
    console.print(
        f"about {expected.tokens:,} tokens in {expected.segments:,} segments, "
        f"{expected.seconds / 60:,.1f} minutes at {expected.tokens_per_s:,.0f} tokens/s"
    )
    room = "enough" if expected.fits else "not enough"
    console.print(
        f"about {expected.disk_bytes / 1e6:,.0f} MB of disk; "
        f"{expected.free_bytes / 1e6:,.0f} MB are free, {room}"
    )


def print_result(result: SearchResult) -> None:
    """Print hits with their evidence."""
    console = Console()
    for warning in result.warnings:
        console.print(_text(f"note: {warning.detail}", style="yellow"))
    if not result.hits:
        console.print("nothing found")
    for hit in result:
        _print_hit(console, hit)
    console.print(
        _text(
            f"{len(result)} of {result.meta.candidates.documents} candidate documents, "
            f"{result.meta.timing_ms['total']:.0f} ms",
            style="dim",
        )
    )


def print_documents(documents: Sequence[DocumentInfo]) -> None:
    """Print a table of documents."""
    table = Table(box=None, pad_edge=False)
    for name in ("id", "version", "characters", "covered", "title"):
        table.add_column(name, justify="right" if name in ("version", "characters", "covered") else "left")
    for info in documents:
        covered = f"{info.coverage.share:.1%}"
        table.add_row(_text(info.id), str(info.version), f"{info.characters:,}", covered, _text(info.title))
        if not info.coverage.complete:
            for reason in info.coverage.reasons:
                table.add_row(_text(f"  {reason}", style="yellow"), "", "", "", "")
        for note in info.notes:
            table.add_row(_text(f"  {note}", style="dim"), "", "", "", "")
    console = Console()
    console.print(table)
    console.print(_text(f"{len(documents)} documents", style="dim"))


def print_unread(items: Sequence[UnreadItem]) -> None:
    """Print files that could not be read, with the reasons."""
    console = Console()
    for one in items:
        console.print(_joined((one.id, "bold"), f": {one.reason}"))
    console.print(_text(f"{len(items)} files not read", style="dim"))


def _print_hit(console: Console, hit: DocumentHit) -> None:
    title = f"  {hit.document.title}" if hit.document.title != hit.document.id else ""
    console.print(_joined(f"{hit.rank}. ", (hit.document.id, "bold"), (title, "dim"), f"  {hit.score:.2f}"))
    if hit.explain:
        _print_explanation(console, hit.explain)
    for evidence in hit.evidence:
        console.print(Padding(_text(_place(evidence), style="cyan"), (0, 0, 0, 3)))
        console.print(Padding(_text(excerpt(evidence)), (0, 0, 1, 5)))


def _print_explanation(console: Console, explanation: Explanation) -> None:
    for part in explanation.components:
        terms = ", ".join(f"{term} {share:.1f}" for term, share in part.matched_terms.items())
        line = (
            f"{part.name}: rank {part.rank}, raw {part.raw:.3f}, standardised {part.standardised:.2f} "
            f"x {part.weight:g} = {part.contribution:.2f}"
        )
        console.print(Padding(_text(f"{line}  {terms}".rstrip(), style="dim"), (0, 0, 0, 3)))


def _place(evidence: Evidence) -> str:
    where = evidence.location
    parts = [*_pages(where), *_lines(where), *([" > ".join(where.symbol_path)] if where.symbol_path else [])]
    parts += [" > ".join(where.heading_path)] if where.heading_path else []
    parts += ["read from a picture"] if where.text_source == "recognised" else []
    return f"{', '.join(parts)}  [{evidence.start}, {evidence.end})  {evidence.score:.2f}"


def _pages(where: Location) -> list[str]:
    if where.page_start is None:
        return []
    return [
        f"page {where.page_start}"
        if where.page_start == where.page_end
        else f"pages {where.page_start}-{where.page_end}"
    ]


def _lines(where: Location) -> list[str]:
    if where.line_start is None:
        return []
    return [
        f"line {where.line_start}"
        if where.line_start == where.line_end
        else f"lines {where.line_start}-{where.line_end}"
    ]


def excerpt(evidence: Evidence) -> str:
    """Return what is shown of a span: a short one whole, of a long one its beginning or what matches.

    That part is shown where the beginning holds fewer than two of the words that match.
    """
    text = evidence.text.rstrip("\n")
    first = len(text) - len(text.lstrip("\n"))
    if len(text) - first <= _EXCERPT:
        return text[first:]
    match, start = _match(evidence), first
    if match > first + _EXCERPT - _BEFORE:
        shown = evidence.start + first + _EXCERPT
        if sum(one < shown for one, _ in evidence.highlights) < 2:
            start = _begun(text, min(match - _BEFORE, len(text) - _EXCERPT), match)
    before = "… " if start > first else ""
    after = " …" if start + _EXCERPT < len(text) else ""
    return before + text[start : start + _EXCERPT].strip("\n").rstrip() + after


def _begun(text: str, start: int, match: int) -> int:
    """Move on to where a line begins, or a word where none does, before the match."""
    if (line := text.find("\n", start, match)) >= 0:
        return line + 1
    space = _SPACE.search(text, start, start + _BEFORE // 3)
    return space.end() if space else start


def _match(evidence: Evidence) -> int:
    """Return where in the span it matches: in its best sentence if anywhere there, else first of all."""
    starts = [start for start, _ in evidence.highlights]
    if (quote := evidence.quote) is not None:
        starts = [start for start in starts if quote.start <= start < quote.end] or starts or [quote.start]
    return starts[0] - evidence.start if starts else 0


def _text(words: str, style: str = "") -> Text:
    return Text(harmless(words), style=style)


def _joined(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*(_text(one) if isinstance(one, str) else _text(*one) for one in parts))
