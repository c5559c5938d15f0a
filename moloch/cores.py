"""How threads that share this machine's cores wait for one another. Knows nothing of models.

OpenMP's threads spin while they wait, each on a core of its own: quick where cores are free, and ruinous where another
process is busy, since the one who is waited for has to get the core from the one who waits. A library of OpenMP reads
once, when it is loaded, whether its threads are to sleep instead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_POLICY = "OMP_WAIT_POLICY"
_TOLD = (_POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Environment variables that say how OpenMP waits: the standard's, GNU's, LLVM's and Intel's."""
_LIBRARIES = ("libgomp", "libiomp", "libomp")
_MAPS = Path("/proc/self/maps")


def wait_asleep() -> None:
    """Let OpenMP's threads of this process, and of those that it starts, sleep while they wait.

    Does nothing where the environment says how they are to wait, or where a library of OpenMP is loaded already.
    """
    if not waiting_is_told() and not _is_loaded():
        os.environ[_POLICY] = "PASSIVE"


def waiting_is_told() -> bool:
    """Return whether OpenMP knows how to wait, by :func:`wait_asleep` or by the user."""
    return any(os.environ.get(name) for name in _TOLD)


def _is_loaded() -> bool:
    if "torch" in sys.modules:
        return True
    try:
        maps = _MAPS.read_text("utf-8", "replace")
    except OSError:  # not Linux
        return False
    return any(name in maps for name in _LIBRARIES)
