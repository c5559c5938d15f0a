"""A limit of time for what a test carries out: what takes longer hangs."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def no_longer_than(seconds: float, *, processor: bool = False) -> Iterator[None]:
    """Raise ``TimeoutError`` in what takes longer.

    Args:
        processor: count the process's own processor time, in which other work on the machine plays no part.
    """
    timer, sent = (signal.ITIMER_PROF, signal.SIGPROF) if processor else (signal.ITIMER_REAL, signal.SIGALRM)

    def ring(*_: object) -> None:
        raise TimeoutError(f"it hangs: {seconds:g} s{' of processor time' if processor else ''}")

    before = signal.signal(sent, ring)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(sent, before)
