"""What this machine has for cells: cores, memory and GPUs, as far as this process may use them."""

from __future__ import annotations

import os
import re
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Return how many CPU cores this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if (
        given := os.environ.get("SLURM_CPUS_ON_NODE", "")
    ).isdigit():  # not every Slurm binds a job to what it was given
        here = min(here, int(given))
    quota, _, period = _text(_CGROUP / "cpu.max").partition(" ")
    return max(1, min(here, int(quota) // int(period))) if quota.isdigit() else here


def free_bytes() -> int:
    """Return how much memory is free, by the system or by this process's container, whichever is less; 0 where neither says."""
    free = (
        [int(match[1]) * 1024] if (match := re.search(r"MemAvailable:\s+(\d+)", _text(Path("/proc/meminfo")))) else []
    )
    most, used = _text(_CGROUP / "memory.max"), _text(_CGROUP / "memory.current")
    if most.isdigit() and used.isdigit():
        cache = re.search(r"^inactive_file (\d+)", _text(_CGROUP / "memory.stat"), re.MULTILINE)
        free.append(int(most) - int(used) + (int(cache[1]) if cache else 0))
    return min(free, default=0)


def memory_kills() -> int:
    """Return how many processes the system has killed for want of memory so far; where it does not say, 0."""
    counts = re.findall(r"^oom_kill (\d+)", _text(Path("/proc/vmstat")) + "\n" + _text(_CGROUP / "memory.events"), re.M)
    return sum(map(int, counts))


def peak_of(pid: int) -> int:
    """Return the memory of a process at most so far, in bytes; 0 where it is gone or the system does not say."""
    match = re.search(r"^VmHWM:\s+(\d+)", _text(Path(f"/proc/{pid}/status")), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def gpus() -> list[str]:
    """Return the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [each.strip() for each in visible.split(",") if each.strip() not in ("", "-1")]
    folder = Path("/proc/driver/nvidia/gpus")
    return [str(number) for number in range(len(list(folder.iterdir())))] if folder.is_dir() else []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
