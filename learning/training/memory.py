"""Freed memory, given back to the system. Knows nothing of what it held."""

from __future__ import annotations

import ctypes


def release() -> None:
    """Give freed memory back to the system; nothing where the C library cannot.

    glibc keeps what large arrays leave behind: after a training and a million votes a contest, some 700 MB.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
