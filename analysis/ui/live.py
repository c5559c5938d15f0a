"""Pages that follow a run as it is written, at most twice a second, and only while they are seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from analysis.ui.followers import BEAT_S, pause
from analysis.ui.framework import solara
from analysis.ui.library import Follower

SEEN = solara.create_context(True)
"""Whether the page is seen; while it is not, it stays as it is, and reads nothing."""


def use_version(follower: Follower) -> int:
    """Return the version of a follower's book; the component is rendered again when it has grown, and is seen."""
    seen = solara.use_context(SEEN)
    version, set_version = solara.use_state(follower.version)

    def look(known: list[Any]) -> None:
        now = [follower.version, follower.ready.is_set()]
        if now != known:
            known[:] = now
            set_version(now[0] * 2 + now[1])

    solara.use_effect(lambda: follower.look() if seen else None, [follower, seen])
    _use_beat(look, BEAT_S, [follower, seen], seen)
    return version


def use_ticks(seconds: float) -> None:
    """Render the component again every ``seconds`` seconds, while it is seen."""
    seen = solara.use_context(SEEN)
    _, tick = solara.use_state(0)
    _use_beat(lambda known: tick(lambda number: number + 1), seconds, [seen], seen)


def _use_beat(beat: Callable[[list[Any]], None], seconds: float, depends: list[Any], on: bool) -> None:
    """Call ``beat`` every ``seconds`` seconds, less often where it is slow, and not while the browser is gone."""
    there = _connected()

    def begin() -> Callable[[], None] | None:
        stopped = threading.Event()
        state: list[Any] = []

        def run() -> None:
            wait = seconds
            while not stopped.wait(wait):
                if there():
                    began = time.monotonic()
                    beat(state)
                    wait = max(seconds, pause(time.monotonic() - began))

        if on:
            threading.Thread(target=run, daemon=True).start()
        return stopped.set

    solara.use_effect(begin, depends)


def _connected() -> Callable[[], bool]:
    """Return a function that says whether a browser holds the page; one that vanished may come back for two hours."""
    from solara.server import kernel_context as kernels  # pyright: ignore[reportMissingImports]

    if not kernels.has_current_context():
        return lambda: True
    pages = kernels.get_current_context().page_status
    return lambda: kernels.PageStatus.CONNECTED in tuple(pages.values())
