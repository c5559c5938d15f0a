"""For a nursery: workers do nothing, and the system takes long to take them apart; ``holds_device`` as well says that they hold a device."""

from __future__ import annotations

import os
import time

from analysis.studies.work import worker

_exit = os._exit


def _slowly(code: int) -> None:
    time.sleep(1)
    _exit(code)


os._exit = _slowly  # type: ignore[assignment]
worker.main = lambda arguments=None: 7  # type: ignore[assignment]
