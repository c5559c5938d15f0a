"""What an estimate over a study's cells speaks of: one value, and an interval for each of three scopes.

- **these adapters**: the trainings are held fixed; other anchors and people might come.
- **these anchors and people**: other trainings (seeds) might come; anchors and people stay. Student's t over seeds, contrasts within
  each seed first, and a randomisation test.
- **new trainings, anchors and people**: all of them vary; the headline.

In a networked society everybody may have influenced everybody else of the same seed: there seeds are the only independent units. The
headline's degrees of freedom are then those of seeds, and there is no interval for these adapters.

Cells count alike. Knows cells and values; knows nothing of how anything is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import Estimate, student
from analysis.statistics.multiway import multiway_difference, multiway_mean
from analysis.statistics.randomisation import sign_flips
from analysis.studies.pages.cells import Factors
from analysis.tables.pooled import Measured, RunValues, numbered

Floats = NDArray[np.float64]
WAYS = ("seeds", "anchors", "people")
"""What intervals are over, in the order of an estimate's clusters."""
ADAPTERS, ANCHORS_AND_PEOPLE, NEW = "these adapters", "these anchors and people", "new trainings, anchors and people"
"""The names of the scopes."""


@dataclass(frozen=True)
class CellValues:
    """One cell's values.

    Attributes:
        tables: measure -> the run's own estimate, as its tables have it; without those that do not exist.
        values: measure -> its values by anchor and person; empty where there are too many to keep.
        compared_with: arm -> the arm that differences are from.
        notes: what stands beside the tables: ``note``, ``withheld``, ``validity``, and ``flags`` (a list).
        networked: whether its members influence each other.
        solo: learner of a market -> the arm that learns alone as it does.
        beside: the same cell with the outcomes of :mod:`analysis.tables.controlled` in place of the headline ones.
    """

    cell: str
    factors: Factors
    seed: int
    tables: dict[Measured, dict[str, Any]]
    values: dict[Measured, RunValues]
    compared_with: dict[str, str]
    notes: dict[str, Any]
    networked: bool = False
    solo: dict[str, str] = field(default_factory=dict)
    beside: CellValues | None = None

    @property
    def size(self) -> int:
        """How many values are kept."""
        kept = {id(each): len(each.sums) for each in self.values.values()}
        return sum(kept.values()) + (self.beside.size if self.beside is not None else 0)


Group = Sequence[CellValues]


class Scopes(NamedTuple):
    """One value with its three intervals.

    Attributes:
        new: the headline; of a study whose values are not kept, over seeds alone.
        adapters, seeds: for these adapters, and for these anchors and people; they have the same value.
        p_randomised: of flipped signs over seeds, and ``p_smallest``: the smallest that so many seeds can give. NaN for shares without a null.
        over: what the headline's interval is over, empty where there is none.
    """

    new: Estimate
    adapters: Estimate
    seeds: Estimate
    p_randomised: float
    p_smallest: float
    over: str


def scopes_of(measured: Measured, cells: Group, null: float) -> Scopes:
    """Return the mean over cells of what was measured in each.

    Args:
        null: the value against which p-values test; NaN for none.
    """
    seeds = multiway_mean(_means(measured, cells), [_seeds(cells)], null=null)
    adapters = new = None
    if kept := _kept([(measured, cell) for cell in cells]):
        new = multiway_mean(kept.sums, [kept.seeds, *kept.ways], counts=kept.counts, null=null)
        adapters = multiway_mean(kept.sums, kept.ways, counts=kept.counts, within=kept.cells, null=null)
    if len(cells) == 1:
        adapters = own_estimate(cells[0].tables[measured])
    by_seed = [_mean(measured, cells, seed) - null for seed in _order(cells)]
    return _scopes(cells, new, adapters, seeds, by_seed, null)


def scopes_of_difference(measured: Measured, ours: Group, theirs: Group) -> Scopes:
    """Return the mean over ``theirs`` less the mean over ``ours``; what both have in common drops out of the intervals."""
    return _between((measured, theirs), (measured, ours))


def scopes_of_both(one: Measured, other: Measured, cells: Group) -> Scopes:
    """Return the mean of one measure less that of another, of the same cells."""
    return _between((one, cells), (other, cells))


