"""What indexing costs beside the bare encoder, and how much memory it takes."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from encoders.opening import open_encoder
from encoders.segmentation import DocumentSegmenter
from encoders.types import Document
from eval.memory import PeakMemory
from retriever import Retriever

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from encoders.protocols import Encoder

_WORDS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Tokens read a second, by the clock and by the processor's time, over all rounds together.

    Attributes:
        ratio: of the two speeds by the clock, the median of the rounds.
        cpu_ratio: likewise by the processor's time, which other programs disturb less.
        peak_bytes: anonymous memory of all processes together.
    """

    documents: int
    tokens: int
    bare_per_s: float
    ingest_per_s: float
    ratio: float
    cpu_ratio: float
    peak_bytes: int


def compare_with_encoder(data: Path, folder: Path, *, documents: int, rounds: int, encoder: str) -> Speed:
    """Index documents, and embed exactly what was embedded for them, in turns.

    Args:
        data: a BEIR folder.
        folder: where stores are made.
        documents: how many of its first ones; each round takes others.
        rounds: pairs of measurements; which of the two goes first alternates.
        encoder: name or folder.
    """
    texts = _texts(data, documents)
    loaded = open_encoder(encoder)
    loaded.embed([text[:2_000] for text in texts[:4]])
    segmenter = DocumentSegmenter(loaded.tokenizer)
    parts = [texts[number::rounds] for number in range(rounds)]
    pairs = []
    with PeakMemory() as memory:
        for number, part in enumerate(parts):
            docs = [Document(id=f"{number}-{place}.txt", text=text) for place, text in enumerate(part)]
            readings = [one.reading(doc.text) for doc in docs for one in segmenter.segment(doc)]
            runs = {
                "bare": partial(_embed, loaded, readings),
                "ingest": partial(_index, loaded, docs, folder / f"store-{number}"),
            }
            names = sorted(runs, reverse=bool(number % 2))
            pairs.append({name: runs[name]() for name in names})
        peak = memory.peak_bytes
    tokens = {name: sum(pair[name][0] for pair in pairs) for name in ("bare", "ingest")}
    if tokens["bare"] != tokens["ingest"]:
        raise AssertionError(f"the two did not read the same: {tokens}")
    return Speed(
        documents=len(texts),
        tokens=tokens["bare"],
        bare_per_s=tokens["bare"] / sum(pair["bare"][1] for pair in pairs),
        ingest_per_s=tokens["ingest"] / sum(pair["ingest"][1] for pair in pairs),
        ratio=median(pair["bare"][1] / pair["ingest"][1] for pair in pairs),
        cpu_ratio=median(pair["bare"][2] / pair["ingest"][2] for pair in pairs),
        peak_bytes=peak,
    )


def _embed(encoder: Encoder, readings: Sequence[str]) -> tuple[int, float, float]:
    started, cpu = time.perf_counter(), time.process_time()
    embedded = encoder.embed(readings)
    took = time.perf_counter() - started, time.process_time() - cpu
    return sum(ledger.tokens for ledger in embedded.coverage), *took


def _index(encoder: Encoder, documents: Sequence[Document], store: Path) -> tuple[int, float, float]:
    with Retriever.open(store, encoder=encoder) as retriever:
        started, cpu = time.perf_counter(), time.process_time()
        report = retriever.add(documents)
        return report.tokens_read, time.perf_counter() - started, time.process_time() - cpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The most anonymous memory that all processes had together, and how long it took."""

    what: str
    size_bytes: int
    segments: int
    seconds: float
    peak_bytes: int


def index_one_large_file(folder: Path, *, megabytes: int, encoder: str) -> Memory:
    """Index one text file through the store's process, as the command line does."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_words(folder / "large.txt", megabytes * 1_000_000, seed=1)
    return _measure(f"one text file of {megabytes} MB", folder, [folder / "large.txt"], encoder)


def index_many_files(folder: Path, *, count: int, encoder: str) -> Memory:
    """Index many text files of about 6 kB through the store's process."""
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        _write_words(files / f"{number}.txt", 6_000, seed=number)
    return _measure(f"{count:,} files", folder, [files], encoder)


def _measure(what: str, folder: Path, paths: Sequence[Path], encoder: str) -> Memory:
    store = folder / "store"
    size = sum(
        file.stat().st_size for path in paths for file in ([path] if path.is_file() else path.iterdir())
    )
    with PeakMemory() as memory, Retriever.open(store, encoder=encoder) as retriever:
        report = retriever.index(paths)
        peak = memory.peak_bytes
    return Memory(
        what=what,
        size_bytes=size,
        segments=report.coverage.segments,
        seconds=report.seconds,
        peak_bytes=peak,
    )


def _write_words(path: Path, size: int, *, seed: int) -> None:
    choose = random.Random(seed)
    words = [f"word{number}" for number in range(_WORDS)]
    with path.open("w") as file:
        written = 0
        while written < size:
            line = " ".join(choose.choices(words, k=choose.randint(40, 120))) + ".\n\n"
            file.write(line)
            written += len(line)


def _texts(data: Path, count: int) -> list[str]:
    texts = []
    with (data / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            texts.append(json.loads(line)["text"])
            if len(texts) == count:
                break
    return texts
