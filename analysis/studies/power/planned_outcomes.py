"""What a page's cells will measure, as its results will have it: which outcomes of which arms, over which cells. Knows pages; reads no logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from abm.probe import kind_of
from analysis.statistics.crossed_designs import ALPHA, CrossedDesign
from analysis.statistics.look_boundaries import nominal_levels
from analysis.studies.pages.cells import Cell, Factors
from analysis.studies.pages.page import StudyPage, label_of
from analysis.studies.pages.preregistration import Preregistration
from analysis.tables.pooled import Measured
from learning import RunConfig
from learning.runs.pools import Pools, PoolUse

WIN_RATE, FROM_COMPARATOR = "win_rate", "from_comparator"
DESIGN = (
    "arena", "anchors", "personas", "held_out_anchors", "held_out_personas", "redraw", "resample", "model", "audience", "world",
)  # fmt: skip
"""Settings by which cells have a design of their own, or vary otherwise."""


@dataclass(frozen=True)
class CellGroup:
    """Cells of one design, which differ in nothing that a design is about but their seed.

    Attributes:
        config: of one of them.
    """

    config: RunConfig
    design: CrossedDesign


@dataclass(frozen=True)
class PlannedOutcome:
    """One outcome of an arm.

    Attributes:
        name: of the hypothesis; empty where the page declares none.
        levels: of the factors by which it is apart from others.
        groups: cells that it is averaged over.
        margin: as a share; None for none.
        alpha: at which it is tested, the strictest of its family at the last look; ``sides``: 1 where a sign is declared.
        is_decisive: whether a design is chosen by it: what a page declares, else win rates, or what was asked for.
        is_between_levels: whether it is what cells of one level have more than those of another; ``groups`` has both.
    """

    name: str
    levels: Factors
    measured: Measured
    compared_with: str
    groups: tuple[CellGroup, ...]
    margin: float | None = None
    alpha: float = ALPHA
    sides: int = 2
    is_decisive: bool = True
    is_between_levels: bool = False

    @property
    def said(self) -> str:
        """What is measured, in words."""
        what = "win rate" if self.measured.name == WIN_RATE else self.measured.name.replace("_", " ")
        than = f" from {self.compared_with}" if self.measured.measure == FROM_COMPARATOR and self.compared_with else ""
        return f"{what}{than}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; the margin in points."""
        return {
            "hypothesis": self.name,
            "levels": {name: label_of(level) for name, level in self.levels.items()},
            "arm": self.measured.arm,
            "compared_with": self.compared_with,
            "kind": self.measured.kind,
            "outcome": self.measured.name,
            "measure": self.measured.measure,
            "said": self.said,
            "margin": None if self.margin is None else round(100 * self.margin, 4),
            "alpha": round(self.alpha, 6),
            "sides": self.sides,
        }


def planned_outcomes(page: StudyPage, cells: Sequence[Cell], pools: Pools, outcome: str = "") -> list[PlannedOutcome]:
    """Return the outcomes that a page declares; where it declares none, win rates and probes of every arm that is compared with another.

    Args:
        pools: what the cells take of their pools.
        outcome: if given, all arms' outcomes of this name, whatever the page declares.

    Raises:
        InputError: no arm is compared with another, or none has such an outcome.
    """
    if page.primary and page.primary.hypotheses and not outcome:
        return list(_declared(page, page.primary, cells, pools))
    return [each for each in _every(cells, pools, outcome) if not outcome or each.measured.name == outcome]


def _declared(
    page: StudyPage, primary: Preregistration, cells: Sequence[Cell], pools: Pools
) -> Iterator[PlannedOutcome]:
    for each in primary.hypotheses:
        ours = [cell for cell in cells if any(_has(cell, levels) for levels in each.sides)]
        where = {name: label_of(level) for name, level in each.where.items()}
        where |= {name: f"{where[name]} minus {label_of(level)}" for name, level in each.minus.items()}
        if not ours:
            continue
        sides = 2 if each.direction == "two-sided" else 1
        yield PlannedOutcome(
            name=each.name,
            levels=dict(where),
            measured=_measured(each.arm, each.outcome, each.measure),
            compared_with=each.compared_with or compared_arms(ours[0].config).get(each.arm, ""),
            groups=tuple(group for _, group in _groups(ours, pools)),
            margin=None if each.margin is None else each.margin / 100,
            alpha=_last_level(primary, primary.alpha / len(primary.hypotheses), len(page.each_seed), sides),
            sides=sides,
            is_between_levels=bool(each.minus),
        )


