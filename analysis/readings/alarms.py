"""Arms that were flagged or stopped, as the log says. Knows nothing of thresholds but their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from abm.events import ArmFlagged, ArmStopped, Event
from learning.runs.watch import said


@dataclass(frozen=True)
class Alarm:
    """An alarm of one arm.

    Attributes:
        seq: of its event.
        stopped: whether the run went on without the arm.
        moment: ``training``, ``contests`` or ``evaluation``.
        text: all of it in words.
        measures: threshold -> what was measured, and the threshold.
    """

    seq: int
    arm: str
    epoch: int
    moment: str
    stopped: bool
    text: str
    measures: dict[str, tuple[float, float]] = field(default_factory=dict)


class AlarmReading:
    """Reads the alarms of a run, in the order of the log."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({ArmFlagged, ArmStopped})

    def __init__(self) -> None:
        self._alarms: list[Alarm] = []

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, ArmFlagged | ArmStopped):
            self._alarms.append(alarm_of(event))

    def result(self) -> list[Alarm]:
        """Return the alarms so far."""
        return self._alarms


def alarm_of(event: ArmFlagged | ArmStopped) -> Alarm:
    """Return what an event says."""
    pairs = zip(event.measured, event.limits, strict=False)
    measures = dict(zip(event.measures, pairs, strict=False))
    stopped = isinstance(event, ArmStopped)
    return Alarm(event.seq, event.arm, event.epoch, event.moment, stopped, said(event), measures)
