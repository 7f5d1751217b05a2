"""``longdoc bench encode``: tokens per second of the encoder beside its peers.

Every engine runs in a process of its own that is loaded once; rounds alternate
between the processes, and the median counts. All read the same model folder,
with a position table lengthened where the texts ask for it, and the same texts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from bisect import bisect_right
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from encoders.pooling import normalize
from eval.bench_engines import NEEDS, ON_A_CPU, Job, why_missing
from eval.bench_model import gemm_limit, prepare_model
from eval.errors import DataError, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from encoders.types import FloatArray

_REFERENCE: Final = "longdoc float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured of an engine at one length; ``missing`` says why nothing was.

    Attributes:
        tokens_per_second: by the clock, which other programs on the machine slow down.
        tokens_per_processor_second: by the time that processors spent on it; by the clock on other devices.
        share_of_limit: of `eval.bench_engines.gemm_limit`.
        rounds: seconds of each.
        processor_rounds: processor seconds of each.
        peak_bytes: memory of the process at its highest.
        mean_cosine: with our vectors in float32.
        least_cosine: likewise, the worst text.
    """

    engine: str
    length: int
    tokens_per_second: float = 0.0
    tokens_per_processor_second: float = 0.0
    share_of_limit: float = 0.0
    rounds: tuple[float, ...] = ()
    processor_rounds: tuple[float, ...] = ()
    peak_bytes: int = 0
    mean_cosine: float = 0.0
    least_cosine: float = 0.0
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all engines do.

    Attributes:
        texts: to encode.
        tokens: of all together, special ones included.
        length: none has more tokens.
        limit: tokens per processor second that matrix products would allow.
        model: the folder that all read.
        device: where; on all but the CPU it is the clock that counts, not the processor's time.
    """

    texts: list[str]
    tokens: int
    length: int
    limit: float
    model: Path
    device: str = "cpu"


def compare_speed(
    data: Path | None,
    *,
    peers: Sequence[str],
    lengths: Sequence[int],
    tokens: int,
    rounds: int,
    equal: bool,
    threads: int | None,
    json_file: Path | None,
    device: str = "cpu",
    peers_python: Path | None = None,
    encoder: str = "bundled",
) -> None:
    """Measure, print, and write the figures where asked for.

    All engines compute on ``device``, each with the model ``encoder``. ``peers`` are parts of the names
    of those that are measured too. ``peers_python`` is their interpreter: their backends often want an
    older transformers, hence an environment of their own.
    """
    from encoders.loading import find_folder
    from encoders.model_folder import read_folder
    from encoders.processor import fast_dtype, local_flags, usable_cores

    source = find_folder(encoder)
    cores = threads or usable_cores()
    fast = fast_dtype(local_flags()) if device == "cpu" else "bfloat16"
    engines = [name for name in NEEDS if name.startswith("longdoc") or any(part in name for part in peers)]
    if device != "cpu":
        engines = [name for name in engines if name not in ON_A_CPU]
    if fast == "float32":
        engines.remove("longdoc")
    figures: list[Figure] = []
    limits: dict[int, float] = {}
    for length in lengths:
        with tempfile.TemporaryDirectory() as place:
            model = prepare_model(source, Path(place) / "model", length)
            texts, sizes = make_texts(data, length=length, tokens=tokens, equal=equal, model=model)
            pythons = {name: _python(name, peers_python) for name in engines}
            limits[length] = gemm_limit(read_folder(model).transformer, cores, sizes, device)
            work = Work(
                texts=texts,
                tokens=sum(sizes),
                length=length,
                limit=limits[length],
                model=model,
                device=device,
            )
            figures += measure(pythons, work, Path(place), rounds, cores)
    _show(figures, limits, cores, fast, device)
    if json_file is not None:
        record = {
            "encoder": encoder,
            "threads": cores,
            "device": device,
            "gemm_limits": limits,
            "figures": [asdict(figure) for figure in figures],
        }
        json_file.write_text(json.dumps(record, indent=1), encoding="utf-8")


def make_texts(
    data: Path | None, *, length: int, tokens: int, equal: bool, model: Path
) -> tuple[list[str], list[int]]:
    """Cut real text into pieces of at most ``length`` tokens, special ones included.

    Without ``data`` the text is Python's own language reference, which every
    installation carries. Ragged segments have a quarter of the length at least,
    longer documents three quarters. Every piece begins and ends between words; one that has other
    tokens alone, as where words begin with their blank, is counted as it is alone.

    Returns:
        the pieces and the tokens of each as ``model`` reads them, special tokens included.

    Raises:
        DataError: there is too little text for one piece.
    """
    from encoders.fast_tokenizer import load_tokenizer
    from encoders.model_folder import read_folder

    folder = read_folder(model)
    tokenizer = load_tokenizer(folder.transformer, lowercase=folder.lowercase)
    source = "\n".join(_read_texts(data))
    room = length - tokenizer.special_tokens
    [spans] = tokenizer.tokenize([source[: 12 * (tokens + length)]])
    least = room if equal else room // 4 if length <= 256 else 3 * room // 4
    random = np.random.default_rng(0)
    texts: list[str] = []
    sizes: list[int] = []
    between = [*np.flatnonzero(spans.word_starts).tolist(), len(spans)]
    start = 0
    while sum(sizes) < tokens and start < len(spans):
        end = start + int(random.integers(least, room + 1))
        place = bisect_right(between, end)
        if not equal:
            end = max(between[place - 1], start + 1)
        if between[place - 1] == end:
            piece = source[spans.offsets[start, 0] : spans.offsets[end - 1, 1]]
            size = len(tokenizer.tokenize([piece])[0])
            if size == room if equal else size <= room:
                texts.append(piece)
                sizes.append(size + tokenizer.special_tokens)
            start = end
        else:
            start = between[bisect_right(between, start)]
    if not texts:
        raise DataError(f"the text has {len(spans)} tokens, too few for a piece of {length}")
    return texts, sizes


def _read_texts(data: Path | None) -> list[str]:
    if data is None:
        from pydoc_data.topics import topics

        return list(topics.values())
    if data.is_file():
        return [data.read_text(encoding="utf-8")]
    lines = (data / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def _python(engine: str, peers_python: Path | None) -> str:
    return sys.executable if peers_python is None or engine.startswith("longdoc") else str(peers_python)


def measure(pythons: Mapping[str, str], work: Work, place: Path, rounds: int, threads: int) -> list[Figure]:
    """Run every engine that is installed, in turns; ``pythons``: engine -> its interpreter."""
    (place / "texts.json").write_text(json.dumps(work.texts), encoding="utf-8")
    missing = {engine: why_missing(engine, python, work.device) for engine, python in pythons.items()}
    answers: dict[str, list[dict[str, float]]] = {engine: [] for engine in pythons if not missing[engine]}
    jobs: dict[str, Job] = {}
    with ExitStack() as stack:
        workers = {}
        for number, engine in enumerate(answers):
            jobs[engine] = Job(
                engine=engine,
                folder=str(work.model),
                texts=str(place / "texts.json"),
                vectors=str(place / f"{number}.npy"),
                length=work.length,
                threads=threads,
                device=work.device,
            )
            workers[engine] = stack.enter_context(_started(jobs[engine], pythons[engine]))
            if not _answer(workers[engine]):
                missing[engine] = "its process ended; see the error above"
        for number in range(rounds):
            for engine, worker in workers.items():
                if missing[engine]:
                    continue
                if (answer := _asked(worker)) is None:
                    missing[engine] = f"its process ended in round {number + 1}; is there memory enough?"
                else:
                    answers[engine].append(answer)
    answers = {engine: own for engine, own in answers.items() if not missing[engine]}
    if _REFERENCE not in answers:
        raise EvaluationError(f"{_REFERENCE}, which the others are compared with: {missing[_REFERENCE]}")
    vectors = {engine: np.load(jobs[engine].vectors) for engine in answers}
    return [
        _figure(engine, work, answers[engine], vectors)
        if not missing[engine]
        else Figure(engine=engine, length=work.length, missing=missing[engine])
        for engine in pythons
    ]


def _figure(
    engine: str, work: Work, answers: Sequence[Mapping[str, float]], vectors: Mapping[str, FloatArray]
) -> Figure:
    cosines = cosines_of(vectors[engine], vectors[_REFERENCE])
    seconds = tuple(answer["seconds"] for answer in answers)
    processor = tuple(answer["processor_seconds"] for answer in answers)
    rate = work.tokens / median(processor if work.device == "cpu" else seconds)
    return Figure(
        engine=engine,
        length=work.length,
        tokens_per_second=work.tokens / median(seconds),
        tokens_per_processor_second=rate,
        share_of_limit=rate / work.limit,
        rounds=seconds,
        processor_rounds=processor,
        peak_bytes=max(int(answer["peak_bytes"]) for answer in answers),
        mean_cosine=float(cosines.mean()),
        least_cosine=float(cosines.min()),
    )


def cosines_of(vectors: FloatArray, others: FloatArray) -> FloatArray:
    """Return the cosine of each row with its counterpart; rows in bfloat16 are not quite of unit length."""
    cosines: FloatArray = (normalize(vectors) * normalize(others)).sum(axis=1)
    return cosines


def _started(job: Job, python: str) -> subprocess.Popen[str]:
    command = [python, "-m", "eval.bench_engines", json.dumps(asdict(job))]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=here)


def _asked(worker: subprocess.Popen[str]) -> dict[str, float] | None:
    """Let a worker run a round; None when it has ended."""
    if worker.stdin is None:
        raise RuntimeError("a worker was started without a pipe")
    try:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    except BrokenPipeError:
        with suppress(BrokenPipeError):
            worker.stdin.close()
        return None
    line = _answer(worker)
    answer: dict[str, float] | None = json.loads(line) if line else None
    return answer


def _answer(worker: subprocess.Popen[str]) -> str:
    if worker.stdout is None:
        raise RuntimeError("a worker was started without a pipe")
    return worker.stdout.readline()


def _show(
    figures: Sequence[Figure], limits: Mapping[int, float], threads: int, dtype: str, device: str
) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{threads} threads; processor computes fast in {dtype}; ratio and limit by processor seconds"
    if device != "cpu":
        title = f"{device} in {dtype}, {threads} threads beside it; ratio and limit by the clock"
    table = Table(title=title, title_justify="left")
    table.add_column("tokens", justify="right")
    table.add_column("engine")
    headings = ("tokens/s", "per processor s", "of ST float32", "of limit", "peak MB", "mean cosine", "least")
    for heading in headings:
        table.add_column(heading, justify="right")
    rates = {(f.length, f.engine): f.tokens_per_processor_second for f in figures}
    for f in figures:
        if f.missing:
            table.add_row(str(f.length), f.engine, f.missing)
            continue
        base = rates.get((f.length, "sentence-transformers float32"), 0.0)
        share = f"{f.tokens_per_processor_second / base:.2f}" if base else "-"
        speeds = (f"{f.tokens_per_second:.0f}", f"{f.tokens_per_processor_second:.0f}", share)
        table.add_row(
            str(f.length),
            f.engine,
            *speeds,
            f"{f.share_of_limit:.2f}",
            f"{f.peak_bytes / 1e6:.0f}",
            f"{f.mean_cosine:.5f}",
            f"{f.least_cosine:.5f}",
        )
    console = Console(width=None if Console().is_terminal else 160)
    console.print(table)
    for length, limit in limits.items():
        shown = f"float32: {limit:.0f} tokens per processor second"
        if device != "cpu":
            shown = f"{dtype}: {limit:.0f} tokens per second"
        console.print(f"{length}: matrix products alone, {shown}")
