"""What other designs of a page would cost: calls, money and time, by the plans of the runs that they would be. Asks no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.studies.designs.plan import spread, times
from analysis.studies.pages.cells import Cell
from analysis.studies.power.planned_outcomes import pool_use
from learning import RunConfig
from learning.runs.costs import RolePlan, planned, total
from learning.runs.inputs import gather
from learning.runs.parts import settled
from learning.runs.pools import Pools
from moloch.errors import InputError

MOST_COMBINATIONS = 4
"""Of levels whose runs are planned; of more, those spread evenly over the page stand for all."""


@dataclass(frozen=True)
class DesignCost:
    """Of a whole study, all combinations of levels and all seeds.

    Attributes:
        calls: of models; ``usd``: likely, by the prices of servers.
        hours: one cell at a time; None where neither pilots nor speeds of servers tell it.
    """

    calls: float
    usd: float
    hours: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        hours = None if self.hours is None else round(self.hours, 3)
        return {"calls": round(self.calls), "usd": round(self.usd, 4), "hours": hours}

    @property
    def worth(self) -> tuple[float, float, float]:
        """What designs are put in order by: money, then time, then calls."""
        return round(self.usd, 6), round(self.hours or 0.0, 6), self.calls


class DesignCosts:
    """Costs of a page's cells with other numbers of held-out anchors and people, and of seeds.

    Args:
        seconds_per_call: as pilots took, trainings and all; None where there are none.
    """

    def __init__(self, cells: Sequence[Cell], pools: Pools, seconds_per_call: float | None = None) -> None:
        by_levels: dict[tuple[Any, ...], RunConfig] = {}
        for cell in cells:
            by_levels.setdefault(tuple(cell.factors.items()), cell.config)
        self.cells, self.pools = cells, pools
        configs, self._seconds = list(by_levels.values()), seconds_per_call
        self._configs = [configs[i] for i in spread(len(configs))[:MOST_COMBINATIONS]]
        self._times = len(configs) / len(self._configs)
        self._known: dict[tuple[int, int], tuple[float, float, float | None]] = {}

    def exact(self, seeds: int, anchors: int, people: int) -> DesignCost:
        """Return what a design costs.

        Raises:
            InputError: there are not so many anchors or people.
        """
        return self._cost(seeds, self._of_seed(anchors, people))

    def are_there(self, anchors: int, people: int) -> bool:
        """Tell whether there are so many held-out anchors and people."""
        try:
            self._of_seed(anchors, people)
        except InputError:
            return False
        return True

    def between(self, most_anchors: int, most_people: int) -> Callable[[int, int, int], DesignCost]:
        """Return about what any design up to these numbers costs: by its corners, as calls are linear in either number.

        The function takes seeds, anchors and people.
        """
        corners = [[self._of_seed(anchors, people) for people in (2, most_people)] for anchors in (2, most_anchors)]

        def cost(seeds: int, anchors: int, people: int) -> DesignCost:
            a, p = ((n - 2) / max(1, most - 2) for n, most in ((anchors, most_anchors), (people, most_people)))
            weights = [[(1 - a) * (1 - p), (1 - a) * p], [a * (1 - p), a * p]]
            parts = [
                (w, each) for row, of in zip(weights, corners, strict=True) for w, each in zip(row, of, strict=True)
            ]
            minutes = (
                None if any(each[2] is None for _, each in parts) else sum(w * (each[2] or 0) for w, each in parts)
            )
            return self._cost(seeds, (sum(w * e[0] for w, e in parts), sum(w * e[1] for w, e in parts), minutes))

        return cost

    def _cost(self, seeds: int, of_seed: tuple[float, float, float | None]) -> DesignCost:
        calls, usd, minutes = of_seed
        seconds = calls * self._seconds if self._seconds else None if minutes is None else 60 * minutes
        return DesignCost(seeds * calls, seeds * usd, None if seconds is None else seeds * seconds / 3600)

    def _of_seed(self, anchors: int, people: int) -> tuple[float, float, float | None]:
        """Return calls, dollars and minutes of one seed in all combinations."""
        if (anchors, people) not in self._known:
            roles = total(
                [[times(role, self._times) for role in self._roles(c, anchors, people)] for c in self._configs]
            )
            minutes = [role.minutes for role in roles]
            known = None if None in minutes else sum(m for m in minutes if m is not None)
            self._known[anchors, people] = (
                sum(role.calls for role in roles), sum(role.usd or 0.0 for role in roles), known if roles else None,
            )  # fmt: skip
        return self._known[anchors, people]

    def _roles(self, config: RunConfig, anchors: int, people: int) -> list[RolePlan]:
        """Return what one run asks; those who train stay as many as they are in the page."""
        size = {"held_out_anchors": anchors, "held_out_personas": people}
        if config.train_personas is None and not config.resample:
            size["train_personas"] = pool_use(config, self.pools, "people", "train").per_run
        sized = settled(config.model_copy(update=size), None)
        return planned(sized, inputs=gather(sized))
