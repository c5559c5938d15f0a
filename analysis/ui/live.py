"""Pages that follow a run as it is written, at most twice a second, and only while they are seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from analysis.ui.data.film import newest
from analysis.ui.data.life import LIVE
from analysis.ui.followers import BEAT_S, pause
from analysis.ui.framework import solara
from analysis.ui.library import Follower

LIFE_S = 2.0
"""Seconds between looks at whether a run lives."""
SEEN = solara.create_context(True)
"""Whether the page is seen; while it is not, it stays as it is, and reads nothing."""


def use_version(follower: Follower) -> tuple[Any, ...]:
    """Return what a follower knows, as a version; the component is rendered again when that has changed, and is seen.

    It changes with the book, and with the run's state: a run that was killed writes nothing that would say so.
    """
    seen = solara.use_context(SEEN)
    version, set_version = solara.use_state((follower.version, follower.ready.is_set(), follower.state()))

    def look(known: list[Any]) -> None:
        now = (follower.version, follower.ready.is_set(), follower.state())
        if [now] != known:
            known[:] = [now]
            set_version(now)

    solara.use_effect(lambda: follower.look() if seen else None, [follower, seen])
    _use_beat(look, BEAT_S, [follower, seen], seen)
    return version


def use_life(follower: Follower) -> bool:
    """Return whether a run lives, looked at now and then; the component is rendered again when that has changed, and is seen."""
    seen = solara.use_context(SEEN)
    lives, set_lives = solara.use_state(follower.state() in LIVE)
    _use_beat(lambda known: set_lives(follower.state() in LIVE), LIFE_S, [follower, seen], seen)
    return lives


def use_front(follower: Follower) -> tuple[bool, str]:
    """Return whether a run lives, and the society that it is at; rendered again when either has changed, and the page is seen."""
    seen = solara.use_context(SEEN)

    def now() -> tuple[bool, str]:
        return follower.state() in LIVE, str(follower.read(newest) or "")

    front, set_front = solara.use_state(now())
    _use_beat(lambda known: set_front(now()), LIFE_S, [follower, seen], seen)
    return front


def use_ticks(seconds: float) -> None:
    """Render the component again every ``seconds`` seconds, while it is seen."""
    seen = solara.use_context(SEEN)
    _, tick = solara.use_state(0)
    _use_beat(lambda known: tick(lambda number: number + 1), seconds, [seen, seconds], seen)


def _use_beat(beat: Callable[[list[Any]], None], seconds: float, depends: list[Any], on: bool) -> None:
    """Call ``beat`` every ``seconds`` seconds, less often where it is slow, and not while the browser is gone."""
    there = _connected()

    def begin() -> Callable[[], None] | None:
        stopped = threading.Event()
        state: list[Any] = []

        def run() -> None:
            wait = seconds
            while not stopped.wait(wait):
                if there() and not stopped.is_set():
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
