"""What this machine has for cells: cores, memory and GPUs, as far as this process may use them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_CGROUP, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores() -> int:
    """Return how many CPU cores this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("SLURM_CPUS_ON_NODE", "")
    if given.isdigit():  # not every Slurm binds a job to what it was given
        here = min(here, int(given))
    for group in _groups("cpu"):
        said = f"{_text(group / 'cpu.cfs_quota_us')} {_text(group / 'cpu.cfs_period_us')}"
        quota, _, period = (_text(group / "cpu.max") or said).partition(" ")
        if quota.isdigit() and period.isdigit():
            here = min(here, int(quota) // int(period))
    return max(1, here)


def free_bytes() -> int:
    """Return how much memory is free, by the system or by a container or job that this process is in, whichever is least; 0 where
    none says."""
    free = [int(found) * 1024 for found in re.findall(r"MemAvailable:\s+(\d+)", _text(Path("/proc/meminfo")))]
    for group in _groups("memory"):
        most = _text(group / "memory.max") or _text(group / "memory.limit_in_bytes")
        used = _text(group / "memory.current") or _text(group / "memory.usage_in_bytes")
        if most.isdigit() and used.isdigit():
            stat = _text(group / "memory.stat")
            cache = re.search(r"^total_inactive_file (\d+)", stat, re.M) or re.search(
                r"^inactive_file (\d+)", stat, re.M
            )
            free.append(max(0, int(most) - int(used) + (int(cache[1]) if cache else 0)))
    return min(free, default=0)


def memory_kills() -> int:
    """Return a count that grows when the system kills a process for want of memory; where it does not say, 0."""
    files = [group / name for group in _groups("memory") for name in ("memory.events", "memory.oom_control")]
    said = "\n".join(_text(path) for path in (Path("/proc/vmstat"), *files))
    return sum(map(int, re.findall(r"^oom_kill (\d+)", said, re.M)))


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


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, the innermost first: of version 2, and of version 1."""
    for line in _text(_OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUP / controller if controllers else _CGROUP
        own = root / path.strip("/")
        yield from (group for group in (own, *own.parents) if group.is_relative_to(root))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
