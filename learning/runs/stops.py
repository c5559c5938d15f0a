"""What is left of a plan after arms were stopped. A pure function of the plan and of which arms stopped, when.

Knows nothing of why they did, and nothing of logs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from learning.plan.parts import Evaluate, Learn, Part, Plan, Simulate, Survey


class Stop(Protocol):
    """Which arm stopped, when; :class:`abm.events.ArmStopped` is one."""

    @property
    def arm(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def moment(self) -> str: ...


class Stopped(NamedTuple):
    """A :class:`Stop` that is not in a log yet."""

    arm: str
    epoch: int
    moment: str


def remaining(parts: Plan, stops: Iterable[Stop]) -> Plan:
    """Return the parts that are carried out where arms stop: those up to the stop, then those that can do without the arm.

    A part can do without it if the arm neither learns nor writes in it, and if everything that it needs is made.
    """
    for stop in stops:
        after = 1 + next((i for i, part in enumerate(parts) if _shows(part, stop)), len(parts))
        kept: list[Part] = list(parts[:after])
        gone: set[object] = set()
        for part in parts[after:]:
            if _is_of(part, stop.arm) or gone.intersection(part.needs):
                gone.add(part.makes)
            else:
                kept.append(part)
        parts = tuple(kept)
    return parts


def _shows(part: Part, stop: Stop) -> bool:
    """Return whether a part is the one that showed what stopped the arm."""
    kind = {"training": Learn, "contests": Simulate, "evaluation": Evaluate}[stop.moment]
    return isinstance(part, kind) and part.epoch == stop.epoch and _is_of(part, stop.arm)


def _is_of(part: Part, arm: str) -> bool:
    """Return whether an arm learns or writes in a part."""
    if isinstance(part, Survey):
        return False
    return part.arm == arm if isinstance(part, Learn) else any(arm == writer.arm for writer in part.needs)
