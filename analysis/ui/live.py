"""Pages that follow what is being written, at most twice a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from analysis.ui.framework import solara
from analysis.ui.library import Follower

BEAT_S = 0.5
"""Seconds between two updates of a page."""


def use_version(follower: Follower) -> int:
    """Return the version of a follower's book; the component is rendered again when it has grown."""
    version, set_version = solara.use_state(follower.version)

    def look(known: list[Any]) -> None:
        now = [follower.version, follower.ready.is_set()]
        if now != known:
            known[:] = now
            set_version(now[0] * 2 + now[1])

    _use_beat(look, BEAT_S, [follower])
    return version


def use_ticks(seconds: float) -> None:
    """Render the component again every so many seconds."""
    _, tick = solara.use_state(0)
    _use_beat(lambda known: tick(lambda number: number + 1), seconds, [])


def _use_beat(beat: Callable[[list[Any]], None], seconds: float, depends: list[Any]) -> None:
    def begin() -> Callable[[], None]:
        stopped = threading.Event()
        known: list[Any] = []

        def run() -> None:
            while not stopped.wait(seconds):
                beat(known)

        threading.Thread(target=run, daemon=True).start()
        return stopped.set

    solara.use_effect(begin, depends)
