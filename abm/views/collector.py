"""What Mesa's data collector keeps of a run that is replayed: one row per step, and a table of what each competitor did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from mesa.datacollection import DataCollector

from abm.state.platform import UNIT

if TYPE_CHECKING:
    from abm.views.replay_model import ReplayModel

COMPETITORS = ("step", "phase", "epoch", "arm", "competitor", "published", "rejected", "votes", "wins", "misbehaved")
"""Columns of the table ``competitors``; counts are those of :class:`abm.state.state.Tally`, of the step alone."""

REPORTERS: dict[str, Callable[[ReplayModel], Any]] = {
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
"""What is collected whoever competes."""


def collector(competitors: Sequence[str]) -> DataCollector:
    """Return an empty collector with columns for these competitors."""
    reporters: dict[str, Any] = dict(REPORTERS)
    reporters |= {f"win share {name}": partial(_win_share, name=name) for name in competitors}
    reporters |= {f"opinion of {name}": partial(_opinion, name=name) for name in competitors}
    return DataCollector(reporters, tables={"competitors": list(COMPETITORS)})


def collect(model: ReplayModel) -> None:
    """Add the model's last step to its collector."""
    model.datacollector.collect(model)
    where = {"step": model.state.step, "phase": model.phase, "epoch": model.epoch, "arm": model.arm}
    for name, tally in model.measures.competitors.items():
        row = where | {"competitor": name} | msgspec.structs.asdict(tally)
        model.datacollector.add_table_row("competitors", row)


def _win_share(model: ReplayModel, name: str) -> float:
    return model.measures.win_share(name)


def _opinion(model: ReplayModel, name: str) -> float:
    platform, slots = model.state.platform, [each.slot for each in model.competitors if each.name == name]
    return float(platform.opinions[slots].mean() / UNIT) if platform is not None and slots else float("nan")
