"""Watches the arms of a run: what its trainings and messages breach, and which arms have stopped.

Measures come from the log alone, so that a replay comes to the same. Knows thresholds and events; knows nothing of how a run goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from abm.events import ArmFlagged, ArmStopped, TrainingMeasured
from abm.journal import Journal
from learning.alarms import (
    AlarmConfig,
    Breach,
    MessageReading,
    WriterKey,
    message_breaches,
    sentence,
    training_breaches,
)
from learning.alarms.thresholds import columns
from learning.plan.order import BASE
from learning.plan.parts import Evaluate, Learn, Simulate
from learning.training.measured import TrainingMeasures
from moloch.errors import MolochWarning

Moment = Literal["training", "contests", "evaluation"]
_TAKES = MessageReading.TAKES | {ArmFlagged}


class ArmWatch:
    """The alarms of one run.

    Args:
        limits: the thresholds.
        journal: the run's.
        bases: arm -> the name under which its base model writes, where it is not ``base``.

    Attributes:
        stops: arms that were stopped, in order.
    """

    def __init__(self, limits: AlarmConfig, journal: Journal, bases: Mapping[str, str] = MappingProxyType({})) -> None:
        self._bases = bases
        self.limits, self.stops = limits, list[ArmStopped]()
        self._journal, self._read = journal, 0
        self._messages = MessageReading()
        self._flagged: set[tuple[str, int, str]] = set()

    def stopped(self, arm: str) -> bool:
        """Return whether an arm was stopped."""
        return any(stop.arm == arm for stop in self.stops)

    def training(
        self, arm: str, epoch: int, loss: tuple[float, float], measured: TrainingMeasures | None
    ) -> ArmFlagged | ArmStopped | None:
        """Return what a training gives rise to.

        Args:
            loss: before it and after it.
        """
        return self._alarm(arm, epoch, "training", training_breaches(self.limits, *loss, measured))

    def failed(self, arm: str, epoch: int, why: Breach) -> ArmStopped | None:
        """Return what a training without an adapter gives rise to: nothing, where the run is not to go on without the arm."""
        alarm = self._alarm(arm, epoch, "training", [why])
        return alarm if isinstance(alarm, ArmStopped) else None

    def contests(self, part: Simulate | Evaluate) -> list[ArmFlagged | ArmStopped]:
        """Return what the messages of a part give rise to, whose contests are all held; what is flagged already is not flagged again."""
        arms = dict.fromkeys(writer.arm for writer in part.needs)
        if self.limits.action == "none" or not arms:
            return []
        self._read_on()
        measures = self._messages.result()
        epoch = part.epoch if part.phase == "evaluate" else 1
        moment: Moment = "evaluation" if part.phase == "evaluate" else "contests"
        found = []
        for arm in arms:
            base = measures.get(WriterKey(part.phase, epoch, self._bases.get(arm, BASE)))
            wrote = measures.get(WriterKey(part.phase, part.epoch, arm))
            if base and wrote and (arm, part.epoch, moment) not in self._flagged:
                found.append(self._alarm(arm, part.epoch, moment, message_breaches(self.limits, wrote, base)))
        return [alarm for alarm in found if alarm is not None]

    def record(self, alarm: ArmFlagged | ArmStopped | None) -> None:
        """Record an alarm, and say it once: not again where the log holds what followed it."""
        if alarm is None:
            return
        if not self._journal.resuming:
            warnings.warn(said(alarm), MolochWarning, stacklevel=2)
        if isinstance(alarm, ArmFlagged):
            self._journal.attach(alarm)
        else:
            self._journal.emit(alarm)
            self.stops.append(alarm)

    def logged_stop(self, part: Learn) -> ArmStopped | None:
        """Return that an arm's training stopped it, where the log holds that next and it need not be decided again."""
        stopped = self._journal.logged(ArmStopped)
        here = (part.arm, part.epoch, "training")
        return stopped if stopped and (stopped.arm, stopped.epoch, stopped.moment) == here else None

    def _alarm(
        self, arm: str, epoch: int, moment: Moment, breaches: Sequence[Breach]
    ) -> ArmFlagged | ArmStopped | None:
        if not breaches or self.limits.action == "none":
            return None
        kind = ArmStopped if self.limits.action == "stop" else ArmFlagged
        return kind(arm=arm, epoch=epoch, moment=moment, **columns(breaches))

    def _read_on(self) -> None:
        """Read what the log holds by now."""
        for block in self._journal.log.blocks(self._read):
            first = block.commit.seq
            if first < self._read:
                continue
            for event in block.events(_TAKES):
                if isinstance(event, ArmFlagged):
                    self._flagged.add((event.arm, event.epoch, event.moment))
                else:
                    self._messages.take(event)
            self._read = first + block.commit.n


def training_measured(
    arm: str, epoch: int, adapter: str, measured: TrainingMeasures, same_as: str = ""
) -> TrainingMeasured:
    """Return the event of a training's measures.

    Args:
        same_as: the arm for which an equal training was carried out.
    """
    fields = {name: getattr(measured, name) for name in TrainingMeasures.__struct_fields__}
    return TrainingMeasured(arm=arm, epoch=epoch, adapter=adapter, same_as=same_as, **fields)


def measures_of(event: TrainingMeasured) -> TrainingMeasures:
    """Return the measures that an event holds."""
    return TrainingMeasures(**{name: getattr(event, name) for name in TrainingMeasures.__struct_fields__})


def said(alarm: ArmFlagged | ArmStopped) -> str:
    """Return an alarm in words."""
    breaches = map(Breach, alarm.measures, alarm.measured, alarm.limits)
    what = "stopped" if isinstance(alarm, ArmStopped) else "flagged"
    moments = {
        "training": "after its training",
        "contests": "by its messages",
        "evaluation": "by its messages, held out",
    }
    return f"arm {alarm.arm} {what} in epoch {alarm.epoch}, {moments[alarm.moment]}: {sentence(breaches)}"
