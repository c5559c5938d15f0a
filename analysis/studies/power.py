"""What a study can find before it is paid for, and which other design would find what is wanted for least: ``moloch power``.

Costs are those of :mod:`analysis.studies.design_costs`, what is found is that of :mod:`analysis.studies.detectable`. Asks no model, makes no folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path
from typing import Any

from analysis.statistics.crossed_designs import POWER, CrossedDesign
from analysis.studies.cells import Cell, Cells, cells_of
from analysis.studies.design_costs import DesignCost, DesignCosts
from analysis.studies.detectable import Detectable, PlannedVariances, detectable, worst
from analysis.studies.page import WrittenPage
from analysis.studies.pilots import PilotRun, differences, read_pilots, seconds_per_call
from analysis.studies.planned_outcomes import PlannedOutcome, planned_outcomes, pool_use
from analysis.studies.single_trainings import SharpNullPower, sharp_null_powers
from learning.runs.pools import Pools, pools
from moloch.errors import InputError

MOST_SEEDS = 100
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
        return max(self.rows, key=_lack)

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


@dataclass(frozen=True)
class StudyPower:
    """What a page's design can find, and other designs.

    Attributes:
        rows: what the page's own design can find of each outcome.
        designs: the page's, and others that find what is wanted; only the page's where nothing is wanted, or nothing finds it.
        single: of a page of one seed, what the sharp null can tell.
        pilots: runs from which components are; ``different``: by which settings they differ from the page.
    """

    name: str
    power: float
    wanted: float
    rows: tuple[Detectable, ...]
    designs: tuple[StudyDesign, ...]
    single: tuple[SharpNullPower, ...]
    pilots: tuple[PilotRun, ...]
    different: tuple[str, ...]
    people_scope: str

    @property
    def answer(self) -> str:
        """The answer in a sentence or two."""
        return _answer(self)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping; shares in points."""
        return {
            "name": self.name,
            "power": self.power,
            "wanted": None if isnan(self.wanted) else round(100 * self.wanted, 4),
            "answer": self.answer,
            "outcomes": [row.as_dict() for row in self.rows],
            "designs": [design.as_dict() for design in self.designs],
            "single_trainings": [each.as_dict() for each in self.single],
            "pilots": [str(pilot.path) for pilot in self.pilots],
            "differences": list(self.different),
            "scope": self.people_scope,
        }


