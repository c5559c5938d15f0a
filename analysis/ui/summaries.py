"""What many runs came to, one line each, counted one after the other in a thread while a page asks for them. Writes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from abm.log import open_log
from analysis.figures.figure import LeftOut
from analysis.figures.outcomes import content
from analysis.figures.subject import RunRead, Subject
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import result_of
from analysis.ui.data.forest import Mark
from analysis.ui.data.one_line import NOTHING, ResultLine, result_line
from moloch.errors import MolochError

ASKED_S = 10.0
"""Seconds after which nobody asks any longer, and counting stops."""
Count = Callable[[], ResultLine]


class _Wanted(NamedTuple):
    lines: Mapping[Hashable, Count]
    at: float


class Summaries:
    """Lines by what they are of: a run and the head of its log, a study and the cells that have ended."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, ResultLine] = {}
        self._wanted = _Wanted({}, 0.0)
        self._lock, self._counting, self._ended = threading.Lock(), False, False

    def get(self, of: Hashable) -> ResultLine | None:
        """Return a line; None where it was not counted yet."""
        return self._lines.get(of)

    def want(self, lines: Mapping[Hashable, Count]) -> None:
        """Count these, in their order, instead of those that were wanted before; those that are known are not counted again."""
        with self._lock:
            self._wanted = _Wanted(lines, time.monotonic())
            if not self._counting and not self._ended and any(of not in self._lines for of in lines):
                self._counting = True
                threading.Thread(target=self._count, name="counting runs for the list", daemon=True).start()

    def close(self) -> None:
        """Stop counting."""
        self._ended = True

    def _count(self) -> None:
        while (following := self._following()) is not None:
            of, count = following
            try:
                line = count()
            except Exception:  # whatever one run holds: the others are counted, and its own page says what is wrong
                line = NOTHING
            self._lines[of] = line

    def _following(self) -> tuple[Hashable, Count] | None:
        with self._lock:
            asked = time.monotonic() < self._wanted.at + ASKED_S and not self._ended
            left = (each for each in self._wanted.lines.items() if each[0] not in self._lines)
            following = next(left, None) if asked else None
            self._counting = following is not None
            return following


def line_of_run(path: Path) -> ResultLine:
    """Return what a run came to, from its log."""
    try:
        evaluation = result_of(open_log(path, write=False).read(), EvaluationReading())
    except MolochError:  # damaged: the list says so
        return NOTHING
    return result_line(_marks(RunRead(path, path.name, {}, evaluation)))


def _marks(run: RunRead) -> Sequence[Mark]:
    found = content(Subject((run,)))
    return [] if isinstance(found, LeftOut) else found.frame.to_dicts()
