"""What Mesa's data collector keeps of a run that is replayed: a row per step, and a table of what each competitor did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import mesa
import msgspec
from mesa.datacollection import DataCollector

from abm.state.platform import UNIT
from abm.state.state import State
from abm.views.measures import Deeds, Measures
from abm.worlds.agents import Competitor


class Observed(Protocol):
    """What is collected of a model after each step."""

    competitors: list[Competitor]
    measures: Measures

    @property
    def state(self) -> State: ...

    @property
    def phase(self) -> str: ...

    @property
    def epoch(self) -> int: ...

    @property
    def arm(self) -> str: ...


COMPETITORS = ("step", "phase", "epoch", "arm", "competitor", *Deeds.__struct_fields__)
"""Columns of the table ``competitors``; counts are those of :class:`abm.views.measures.Deeds`."""

REPORTERS: dict[str, Callable[[Observed], Any]] = {
    "phase": lambda model: model.phase,
    "epoch": lambda model: model.epoch,
    "arm": lambda model: model.arm,
    "contests": lambda model: model.measures.contests,
    "votes": lambda model: model.measures.votes,
    "abstained": lambda model: model.measures.abstained,
    "invalid": lambda model: model.measures.invalid,
    "invalid rate": lambda model: model.measures.invalid_rate,
    "exposures": lambda model: model.measures.exposures,
}
"""What is collected for any set of competitors."""


class StepCollector(DataCollector):
    """Mesa's collector with a row per step: row ``i`` is what the run's step ``i`` left, as its events count steps.

    Agent reports of a step are in the same place, where ``mesa.batch_run`` looks for both.
    """

    def collect(self, model: mesa.Model) -> None:
        """Add a row after a step."""
        super().collect(model)
        if self.agent_reporters:
            self._agent_records[model.steps - 1] = self._agent_records.pop(model.steps)

    def collect_competitors(self, model: Observed) -> None:
        """Add what each competitor did in a step to the table ``competitors``."""
        where = {"step": model.state.step, "phase": model.phase, "epoch": model.epoch, "arm": model.arm}
        for name, deeds in model.measures.competitors.items():
            self.add_table_row("competitors", where | {"competitor": name} | msgspec.structs.asdict(deeds))


def collector(competitors: Sequence[str], agent_reporters: Mapping[str, Any] | None = None) -> StepCollector:
    """Return an empty collector with columns for these competitors.

    Args:
        agent_reporters: name -> what an agent reports, as Mesa takes it.
    """
    reporters: dict[str, Any] = dict(REPORTERS)
    reporters |= {f"win share {name}": partial(_win_share, name=name) for name in competitors}
    reporters |= {f"opinion of {name}": partial(_opinion, name=name) for name in competitors}
    return StepCollector(reporters, agent_reporters or None, tables={"competitors": list(COMPETITORS)})


def _win_share(model: Observed, name: str) -> float:
    return model.measures.win_share(name)


def _opinion(model: Observed, name: str) -> float:
    platform, slots = model.state.platform, [each.slot for each in model.competitors if each.name == name]
    return float(platform.opinions[slots].mean() / UNIT) if platform is not None and slots else float("nan")