def _between(first: tuple[Measured, Group], second: tuple[Measured, Group]) -> Scopes:
    sides = first, second
    cells = [cell for _, of in sides for cell in of]
    treated = np.arange(len(cells)) < len(first[1])
    seeds = multiway_difference([mean for side in sides for mean in _means(*side)], treated, [_seeds(cells)])
    adapters = new = None
    if kept := _kept([(measured, cell) for measured, of in sides for cell in of]):
        of = treated[kept.cells]
        new = multiway_difference(kept.sums, of, [kept.seeds, *kept.ways], counts=kept.counts)
        adapters = multiway_difference(kept.sums, of, kept.ways, counts=kept.counts, within=kept.cells)
    both = [seed for seed in _order(first[1]) if seed in _order(second[1])]
    by_seed = [_mean(*first, seed) - _mean(*second, seed) for seed in both]
    return _scopes(cells, new, adapters, seeds, by_seed, 0.0)


def own_estimate(value: Mapping[str, Any]) -> Estimate:
    """Return a run's own estimate out of a table, where JSON has None for NaN. It has no p: the trainings in it are held fixed."""
    mean, low, high, se, dof = (
        nan if value.get(n) is None else value[n] for n in ("value", "low", "high", "se", "dof")
    )
    return Estimate(mean, low, high, value.get("n") or 0, (), se, dof=dof)


def _scopes(
    cells: Group,
    new: Estimate | None,
    adapters: Estimate | None,
    seeds: Estimate,
    by_seed: Sequence[float],
    null: float,
) -> Scopes:
    """Put the scopes together.

    Args:
        by_seed: the difference from the null in each seed.
    """
    new = new or seeds  # where values were not kept
    adapters = adapters or Estimate(new.value, nan, nan, new.n)
    if any(cell.networked for cell in cells):
        adapters = Estimate(new.value, nan, nan, new.n)
        skew = new.skew
        new = student(new.value, new.se**2, new.clusters[0] - 1, new.n, new.clusters, null, 0.95, new.parts)
        new = msgspec.structs.replace(new, skew=skew)
    tested = len(by_seed) > 1 and not np.isnan(by_seed).any()
    flips = sign_flips(by_seed) if tested else (nan, nan)
    over = "" if np.isnan(new.low) else ", ".join(WAYS[: len(new.clusters)])
    return Scopes(new, adapters, seeds, *flips, over)


class _Kept(NamedTuple):
    """The values of several cells, each of which counts alike; row i is about an anchor, by a person."""

    sums: Floats
    counts: Floats
    seeds: NDArray[np.int64]
    cells: NDArray[np.int64]
    ways: list[NDArray[Any]]
    """Anchors and, of votes, people."""


def _kept(parts: Sequence[tuple[Measured, CellValues]]) -> _Kept | None:
    """Return what cells' values are; None where not all are kept."""
    if any(measured not in cell.values for measured, cell in parts):
        return None
    values = [cell.values[measured] for measured, cell in parts]
    lengths = [len(each.sums) for each in values]
    weight = np.repeat([1 / each.counts.sum() for each in values], lengths)
    people = [each.people for each in values if each.people is not None]
    return _Kept(
        sums=np.concatenate([each.sums for each in values]) * weight,
        counts=np.concatenate([each.counts for each in values]) * weight,
        seeds=np.repeat(_seeds([cell for _, cell in parts]), lengths),
        cells=np.repeat(np.arange(len(parts)), lengths),
        ways=[numbered([each.anchors for each in values]), *([numbered(people)] if people else [])],
    )


def _means(measured: Measured, cells: Group) -> list[float]:
    return [cell.tables[measured]["value"] for cell in cells]


def _mean(measured: Measured, cells: Group, seed: int) -> float:
    return float(np.mean(_means(measured, [cell for cell in cells if cell.seed == seed])))


def _seeds(cells: Group) -> NDArray[np.int64]:
    return np.array([cell.seed for cell in cells], dtype=np.int64)


def _order(cells: Group) -> list[int]:
    return sorted({cell.seed for cell in cells})
