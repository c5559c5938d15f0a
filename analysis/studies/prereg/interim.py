"""Where a preregistered study stands among its looks: which seeds a look shows, and how much of alpha it may use.

A declared look is at the first so many seeds of the page, whatever else has ended by then; the end is itself a look. Knows cells and
declarations; knows no effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from analysis.statistics.look_boundaries import Sides, nominal_levels, sequential_p
from analysis.studies.pages.cells import Cell
from analysis.studies.pages.declarations import Declaration
from analysis.studies.pages.page import StudyPage
from analysis.studies.pages.preregistration import Preregistration
from analysis.studies.record.study_log import CellHistory, StudyState

OVER = ("ended", "reused", "failed")
"""States of cells that are not still to come."""


@dataclass(frozen=True)
class InterimLook:
    """What may be decided now.

    Attributes:
        at: place among the looks, from 0; None where no declared look has been reached, and nothing may be decided.
        seeds: that it is about, in the order of the page; ``of``: those that were declared.
        is_end: whether it is the last look: no declared cell is still to come.
    """

    preregistration: Preregistration
    at: int | None
    seeds: tuple[int, ...]
    of: tuple[int, ...]
    is_end: bool

    @property
    def fractions(self) -> tuple[float, ...]:
        """Share of the seeds at each look; 1 at the end."""
        return (*(look / len(self.of) for look in self.preregistration.looks), 1.0)

    def p(self, p: float, sides: Sides) -> float:
        """Return a p-value of this look on the scale of the whole study; 1 where nothing may be decided."""
        if self.at is None:
            return 1.0
        return sequential_p(p, self.at, self.fractions, self.preregistration.spending, sides)

    def level(self, sides: Sides) -> float:
        """Return the level at which this look tests a single hypothesis; 0 where nothing may be decided."""
        if self.at is None:
            return 0.0
        return nominal_levels(self.fractions, self.preregistration.spending, self.preregistration.alpha, sides)[self.at]


def look_of(declared: Declaration, state: StudyState, has_ended: Callable[[CellHistory], bool]) -> InterimLook:
    """Return where a study stands.

    Args:
        declared: what is in force; cells that were added later do not count.
        has_ended: whether a cell's run is whole.
    """
    cells = [state.cells[name] for name in declared.cells]
    seeds = tuple(dict.fromkeys(cell.planned.seed for cell in cells))
    ended = {id(cell): has_ended(cell) for cell in cells}
    primary = declared.preregistration
    if all(ended[id(cell)] or cell.state in OVER for cell in cells):
        return InterimLook(primary, len(primary.looks), seeds, seeds, is_end=True)
    whole = complete_seeds(seeds, [cell.planned.seed for cell in cells if not ended[id(cell)]])
    reached = [look for look in primary.looks if look <= whole]
    at = len(reached) - 1 if reached else None
    return InterimLook(primary, at, seeds[: reached[-1]] if reached else seeds, seeds, is_end=False)


def complete_seeds(seeds: Sequence[int], open_: Iterable[int]) -> int:
    """Return how many of the first seeds have no cell that has not ended.

    Args:
        open_: seeds of cells that have not.
    """
    lacking = set(open_)
    return next((n for n, seed in enumerate(seeds) if seed in lacking), len(seeds))


def by_looks(cells: Sequence[Cell], page: StudyPage) -> list[Cell]:
    """Return cells in the order in which they are begun: where looks are declared, those of the seeds of the next look first."""
    looks = page.primary.looks if page.primary else ()
    place = {seed: sum(look <= number for look in looks) for number, seed in enumerate(page.each_seed)}
    return sorted(cells, key=lambda cell: place[cell.seed])
