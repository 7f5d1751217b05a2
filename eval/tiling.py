"""``longdoc eval coverage``: is every source file of a folder cut without a loss, within the budget?"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

import click

from encoders.types import Document
from eval.options import ENCODER, FILE, FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from encoders.protocols import Segmenter, Tokenizer
    from encoders.types import Segment
    from eval.progress import ProgressWatch

_MARKUP: Final = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".rst": "text/x-rst",
    ".txt": "text/plain",
}
_SHOWN: Final = 10


@dataclass(slots=True)
class Tally:
    """What was seen of the files of one language.

    Attributes:
        size_bytes: of the texts in UTF-8.
        tokens: of all tiles.
        unknown: of these, tokens that stand for text the model does not know.
        seconds: processor time of cutting, each file once.
        weaker: files that were not cut along their syntax although they are code.
        troubled: files with syntax errors, cut along their syntax all the same.
    """

    files: int = 0
    size_bytes: int = 0
    segments: int = 0
    tokens: int = 0
    unknown: int = 0
    seconds: float = 0.0
    weaker: int = 0
    troubled: int = 0


@dataclass(slots=True)
class TilingReport:
    """What `check_files` found.

    Attributes:
        tallies: by language.
        reasons: why files were cut by weaker rules, with their number.
        binary: files that hold no text.
        broken: one line for every file that breaks a rule of the tiles.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    binary: int = 0
    broken: list[str] = field(default_factory=list)


def source_files(folders: Iterable[Path], *, share: float = 1.0) -> Iterator[Path]:
    """Walk over all files whose name tells a language or text; a ``share`` of them chosen by their path."""
    from encoders.languages import detect_language

    for folder in folders:
        for path in sorted(folder.rglob("*")):
            known = path.suffix.lower() in _MARKUP or detect_language(path.name) is not None
            if known and path.is_file() and _place(path) < share:
                yield path


def check_files(
    paths: Sequence[Path], segmenter: Segmenter, tokenizer: Tokenizer, max_tokens: int, watch: ProgressWatch
) -> TilingReport:
    """Cut every file twice and hold the tiles against their rules.

    The tiles are the text, character for character; a second run finds the same ones;
    and what the encoder reads for a tile fits it, counted by its own tokenizer.
    """
    from indexers.parsing.plain import decode

    report = TilingReport()
    watch.stage("cutting", total=len(paths))
    for done, path in enumerate(paths, start=1):
        read = decode(path.read_bytes())
        if read is None:
            report.binary += 1
        elif read[0]:
            kind = _MARKUP.get(path.suffix.lower(), "text/plain")
            _check(Document(id=path.name, text=read[0], source=str(path), media_type=kind),
                   segmenter, tokenizer, max_tokens, report)  # fmt: skip
        watch.reach(done)
    return report


def _check(
    document: Document, segmenter: Segmenter, tokenizer: Tokenizer, max_tokens: int, report: TilingReport
) -> None:
    started = time.process_time()
    segments, how = segmenter.segment_with_report(document)
    seconds = time.process_time() - started
    tally = report.tallies.setdefault(how.language or how.rules, Tally())
    tally.files += 1
    tally.size_bytes += len(document.text.encode("utf-8", "surrogatepass"))
    tally.segments += len(segments)
    tally.seconds += seconds
    if how.reason:
        reason = f"{how.language}: {how.reason}"
        report.reasons[reason] = report.reasons.get(reason, 0) + 1
        tally.weaker += how.rules != "syntax"
        tally.troubled += how.rules == "syntax"
    report.broken += [
        f"{document.source}: {broken}" for broken in _broken_rules(document, segments, segmenter)
    ]
    room = max_tokens - tokenizer.special_tokens
    for segment, tokens in zip(
        segments, tokenizer.tokenize([each.reading(document.text) for each in segments]), strict=True
    ):
        if len(tokens) > room and len(segment.span) > 1:
            report.broken.append(
                f"{document.source}: tile {segment.ordinal} reads {len(tokens)} of {room} tokens"
            )
    [whole] = tokenizer.tokenize([document.text])
    tally.tokens += len(whole)
    tally.unknown += int((~whole.known).sum())


def _broken_rules(document: Document, segments: Sequence[Segment], segmenter: Segmenter) -> Iterator[str]:
    if "".join(each.span.of(document.text) for each in segments) != document.text:
        yield "the tiles are not the text"
    if segmenter.segment(document) != list(segments):
        yield "a second run cuts otherwise"


def _place(path: Path) -> float:
    return int(hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) / 0x100000000


@click.command("coverage")
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True,
              help="Of the files, chosen by their path.")  # fmt: skip
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
@ENCODER
@click.pass_context
def coverage(
    context: click.Context, folders: tuple[Path, ...], share: float, json_file: Path | None, encoder: str
) -> None:
    """Cut every source file in FOLDERS and check the cuts.

    Exit code 1 where something is lost.
    """
    from rich.console import Console

    from encoders.opening import open_encoder
    from encoders.segmentation import DocumentSegmenter
    from eval.progress import ProgressWatch
    from eval.record import write_record

    tokenizer = open_encoder(encoder).tokenizer
    segmenter = DocumentSegmenter(tokenizer)
    with ProgressWatch() as watch:
        watch.stage("looking for files")
        paths = list(source_files(folders, share=share))
        report = check_files(paths, segmenter, tokenizer, segmenter.config.max_tokens, watch)
    if json_file:
        write_record(json_file, {"format": 1, "share": share, **asdict(report)})
    _show(Console(), report)
    if report.broken:
        context.exit(1)


def _show(console: Console, report: TilingReport) -> None:
    from rich.table import Table

    table = Table(title="every file cut twice; processor seconds of cutting once", title_justify="left")
    table.add_column("language")
    for name in ("files", "MB", "segments", "s/MB", "tokens known", "syntax errors", "by lines"):
        table.add_column(name, justify="right")
    tallies = sorted(report.tallies.items(), key=lambda item: -item[1].size_bytes)
    for language, tally in [*tallies, ("all", _total(report.tallies.values()))]:
        megabytes = tally.size_bytes / 1e6
        table.add_row(
            language,
            f"{tally.files:,}",
            f"{megabytes:,.2f}",
            f"{tally.segments:,}",
            f"{tally.seconds / megabytes:.2f}",
            f"{1 - tally.unknown / max(tally.tokens, 1):.3%}",
            f"{tally.troubled:,}",
            f"{tally.weaker:,}",
        )
    console.print(table)
    for reason, count in sorted(report.reasons.items(), key=lambda item: -item[1])[:_SHOWN]:
        console.print(f"{count:,} x {reason}", markup=False)
    console.print(f"{report.binary:,} files hold no text; {len(report.broken):,} broken rules")
    for line in report.broken[:_SHOWN]:
        console.print(line, markup=False)


def _total(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for name in Tally.__dataclass_fields__:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
    return total
