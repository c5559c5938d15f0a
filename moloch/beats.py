"""What is done again and again beside something that takes long. Knows nothing of what that is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def beats(do: Callable[[], bool | None], every: float, name: str) -> Iterator[None]:
    """Call ``do`` every few seconds, from a thread of its own, while the block is carried out; the last call has ended after it.

    Args:
        do: raises nothing; after it returned False, it is not called again.
        every: seconds between the end of a call and the next, and before the first.
        name: of the thread.
    """
    done = threading.Event()

    def follow() -> None:
        while not done.wait(every):
            if do() is False:
                return

    thread = threading.Thread(target=follow, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
