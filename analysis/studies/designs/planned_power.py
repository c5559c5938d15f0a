"""What a study can find before it is paid for, and which other design would find what is wanted for least: ``moloch power``.

Costs are those of :mod:`analysis.studies.designs.design_costs`, what is found is that of :mod:`analysis.studies.power.detectable`. Asks no model, makes no folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

from analysis.statistics.crossed_designs import POWER
from analysis.studies.designs.design_costs import DesignCosts
from analysis.studies.designs.single_trainings import SharpNullPower, sharp_null_powers
from analysis.studies.designs.study_designs import DesignSearch, StudyDesign, one_of_each, wanted
from analysis.studies.pages.cells import cells_of
from analysis.studies.pages.page import WrittenPage
from analysis.studies.power.detectable import Detectable, PlannedVariances, detectable
from analysis.studies.power.pilots import PilotRun, differences, read_pilots, seconds_per_call
from analysis.studies.power.planned_outcomes import PlannedOutcome, planned_outcomes
from learning.runs.pools import pools
from moloch.errors import InputError

MOST_SEEDS = 100


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
    outcomes = planned_outcomes(written.page, made.cells, used, outcome) if made.cells else []
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
    rows = tuple(detectable(each, known, power, wanted(each, effect)) for each in outcomes)
    decisive = _decisive(rows)
    search = DesignSearch(decisive, known, DesignCosts(made.cells, used, seconds_per_call(runs)), power, effect)
    return StudyPower(
        name=written.page.name,
        power=power,
        wanted=effect,
        rows=rows,
        designs=tuple(search.designs(most_seeds)),
        single=sharp_null_powers(decisive, known, power) if rows[0].design.seeds == 1 else (),
        pilots=runs,
        different=tuple(
            dict.fromkeys(said for cell in one_of_each(made.cells) for said in differences(cell.config, runs))
        ),
        people_scope="" if used.new_people else used.scope(),
    )


def _decisive(rows: Sequence[Detectable]) -> list[PlannedOutcome]:
    """Return the outcomes by which a design is chosen; of those that are alike in all that matters for it, one."""
    alike: dict[str, PlannedOutcome] = {}
    for row in rows:
        key = row.design, tuple(sorted(row.variances.values.items())), row.wanted, row.outcome.margin, row.outcome.alpha
        if row.outcome.is_decisive:
            alike.setdefault(str(key), row.outcome)
    return list(alike.values())


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
        shown = ", and can show that there is none beyond its margin" if row.outcome.margin is not None else ""
        return f"This design finds {100 * row.wanted:g} points of {row.outcome.said} {at}{shown}."
    margin = row.outcome.margin
    lacking = f"{100 * row.wanted:g} points of {row.outcome.said} with power {row.power_at:.2f}"
    told = f"This design finds {lacking}, not {power.power:g}: unless the effect is larger ({100 * row.detectable:.1f} points), the result will be 'cannot tell'."
    if margin is not None and row.power_at >= power.power:
        told = (
            f"This design cannot show that there is no effect within {100 * margin:g} points of {row.outcome.said} (it can within "
            f"{100 * row.margin:.1f}): if the effect is 0, the result will be 'cannot tell'."
        )
    elif margin is not None:
        told = told.replace("This design finds", "This design cannot find the margin: it finds", 1)
    others = power.designs[1:]
    if not others:
        told += " No design within the pools and bounds can."
    return told


def check_effect(points: float | None) -> float:
    """Return an effect in points as a share; NaN for none.

    Raises:
        InputError: it is none.
    """
    if points is None:
        return nan
    if not 0 < points < 100:
        raise InputError(f"--effect {points:g} is not valid", why="it takes points, more than 0 and fewer than 100")
    return points / 100
