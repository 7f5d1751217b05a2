"""What the processor can do, as pure functions over what the system says of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set

    from encoders.config import DtypeName

_BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16", "svebf16"})


def processor_flags(cpuinfo: str) -> frozenset[str]:
    """Return the instruction sets that every core of ``/proc/cpuinfo`` has."""
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, flags=re.MULTILINE)
    sets = [frozenset(line.split()) for line in lines]
    return frozenset.intersection(*sets) if sets else frozenset()


def fast_dtype(flags: Set[str]) -> DtypeName:
    """Choose the number format of the weights.

    bfloat16 only where the processor multiplies it: elsewhere it is emulated and
    up to a hundred times slower than float32.
    """
    return "bfloat16" if flags & _BFLOAT16_FLAGS else "float32"


def local_flags() -> frozenset[str]:
    """Return the instruction sets of this machine, none where the system does not say."""
    path = Path("/proc/cpuinfo")
    return processor_flags(path.read_text(encoding="utf-8")) if path.is_file() else frozenset()


def quota_cores(root: Path) -> int | None:
    """Return the whole cores that a control group allows, None when it sets no limit.

    Args:
        root: where control groups are mounted; both versions of their files are read.
    """
    if (root / "cpu.max").is_file():
        quota, _, period = (root / "cpu.max").read_text(encoding="ascii").strip().partition(" ")
    elif (root / "cpu/cpu.cfs_quota_us").is_file():
        quota, period = (
            (root / f"cpu/cpu.cfs_{name}_us").read_text(encoding="ascii").strip()
            for name in ("quota", "period")
        )
    else:
        return None
    if not quota.isdecimal() or not period.isdecimal():
        return None
    return max(int(quota) // int(period), 1)


def usable_cores() -> int:
    """Count the cores this process may use: its affinity and its container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = quota_cores(Path("/sys/fs/cgroup"))
    return min(allowed, quota) if quota else allowed
