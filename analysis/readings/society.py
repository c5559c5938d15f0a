"""What names a society: the members of a phase, under one arm, in one epoch or in all. Knows events and text.

A society is named by its arm; where arms meet in a market, by the market.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from abm.events import Split, StepStarted, split_of
from abm.societies import arm_and_audience
from learning.arms.arm import arms_of, bases_of, markets_of
from learning.arms.markets import MOST_MESSAGES, entries
from learning.plan.order import society_of
from learning.plan.parts import has_old_messages, writers_in

SHARED_ARM = "shared"
"""The society of the first epoch, before arms differ."""
PHASES = {"evaluate": "Evaluation", "train": "Training", "elsewhere": "Another arena"}


@dataclass(frozen=True)
class SocietyKey:
    """Which society: a phase, an arm, and an epoch (None for all, one after the other)."""

    phase: str
    arm: str
    epoch: int | None = None

    def __str__(self) -> str:
        return f"{self.phase}/{self.arm}/{'all' if self.epoch is None else self.epoch}"

    @property
    def split(self) -> Split:
        """On which side its members are."""
        return split_of(self.phase)

    @property
    def label(self) -> str:
        """The society in words."""
        arm, audience = arm_and_audience(self.arm)
        arm = "all arms" if arm == SHARED_ARM else f"{arm} before {audience}" if audience else arm
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

    def holds(self, step: StepStarted, config: Mapping[str, Any] = MappingProxyType({})) -> bool:
        """Return whether a step of a run with these settings is part of it; without, arms share their first epoch."""
        in_epoch = self.epoch is None or step.epoch == self.epoch
        return step.phase == self.phase and step.arm in societies_of(self.arm, config) and in_epoch


def is_shared(society: str) -> bool:
    """Return whether a society is one that arms of a base model share in the first epoch: the run's, or another one's."""
    return society.partition(":")[0] == SHARED_ARM


def societies_of(arm: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the societies that count as an arm's or a market's: its own, and the one that all share in the first epoch.

    Args:
        config: settings as a log holds them. A market whose contests have another size, or other writers or readers, holds the first
            epoch's by itself.
    """
    if has_old_messages(arm):
        return (arm,)
    messages = config.get("messages")
    markets = markets_of(config, messages if type(messages) is int and 0 < messages <= MOST_MESSAGES else 2)
    market = next((market for market in markets if market.name == arm), None)
    if market is None:
        return (arm,) if is_shared(arm) else (arm, SHARED_ARM)
    first = society_of(market, 1, config.get("messages", len(market.writers))).arm
    return tuple(dict.fromkeys((arm, first)))


def slot_names(society: SocietyKey, config: Mapping[str, Any]) -> list[str]:
    """Return what to call the slots of a society's contests; those of a training contest have no author of their own."""
    if society.phase in ("evaluate", "elsewhere"):
        return [*writers_in(society.arm, bases_of(config, arms_of(config)))]
    market = next((entry.market for entry in entries(config.get("markets")) if entry.market.name == society.arm), None)
    size = len(market.writers) if market else config.get("messages", 2)
    return [f"message {slot + 1}" for slot in range(size if type(size) is int and 0 < size <= MOST_MESSAGES else 2)]
