"""Reading that may take long, without holding up a page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from analysis.ui.framework import solara

PATIENCE_S = 0.3
"""Seconds that a page waits for what it shows before it says that it is reading."""
T = TypeVar("T")


def use_reading(read: Callable[[], T], *about: Any) -> T | None:
    """Return the result of ``read``, called in a separate thread; None until it is there, and then the page is rendered again.

    While a newer result is read ``about`` the same, the last one is returned.

    Raises:
        Exception: whatever ``read`` raised.
    """
    _, again = solara.use_state(0)
    asked, latest = solara.use_ref(about), solara.use_ref(None)
    future: Any = solara.use_ref(None)
    if asked.current != about:
        asked.current, latest.current, future.current = about, None, None

    if future.current is None:
        future.current = _begin(read)
        wait([future.current], PATIENCE_S)
        if not future.current.done():
            future.current.add_done_callback(lambda _: again(lambda number: number + 1))
    if future.current.done():
        done, future.current = future.current, None
        latest.current = done.result()
    return latest.current


def _begin(read: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(read())
        except Exception as error:  # raised again where the page is rendered
            future.set_exception(error)

    threading.Thread(target=run, name="reading for a page", daemon=True).start()
    return future
