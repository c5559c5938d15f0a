"""The designs of a study: the page's own, and those that find what is wanted for least money, time or calls, or with the fewest seeds.

Hundreds of sizes up to the pools are put in order by what they roughly find and cost; of the first ones laws are drawn. Knows outcomes and costs;
knows nothing of pilots and pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any

from analysis.statistics.crossed_designs import CrossedDesign
from analysis.studies.designs.design_costs import DesignCost, DesignCosts
from analysis.studies.pages.cells import Cell
from analysis.studies.power.detectable import Detectable, PlannedVariances, detectable, worst
from analysis.studies.power.planned_outcomes import PlannedOutcome, pool_use
from learning.runs.pools import Pools

SIZES = (4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Numbers of anchors and people that are tried, up to what there is."""
DRAWN = 12
"""Designs that are looked at closely, at most, those that cost least first; and as soon as so many are enough, no more:"""
CHOICE = 3
Order = Callable[[CrossedDesign], tuple[float, ...]]


@dataclass(frozen=True)
class StudyDesign:
    """One design of the whole page.

    Attributes:
        label: what it is.
        anchors, people: held out, of each seed; ``redrawn``: whether each seed draws its own of both.
        rows: what it can find of each outcome; ``cost``: None where it could not be told.
    """

    label: str
    seeds: int
    anchors: int
    people: int
    redrawn: bool
    rows: tuple[Detectable, ...]
    cost: DesignCost | None

    @property
    def is_enough(self) -> bool:
        """Whether it finds everything that is wanted."""
        return all(row.is_enough for row in self.rows)

    @property
    def hardest(self) -> Detectable:
        """The outcome that it is furthest from finding."""
        return max(self.rows, key=lack)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        hardest = self.hardest
        return {
            "design": self.label,
            "seeds": self.seeds,
            "anchors": self.anchors,
            "people": self.people,
            "redrawn": self.redrawn,
            "enough": self.is_enough,
            "hardest": hardest.as_dict(),
            "cost": None if self.cost is None else self.cost.as_dict(),
        }


def wanted(outcome: PlannedOutcome, effect: float) -> float:
    """Return the effect that is to be found: what was asked for, else the hypothesis's margin; NaN for what a design is not chosen by."""
    if not outcome.is_decisive:
        return nan
    return effect if not isnan(effect) or outcome.margin is None else outcome.margin


def one_of_each(cells: Sequence[Cell]) -> list[Cell]:
    """Return one cell of each combination of levels, of the first fifty."""
    return list({tuple(cell.factors.items()): cell for cell in cells}.values())[:50]


def lack(row: Detectable) -> float:
    """Return by how much what is found lacks: as a multiple of what is wanted; without a wish, what is detected itself."""
    if isnan(row.detectable):
        return float("inf")
    by_effect = row.detectable / row.wanted if not isnan(row.wanted) else row.detectable
    return max(by_effect, row.margin / row.outcome.margin) if row.outcome.margin else by_effect


