"""What names a society: the members of a phase, under one arm, in one epoch or in all. Knows events and text."""

from __future__ import annotations

from dataclasses import dataclass

from abm.events import StepStarted

SHARED_ARM = "shared"
"""The arm of the first epoch, before arms differ."""
PHASES = {"evaluate": "Evaluation", "train": "Training"}


@dataclass(frozen=True)
class SocietyKey:
    """Which society: a phase, an arm, and an epoch (None for all, one after the other)."""

    phase: str
    arm: str
    epoch: int | None = None

    def __str__(self) -> str:
        return f"{self.phase}/{self.arm}/{'all' if self.epoch is None else self.epoch}"

    @property
    def label(self) -> str:
        """The society in words."""
        arm = "all arms" if self.arm == SHARED_ARM else self.arm
        epoch = "all epochs" if self.epoch is None else f"epoch {self.epoch}"
        return f"{PHASES.get(self.phase, self.phase)}, {arm}, {epoch}"

    @classmethod
    def parse(cls, text: str) -> SocietyKey | None:
        """Return the society whose ``str`` is ``text``, or None where it names none."""
        phase, _, rest = text.partition("/")
        arm, _, epoch = rest.rpartition("/")
        if phase not in PHASES or not arm or not (epoch == "all" or epoch.isdecimal()):
            return None
        return cls(phase, arm, None if epoch == "all" else int(epoch))

    def holds(self, step: StepStarted) -> bool:
        """Return whether a step is part of it."""
        in_epoch = self.epoch is None or step.epoch == self.epoch
        return step.phase == self.phase and step.arm in (self.arm, SHARED_ARM) and in_epoch