def study_power(
    written: WrittenPage,
    pilots: Sequence[Path] = (),
    *,
    effect: float = nan,
    outcome: str = "",
    power: float = POWER,
    most_seeds: int = MOST_SEEDS,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> StudyPower:
    """Return what a page's design can find, and which other designs find what is wanted.

    Args:
        pilots: folders of runs or studies; without any, components are as usual.
        effect: that is to be found of every outcome, as a share; by default the margin of each hypothesis.
        outcome: by its name, in place of those that the page declares.

    Raises:
        PageMistakes: everything that is wrong with the page.
        InputError: no arm is compared with another, or a pilot is none.
    """
    made = cells_of(written)
    runs = read_pilots(pilots, report)
    used = pools([cell.config for cell in made.cells])
    outcomes = planned_outcomes(written.page, made.cells, used, outcome)
    if not outcomes:
        raise InputError(
            f"no arm has an outcome {outcome!r} that is compared"
            if outcome
            else "no arm of the page is compared with another",
            why="an effect is a difference between arms",
            fix="Outcomes are win_rate and the probes of the arena."
            if outcome
            else "Give another arm, such as arms: [rft, placebo].",
        )
    known = PlannedVariances(runs)
    rows = tuple(detectable(each, known, power, _wanted(each, effect)) for each in outcomes)
    decisive = _decisive(rows)
    search = _Search(made, used, known, decisive, power, effect, seconds_per_call(runs))
    first = made.cells[0].config
    return StudyPower(
        name=written.page.name,
        power=power,
        wanted=effect,
        rows=rows,
        designs=tuple(search.designs(most_seeds)),
        single=sharp_null_powers(decisive, known, power) if rows[0].design.seeds == 1 else (),
        pilots=runs,
        different=tuple(
            dict.fromkeys(said for cell in _one_of_each(made.cells) for said in differences(cell.config, runs))
        ),
        people_scope="" if used.new_people or not first else used.scope(),
    )


def _wanted(outcome: PlannedOutcome, effect: float) -> float:
    """Return the effect that is to be found: what was asked for, else the hypothesis's margin; NaN for what a design is not chosen by."""
    if not outcome.is_decisive:
        return nan
    return effect if not isnan(effect) or outcome.margin is None else outcome.margin


def _one_of_each(cells: Sequence[Cell]) -> list[Cell]:
    return list({tuple(cell.factors.items()): cell for cell in cells}.values())[:50]


def _decisive(rows: Sequence[Detectable]) -> list[PlannedOutcome]:
    """Return the outcomes by which a design is chosen; of those that are alike in all that matters for it, one."""
    alike: dict[str, PlannedOutcome] = {}
    for row in rows:
        key = row.design, tuple(sorted(row.variances.values.items())), row.wanted, row.outcome.margin, row.outcome.alpha
        if row.outcome.is_decisive:
            alike.setdefault(str(key), row.outcome)
    return list(alike.values())


def _lack(row: Detectable) -> float:
    """Return by how much what is found lacks: as a multiple of what is wanted; without a wish, what is detected itself."""
    if isnan(row.detectable):
        return float("inf")
    by_effect = row.detectable / row.wanted if not isnan(row.wanted) else row.detectable
    return max(by_effect, row.margin / row.outcome.margin) if row.outcome.margin else by_effect


class _Search:
    """Looks for designs that find what is wanted, those that cost least first."""

    def __init__(
        self,
        made: Cells,
        used: Pools,
        known: PlannedVariances,
        outcomes: Sequence[PlannedOutcome],
        power: float,
        effect: float,
        seconds: float | None,
    ) -> None:
        self._made, self._pools, self._known = made, used, known
        self._outcomes, self._power, self._effect = outcomes, power, effect
        self._costs = DesignCosts(made.cells, used, seconds)
        configs = [cell.config for cell in _one_of_each(made.cells)]
        anchors, people = ([pool_use(c, used, kind) for c in configs] for kind in ("anchors", "people"))
        self._own = CrossedDesign(
            len({cell.seed for cell in made.cells}),
            min(use.per_run for use in anchors),
            min(use.per_run for use in people),
            max(use.overlap if use.overlap is not None else 1.0 for use in anchors),
            max(use.overlap if use.overlap is not None else 1.0 for use in people),
            any(config.world == "networked" for config in configs),
        )
        self._pool = (
            min(use.pool for use in anchors),
            self._most_people(
                min(use.pool for use in people), max(pool_use(c, used, "people", "train").per_run for c in configs)
            ),
        )

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
        if all(isnan(_wanted(each, self._effect)) for each in self._outcomes):
            return
        about = self._costs.between(*self._pool)
        cost: Order = lambda d: (*about(d.seeds, d.anchors, d.people or 2).worth, -(d.people or 0))  # noqa: E731
        fewest: Order = lambda d: (d.seeds, *cost(d))  # noqa: E731
        tried = self._roughly([replace(own, seeds=2), *self._tried()], most_seeds)
        same = [each for each in tried if replace(each, seeds=own.seeds) == own]
        seen = list[CrossedDesign]()
        for label, of, order in (("", same, cost), ("cheapest", tried, cost), ("fewest seeds", tried, fewest)):
            best = self._best(of, order, most_seeds)
            if (
                best is None
                or best in seen
                or best == own
                or (order is fewest and best.seeds >= min((d.seeds for d in seen), default=most_seeds + 1))
            ):
                continue
            seen.append(best)
            yield self._made_of(label or ("more seeds" if best.seeds > own.seeds else "fewer seeds"), best)

    def _made_of(self, label: str, design: CrossedDesign) -> StudyDesign:
        def redesigned(old: CrossedDesign) -> CrossedDesign:
            return old if design is self._own else design

        rows = tuple(
            detectable(each, self._known, self._power, _wanted(each, self._effect), redesigned)
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
            wanted = _wanted(outcome, self._effect)
            _, planned, variances = worst(outcome, self._known, self._power, lambda _: design)
            found, shown = planned.roughly(variances.values, self._power, outcome.alpha, outcome.sides)
            if not isnan(wanted) and not found <= wanted:
                return False
            if outcome.margin is not None and not shown <= outcome.margin:
                return False
        return True

    def _is_enough(self, design: CrossedDesign) -> bool:
        return all(
            detectable(each, self._known, self._power, _wanted(each, self._effect), lambda _: design).is_enough
            for each in self._outcomes
        )


def _is_redrawn(design: CrossedDesign) -> bool:
    return design.anchor_overlap < 1 or design.person_overlap < 1


def _answer(power: StudyPower) -> str:
    row = power.designs[0].hardest
    if isnan(row.detectable):
        return (
            "One training of each arm gives no interval of an effect: the result will be 'cannot tell'. Give two seeds or more."
            if row.design.seeds < 2
            else "Nothing varies, or there are too few anchors or people for an interval."
        )
    at = f"at power {power.power:g}"
    found = f"This design finds {100 * row.detectable:.1f} points of {row.outcome.said} {at}"
    if isnan(row.wanted):
        return f"{found}; an effect of 0 is shown to be within {100 * row.margin:.1f} points of none."
    if power.designs[0].is_enough:
        return f"This design finds {100 * row.wanted:g} points of every outcome {at}."
    margin = row.outcome.margin
    lacking = f"{100 * row.wanted:g} points of {row.outcome.said} with power {row.power_at:.2f}"
    told = f"This design finds {lacking}, not {power.power:g}: unless the effect is larger ({100 * row.detectable:.1f} points), the result will be 'cannot tell'."
    if margin is not None and row.power_at >= power.power:
        told = (
            f"This design cannot show that there is no effect within {100 * margin:g} points of {row.outcome.said} (it can within "
            f"{100 * row.margin:.1f}): of an effect of 0 the result will be 'cannot tell'."
        )
    elif margin is not None:
        told = told.replace("This design finds", "This design cannot find the margin: it finds", 1)
    others = power.designs[1:]
    if not others:
        told += " No design within the pools and bounds does."
    return told


def check_effect(points: float | None) -> float:
    """Return an effect in points as a share; NaN for none.

    Raises:
        InputError: it is none.
    """
    if points is None:
        return nan
    if not 0 < points < 100:
        raise InputError(f"--effect is not {points:g}", why="it takes points, more than 0 and fewer than 100")
    return points / 100