class DesignSearch:
    """Looks for designs that find what is wanted, those that cost least first."""

    def __init__(
        self,
        outcomes: Sequence[PlannedOutcome],
        known: PlannedVariances,
        costs: DesignCosts,
        power: float,
        effect: float,
    ) -> None:
        self._outcomes, self._known, self._costs = outcomes, known, costs
        self._power, self._effect = power, effect
        self._own = own_design(costs.cells, costs.pools)
        self._pool = self._pools(one_of_each(costs.cells), costs.pools)

    def _pools(self, cells: Sequence[Cell], pools: Pools) -> tuple[int, int]:
        """Return how many anchors and people there are to be held out."""
        uses = {kind: [pool_use(cell.config, pools, kind) for cell in cells] for kind in ("anchors", "people")}
        training = max(pool_use(cell.config, pools, "people", "train").per_run for cell in cells)
        least = {kind: min(use.pool for use in of) for kind, of in uses.items()}
        return least["anchors"], self._most_people(least["people"], training)

    def _most_people(self, pool: int, training: int) -> int:
        """Return how many people can be held out: where a pool is parted by the run, those that do not train."""
        for number in (pool, pool - training):
            if number >= (self._own.people or 0) and self._costs.are_there(self._own.anchors, number):
                return number
        return self._own.people or 2

    def designs(self, most_seeds: int) -> Iterator[StudyDesign]:
        """Yield the page's design, and those that are enough: the page's with other seeds, the one that costs least, the one of fewest seeds."""
        own = self._own
        yield self._made_of("the page's", own)
        if all(isnan(wanted(each, self._effect)) for each in self._outcomes):
            return
        about = self._costs.between(*self._pool)

        def cost(design: CrossedDesign) -> tuple[float, ...]:
            return *about(design.seeds, design.anchors, design.people or 2).worth, -(design.people or 0)

        def fewest(design: CrossedDesign) -> tuple[float, ...]:
            return design.seeds, *cost(design)

        tried = self._roughly([replace(own, seeds=2), *self._tried()], most_seeds)
        same = [each for each in tried if replace(each, seeds=own.seeds) == own]
        seen = list[CrossedDesign]()
        for label, of, order in (("", same, cost), ("cheapest", tried, cost), ("fewest seeds", tried, fewest)):
            best = self._best(of, order, most_seeds)
            if best is None or best in (own, *seen):
                continue
            if order is fewest and any(best.seeds >= other.seeds for other in seen):
                continue  # it costs more, and has no fewer
            seen.append(best)
            yield self._made_of(label or ("more seeds" if best.seeds > own.seeds else "fewer seeds"), best)

    def _made_of(self, label: str, design: CrossedDesign) -> StudyDesign:
        def redesigned(old: CrossedDesign) -> CrossedDesign:
            return old if design is self._own else design

        rows = tuple(
            detectable(each, self._known, self._power, wanted(each, self._effect), redesigned)
            for each in self._outcomes
        )
        cost = None
        if self._costs.are_there(design.anchors, design.people or 2):
            cost = self._costs.exact(design.seeds, design.anchors, design.people or 2)
        return StudyDesign(label, design.seeds, design.anchors, design.people or 0, _is_redrawn(design), rows, cost)

    def _tried(self) -> Iterator[CrossedDesign]:
        """Yield the designs of two seeds that could be: all sizes up to the pools, drawn as the page draws, or anew for each seed."""
        own, (anchors, people) = self._own, self._pool
        for a in sorted({own.anchors, anchors, *(n for n in SIZES if n <= anchors)}):
            for p in sorted({own.people or people, people, *(n for n in SIZES if n <= people)}):
                anew = CrossedDesign(2, a, p, a / anchors, p / people, own.networked)
                yield anew
                if own.anchor_overlap == 1.0 and own.person_overlap == 1.0:
                    yield replace(anew, anchor_overlap=1.0, person_overlap=1.0)

    def _roughly(self, tried: Sequence[CrossedDesign], most: int) -> list[CrossedDesign]:
        """Return each design with the fewest seeds with which it is roughly enough, from its own on; those for which even the most are not are left
        out."""
        found = []
        for design in dict.fromkeys(tried):
            low, high = design.seeds, most
            if not self._roughly_enough(replace(design, seeds=high)):
                continue
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if self._roughly_enough(replace(design, seeds=middle)) else (middle + 1, high)
            found.append(replace(design, seeds=high))
        return found

    def _best(self, tried: Sequence[CrossedDesign], order: Order, most_seeds: int) -> CrossedDesign | None:
        """Return the first, in an order, of designs that are enough; their laws are drawn, as what is rough can be off by a tenth."""
        found: list[CrossedDesign] = []
        for each in sorted(tried, key=order)[:DRAWN]:
            if (enough := self._near(each, most_seeds)) is not None:
                found.append(enough)
            if len(found) == CHOICE:
                break
        return min(found, key=order, default=None)

    def _near(self, rough: CrossedDesign, most: int) -> CrossedDesign | None:
        """Return the design with the fewest seeds that is enough, found from where it roughly is."""
        seeds, step = rough.seeds, max(1, rough.seeds // 16)
        if self._is_enough(rough):
            while seeds - step >= 2 and self._is_enough(replace(rough, seeds=seeds - step)):
                seeds -= step
            return replace(rough, seeds=seeds)
        while seeds + step <= most:
            seeds += step
            if self._is_enough(replace(rough, seeds=seeds)):
                return replace(rough, seeds=seeds)
        return None

    def _roughly_enough(self, design: CrossedDesign) -> bool:
        for outcome in self._outcomes:
            effect = wanted(outcome, self._effect)
            _, planned, variances = worst(outcome, self._known, self._power, lambda _: design)
            found, shown = planned.roughly(variances.values, self._power, outcome.alpha, outcome.sides)
            if not isnan(effect) and not found <= effect:
                return False
            if outcome.margin is not None and not shown <= outcome.margin:
                return False
        return True

    def _is_enough(self, design: CrossedDesign) -> bool:
        return all(
            detectable(each, self._known, self._power, wanted(each, self._effect), lambda _: design).is_enough
            for each in self._outcomes
        )


def own_design(cells: Sequence[Cell], pools: Pools) -> CrossedDesign:
    """Return the design of a page; where cells have several, the smallest sizes and the largest overlaps."""
    configs = [cell.config for cell in one_of_each(cells)]
    anchors, people = ([pool_use(config, pools, kind) for config in configs] for kind in ("anchors", "people"))
    return CrossedDesign(
        len({cell.seed for cell in cells}),
        min(use.per_run for use in anchors),
        min(use.per_run for use in people),
        max(1.0 if use.overlap is None else use.overlap for use in anchors),
        max(1.0 if use.overlap is None else use.overlap for use in people),
        any(config.world == "networked" for config in configs),
    )


def _is_redrawn(design: CrossedDesign) -> bool:
    return design.anchor_overlap < 1 or design.person_overlap < 1
