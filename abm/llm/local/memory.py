"""Memory that did not suffice, in one line, whichever of torch's errors says so. Knows errors; nothing of models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from moloch.errors import MolochError

_SAID = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed", "cannot allocate memory")
"""What torch's allocator for the CPU and CUDA's libraries say in a ``RuntimeError``, in small letters."""


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(said in str(error).lower() for said in _SAID)


@contextmanager
def told(doing: str, fix: str, *, where: str = "") -> Iterator[None]:
    """Turn memory that did not suffice in the block into an error for the user; others pass.

    Args:
        doing: what ran out, and ``fix``: what to lower.

    Raises:
        MolochError: memory did not suffice.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        if not ran_out(error):
            raise
        kind = "GPU memory" if isinstance(error, torch.OutOfMemoryError) or "cuda" in str(error).lower() else "memory"
        why = next(iter(str(error).splitlines()), "") or "there is no more left"
        raise MolochError(f"{doing} ran out of {kind}", where=where, why=why, fix=fix) from error
