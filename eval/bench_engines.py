"""What ``longdoc bench encode`` compares, each in a process of its own.

Run as a module with a `Job` as its argument, this loads one engine and encodes
the job's texts once per line that comes in.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from encoders.types import FloatArray

NEEDS: Final = {
    "longdoc": (),
    "longdoc float32": (),
    "sentence-transformers float32": ("sentence_transformers",),
    "sentence-transformers bfloat16": ("sentence_transformers",),
    "sentence-transformers ONNX": ("sentence_transformers", "onnxruntime", "optimum"),
    "sentence-transformers ONNX int8": ("sentence_transformers", "onnxruntime", "optimum"),
    "sentence-transformers OpenVINO": ("sentence_transformers", "openvino", "optimum"),
}

ON_A_CPU: Final = frozenset(name for name in NEEDS if "ONNX" in name or "OpenVINO" in name)
"""Engines that are measured there alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a process measures."""

    engine: str
    folder: str
    texts: str
    vectors: str
    length: int
    threads: int
    device: str = "cpu"


def why_missing(engine: str, python: str, device: str) -> str:
    """Return why ``engine`` cannot be measured on ``device`` by the interpreter ``python``, or nothing."""
    question = "import importlib.util as u, sys; print(*(n for n in sys.argv[1:] if not u.find_spec(n)))"
    asked = [python, "-c", question, *NEEDS[engine]]
    absent = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    if absent:
        return f"not installed: {', '.join(absent)}"
    if engine.endswith("bfloat16") and device == "cpu":
        from encoders.processor import fast_dtype, local_flags

        if fast_dtype(local_flags()) != "bfloat16":
            return "this processor does not compute in bfloat16"
    return ""


def load_engine(job: Job) -> Callable[[list[str]], FloatArray]:
    """Load what ``job`` names; returns a function from texts to unit vectors."""
    if job.engine.startswith("longdoc"):
        from encoders.loading import load_encoder

        dtype: Any = "float32" if job.engine.endswith("float32") else "auto"
        # on a table lengthened many times short texts, such as those of the check, are all alike
        return load_encoder(
            job.folder, dtype=dtype, threads=job.threads, device=job.device, self_check=False
        ).encode
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(job.threads)
    backend: Any = {"ONNX": "onnx", "OpenVINO": "openvino"}.get(job.engine.split()[1], "torch")
    options = _options(job)
    model = SentenceTransformer(job.folder, device=job.device, backend=backend, model_kwargs=options)
    size = min(32, max(1, 16_384 // job.length)) if job.device == "cpu" else max(1, 65_536 // job.length)

    def run(texts: list[str]) -> FloatArray:
        vectors: FloatArray = model.encode(texts, batch_size=size, normalize_embeddings=True)
        return vectors.astype(np.float32)

    return run


def _options(job: Job) -> dict[str, Any]:
    """Return what makes an engine of sentence-transformers compute as the job says."""
    if job.engine.endswith("bfloat16"):
        import torch

        return {"dtype": torch.bfloat16}
    if "ONNX" in job.engine:
        from encoders.optional import require

        session = require("onnxruntime", extra="bench").SessionOptions()
        session.intra_op_num_threads = job.threads
        file = {"file_name": _quantised(job.folder)} if job.engine.endswith("int8") else {}
        return {"session_options": session, **file}
    if "OpenVINO" in job.engine:
        return {"ov_config": {"INFERENCE_NUM_THREADS": str(job.threads)}}
    return {}


def _quantised(folder: str) -> str:
    """Make the int8 file that sentence-transformers' documentation recommends for this processor."""
    from sentence_transformers import SentenceTransformer, export_dynamic_quantized_onnx_model

    from encoders.processor import local_flags

    kind = "avx512_vnni" if "avx512_vnni" in local_flags() else "avx2"
    file = f"onnx/model_{'qint8' if kind == 'avx512_vnni' else 'quint8'}_{kind}.onnx"
    model = SentenceTransformer(folder, device="cpu", backend="onnx")
    export_dynamic_quantized_onnx_model(model, kind, folder)
    return file


def work(job: Job, asked: IO[str], answers: IO[str]) -> None:
    """Load once, then encode whenever a line comes in."""
    from eval.machine import peak_memory_bytes

    texts = json.loads(Path(job.texts).read_text(encoding="utf-8"))
    run = load_engine(job)
    np.save(job.vectors, run(texts))
    answers.write("ready\n")
    answers.flush()
    for _ in asked:
        start, busy = time.perf_counter(), time.process_time()
        run(texts)
        record = {
            "seconds": time.perf_counter() - start,
            "processor_seconds": time.process_time() - busy,
            "peak_bytes": peak_memory_bytes(),
        }
        answers.write(json.dumps(record) + "\n")
        answers.flush()


if __name__ == "__main__":
    work(Job(**json.loads(sys.argv[1])), sys.stdin, sys.stdout)