def _has(cell: Cell, levels: Factors) -> bool:
    return all(label_of(cell.factors.get(name, "")) == label_of(level) for name, level in levels.items())


def _last_level(primary: Preregistration, alpha: float, seeds: int, sides: Literal[1, 2]) -> float:
    """Return the level at which the last look tests: what earlier ones may spend is taken off."""
    looks = sorted({look for look in primary.looks if 0 < look < seeds})
    return (
        nominal_levels([*(look / seeds for look in looks), 1.0], primary.spending, alpha, sides)[-1] if looks else alpha
    )


def _every(cells: Sequence[Cell], pools: Pools, outcome: str) -> Iterator[PlannedOutcome]:
    for levels, group in _groups(cells, pools):
        names = [WIN_RATE, *(group.config.probes or group.config.rules().probes)]
        for name in names:
            if kind_of(name) == "copying" and name != outcome:
                continue  # of what is wrong with a model, not of misbehaviour
            for arm, other in compared_arms(group.config).items():
                measured, decisive = _measured(arm, name, FROM_COMPARATOR), name == (outcome or WIN_RATE)
                yield PlannedOutcome("", levels, measured, other, (group,), is_decisive=decisive)


def _measured(arm: str, name: str, measure: str) -> Measured:
    return Measured(arm, "votes" if name == WIN_RATE else kind_of(name), name, measure)


def compared_arms(config: RunConfig) -> dict[str, str]:
    """Return arm -> the arm that it is compared with, of arms that are evaluated; further trainings of an arm are left out."""
    return {
        name: arm.compared_with
        for name, arm in config.all_arms.items()
        if arm.compared_with and arm.evaluated and not arm.repeat_of
    }


def _groups(cells: Sequence[Cell], pools: Pools) -> list[tuple[Factors, CellGroup]]:
    """Return the designs of cells, each with the levels of those factors that part them."""
    by_design: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        key = tuple(repr(getattr(cell.config, name)) for name in DESIGN)
        by_design.setdefault((*key, tuple(compared_arms(cell.config))), []).append(cell)
    groups = list(by_design.values())
    parting = [name for name in cells[0].factors if all(len({c.factors[name] for c in group}) == 1 for group in groups)]
    if len(groups) == 1:
        parting = []
    made = []
    for group in groups:
        config, seeds = group[0].config, len({cell.seed for cell in group})
        design = design_of(config, pools, seeds)
        made.append(({name: group[0].factors[name] for name in parting}, CellGroup(config, design)))
    return made


def design_of(config: RunConfig, pools: Pools, seeds: int) -> CrossedDesign:
    """Return the design of cells with these settings."""
    anchors = pool_use(config, pools, "anchors")
    people = pool_use(config, pools, "people")
    return CrossedDesign(
        seeds=seeds,
        anchors=anchors.per_run,
        people=people.per_run,
        anchor_overlap=1.0 if anchors.overlap is None else anchors.overlap,
        person_overlap=1.0 if people.overlap is None else people.overlap,
        networked=config.world == "networked",
    )


def pool_use(config: RunConfig, pools: Pools, kind: str, side: str = "held_out") -> PoolUse:
    """Return what cells with these settings take of their anchors or people."""
    source = (config.anchors or config.arena) if kind == "anchors" else config.personas
    wanted = getattr(config, f"{side}_{kind}".replace("people", "personas"))
    uses = [use for use in pools.uses if (use.kind, use.side, use.source) == (kind, side, source)]
    return min(uses, key=lambda use: (use.per_run != wanted, use.per_run))


def for_outcome(design: CrossedDesign, measured: Measured) -> CrossedDesign:
    """Return the design of one outcome: nobody votes on what probes say."""
    return design if measured.kind == "votes" else replace(design, people=None)
