"""What indexing will take, told from a sample of the files."""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encoders.types import Document
from indexers.errors import DiskSpaceError
from indexers.layout import SPARE_BYTES
from indexers.parsing import FileParser, FoundFile, Skipped
from indexers.report import Estimate

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from pathlib import Path

    from encoders.protocols import Encoder, Segmenter

_FILES_OF_A_KIND = 4
_MOST_FILES = 40
_MOST_BYTES = 16 << 20
_MOST_CHARACTERS = 400_000
_TIMED_SEGMENTS = 32
# Bytes on disk, measured on stores of prose and of code; see docs/benchmarks.md.
_DISK_PER_SEGMENT = 2_600
_DISK_PER_DIMENSION = 5
_DISK_PER_CHARACTER = 0.6
_DISK_PER_DOCUMENT = 6_000
_DISK_PER_FILE_BYTE = 30


@dataclass(slots=True)
class _Sample:
    """Sums over the files that were read, of one kind."""

    files: int = 0
    failed: int = 0
    size_bytes: int = 0
    characters: float = 0.0
    tokens: float = 0.0
    segments: float = 0.0


def estimate(
    found: Iterable[FoundFile | Skipped],
    encoder: Encoder,
    segmenter: Segmenter,
    *,
    known: Container[str],
    store: Path,
) -> Estimate:
    """Read and cut some files of each kind, time the encoder, and extend that to all files.

    Args:
        found: what a survey of the paths gave.
        encoder: its speed is measured on a few segments.
        segmenter: cuts the sample.
        known: ids of the documents that are indexed already.
        store: the store's folder.
    """
    items = list(found)
    by_kind: dict[str, list[tuple[int, FoundFile]]] = defaultdict(list)
    for item in items:
        if isinstance(item, FoundFile):
            by_kind[item.path.suffix.lower()].append((item.path.stat().st_size, item))
    readings: list[str] = []
    total, seen = _Sample(), _Sample()
    parsing_s = 0.0
    with FileParser() as parser:
        for files in sorted(by_kind.values(), key=len, reverse=True):
            size = sum(size for size, _ in files)
            started = time.perf_counter()
            sample = _read(_some(files, seen.files), parser, segmenter, readings, encoder)
            took = time.perf_counter() - started
            if not sample.files:  # of this kind nothing was read: it is taken to be like the rest
                sample, took = seen, 0.0
            scale = size / sample.size_bytes if sample.size_bytes else 0.0
            total.size_bytes += size
            total.files += len(files)
            total.characters += scale * sample.characters
            total.tokens += scale * sample.tokens
            total.segments += scale * sample.segments
            parsing_s += scale * took
            if sample is not seen:
                _add(seen, sample)
    speed = _speed(encoder, readings)
    disk = _disk(total, encoder.dim)
    return Estimate(
        files=total.files,
        left_out=sum(isinstance(item, Skipped) for item in items),
        known=sum(isinstance(item, FoundFile) and item.id in known for item in items),
        sampled=seen.files,
        failed=seen.failed,
        size_bytes=total.size_bytes,
        characters=round(total.characters),
        tokens=round(total.tokens),
        segments=round(total.segments),
        tokens_per_s=speed,
        seconds=parsing_s + (total.tokens / speed if speed else 0.0),
        disk_bytes=disk,
        free_bytes=shutil.disk_usage(store).free,
        needed_bytes=disk + SPARE_BYTES,
    )


def may_not_fit(found: Iterable[FoundFile | Skipped], store: Path) -> bool:
    """Tell whether files are so large, beside the room there is, that an estimate is worth its time."""
    size = sum(item.path.stat().st_size for item in found if isinstance(item, FoundFile))
    return _DISK_PER_FILE_BYTE * size + SPARE_BYTES > shutil.disk_usage(store).free


def check_room(expected: Estimate, store: Path) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        DiskSpaceError: with the room needed and the room there is.
    """
    if not expected.fits:
        raise DiskSpaceError(
            f"indexing {expected.files:,} files will take about {expected.disk_bytes >> 20:,} MiB and "
            f"{SPARE_BYTES >> 20} must stay free, but {store} has {expected.free_bytes >> 20:,} MiB; "
            "nothing was written, free some space or index less",
            free=expected.free_bytes,
            needed=expected.needed_bytes,
        )


def _some(files: Sequence[tuple[int, FoundFile]], already: int) -> list[tuple[int, FoundFile]]:
    """Choose files from small to large; a huge one only where there is no other."""
    ordered = sorted(files, key=lambda pair: (pair[0], pair[1].id))
    handy = [pair for pair in ordered if 0 < pair[0] <= _MOST_BYTES] or ordered[:1]
    wanted = _FILES_OF_A_KIND if already < _MOST_FILES else 0
    if len(handy) <= wanted:
        return handy
    return [handy[(2 * place + 1) * len(handy) // (2 * wanted)] for place in range(wanted)]


def _read(
    files: Sequence[tuple[int, FoundFile]],
    parser: FileParser,
    segmenter: Segmenter,
    readings: list[str],
    encoder: Encoder,
) -> _Sample:
    sample = _Sample()
    for size, file in files:
        sample.files += 1
        sample.size_bytes += size
        try:
            document = parser.parse_file(file)
        except OSError:
            sample.failed += 1
            continue
        if isinstance(document, Skipped):
            sample.failed += 1
            continue
        part = document.text[:_MOST_CHARACTERS]
        cut = document if len(part) == len(document.text) else Document(id=document.id, text=part)
        segments = segmenter.segment(cut)
        share = len(document.text) / len(part) if part else 0.0
        of_document = [segment.reading(part) for segment in segments]
        extra = encoder.tokenizer.special_tokens
        read = sum(len(tokens) + extra for tokens in encoder.tokenizer.tokenize(of_document))
        sample.characters += len(document.text)
        sample.segments += share * len(segments)
        sample.tokens += share * read
        readings += of_document[:: max(1, len(of_document) // _TIMED_SEGMENTS)]
    return sample


def _add(to: _Sample, sample: _Sample) -> None:
    to.files += sample.files
    to.failed += sample.failed
    to.size_bytes += sample.size_bytes
    to.characters += sample.characters
    to.tokens += sample.tokens
    to.segments += sample.segments


def _speed(encoder: Encoder, readings: Sequence[str]) -> float:
    """Return tokens read a second, warm."""
    if not readings:
        return 0.0
    chosen = [readings[place * len(readings) // _TIMED_SEGMENTS] for place in range(_TIMED_SEGMENTS)]
    encoder.embed(chosen[:4])
    started = time.perf_counter()
    encoder.embed(chosen)
    seconds = time.perf_counter() - started
    read = sum(len(tokens) for tokens in encoder.tokenizer.tokenize(chosen))
    return (read + len(chosen) * encoder.tokenizer.special_tokens) / max(seconds, 1e-6)


def _disk(total: _Sample, dim: int) -> int:
    per_segment = _DISK_PER_SEGMENT + _DISK_PER_DIMENSION * dim
    return round(
        per_segment * total.segments
        + _DISK_PER_CHARACTER * total.characters
        + _DISK_PER_DOCUMENT * total.files
    )
