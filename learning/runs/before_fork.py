"""The arms of a run before it was forked, as its log has them: what shared trainings were decided with. Reads logs; decides nothing."""

from __future__ import annotations

from abm.events import Forked, RunConfigured
from abm.log import EventLog
from learning.arms.arm import Arm, arms_of


def arms_before(log: EventLog) -> dict[str, Arm]:
    """Return name -> arm as the settings were just before a fork; nothing for a run that is none."""
    arms: dict[str, Arm] = {}
    for event in log.read(0, log.fork.seq if log.fork is not None else 0):
        if isinstance(event, RunConfigured | Forked):
            arms = arms_of(event.config)
    return arms
