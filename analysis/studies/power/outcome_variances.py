"""How much an outcome varies, of pilots where there are some, else as usual: the components that a study is planned with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.formats import count
from analysis.statistics.components import Component, Ways, subsets
from analysis.studies.power.pilots import PilotRun, measured_components
from analysis.studies.power.usual_variances import SAID, usual
from analysis.tables.pooled import Measured

Origin = Literal["pilot", "pilot, split as usual", "default"]
NAMES = ("training", "anchor", "person")
"""Of the ways, in order. What belongs to a seed is called after its training."""


@dataclass(frozen=True)
class OutcomeComponent:
    """One component of an outcome's variance, of shares, 0 to 1, squared.

    Attributes:
        share: of ``pilot``, where this component was parted from others in the usual proportions.
        pilot: what a pilot says; None where none does, and ``variance`` is as usual.
    """

    ways: Ways
    variance: float
    share: float = 1.0
    pilot: Component | None = None

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return "default" if self.pilot is None else "pilot, split as usual" if self.pilot.merged else "pilot"

    @property
    def is_negative(self) -> bool:
        """Whether the pilot's own equations gave less than 0."""
        return self.pilot is not None and self.pilot.raw < 0

    def quantiles(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return quantiles of what the component may be; itself, where no pilot says anything."""
        return np.full(shares.shape, self.variance) if self.pilot is None else self.share * self.pilot.quantiles(shares)

    def name(self, ways: int) -> str:
        """Return what it is called, of an outcome with so many ways."""
        return "residual" if len(self.ways) == ways else " x ".join(NAMES[way] for way in self.ways)


@dataclass(frozen=True)
class OutcomeVariances:
    """All components of an outcome.

    Attributes:
        said: where they come from, in words.
    """

    components: tuple[OutcomeComponent, ...]
    said: str

    @property
    def values(self) -> dict[Ways, float]:
        """Component by its ways."""
        return {each.ways: each.variance for each in self.components}

    def between_levels(self) -> OutcomeVariances:
        """Return those of a difference between two levels, as if these shared neither trainings nor anchors nor people: twice as much.
        What they do share makes it less."""
        twice = [replace(each, variance=2 * each.variance, share=2 * each.share) for each in self.components]
        return OutcomeVariances(tuple(twice), self.said)

    @property
    def from_pilot(self) -> bool:
        """Whether a pilot says anything of them."""
        return any(each.origin != "default" for each in self.components)

    def as_dict(self) -> dict[str, Any]:
        """Return them as JSON can hold it; deviations in points."""
        ways = max(len(each.ways) for each in self.components)
        return {
            "said": self.said,
            "components": [
                {
                    "name": each.name(ways),
                    "sd": _points(each.variance),
                    "low": _points(min(each.variance, float(each.quantiles(np.array(0.025))))),
                    "high": _points(max(each.variance, float(each.quantiles(np.array(0.975))))),
                    "origin": each.origin,
                    "negative": each.is_negative,
                }
                for each in self.components
            ],
        }


def _points(variance: float) -> float:
    return round(100 * variance**0.5, 4)


def outcome_variances(measured: Measured, arena: str, pilots: Sequence[PilotRun] = ()) -> OutcomeVariances:
    """Return the components of an outcome in an arena.

    Those of the pilots of this arena that have the arm come first; where they have the outcome of other arms alone, those of all of them. What pilots
    cannot tell is as usual: trainings, where there is one seed. What they cannot part, such as anchors of anchors in one training, is
    parted in the usual proportions.
    """
    there = [pilot for pilot in pilots if pilot.arena == arena]
    found, of = _found(measured, there), measured.arm
    if not found:
        others = dict.fromkeys(
            each.arm
            for pilot in there
            for each in pilot.values
            if each[1:] == measured[1:] and each.arm != measured.arm
        )
        parts = {arm: _found(measured._replace(arm=arm), there) for arm in others}
        found, of = _mean([each for each in parts.values() if each]), ", ".join(others)
    ways = 3 if measured.kind == "votes" else 2
    default = usual(arena, measured)
    if not found:
        return OutcomeVariances(tuple(_default(each, default.variances) for each in subsets(ways)[1:]), default.said)
    made = [each for component in found for each in _parted(component, default.variances)]
    known = {each.ways for each in made}
    made += [_default(each, default.variances) for each in subsets(ways)[1:] if each not in known]
    seeds = len({pilot.seed for pilot in there})
    said = f"pilot ({count(seeds, 'seed')})" if of == measured.arm else f"pilot ({of}, {count(seeds, 'seed')})"
    if lacking := [each.name(ways) for each in made if each.origin == "default"]:
        said += f"; {', '.join(lacking)}: {SAID}"
    return OutcomeVariances(tuple(sorted(made, key=lambda each: (len(each.ways), each.ways))), said)


def _found(measured: Measured, pilots: Sequence[PilotRun]) -> list[Component]:
    return measured_components(pilots, measured)


def _mean(of_arms: Sequence[Sequence[Component]]) -> list[Component]:
    """Return the means of components over arms; those of the first arm's combinations."""
    if not of_arms:
        return []
    by_ways = [{each.ways: each for each in components} for components in of_arms]
    means = []
    for each in of_arms[0]:
        same = [of[each.ways] for of in by_ways if each.ways in of]
        numbers = {
            name: sum(getattr(one, name) for one in same) / len(same) for name in ("variance", "raw", "se", "dof")
        }
        means.append(Component(ways=each.ways, merged=each.merged, **numbers))
    return means


def _default(ways: Ways, variances: dict[Ways, float]) -> OutcomeComponent:
    return OutcomeComponent(ways, variances.get(ways, 0.0))


def _parted(component: Component, default: dict[Ways, float]) -> list[OutcomeComponent]:
    """Return a component by combination of ways: in the usual proportions, where a pilot cannot part them."""
    together = (component.ways, *component.merged)
    usual_sum = sum(default.get(ways, 0.0) for ways in together)
    made = []
    for i, ways in enumerate(together):
        share = default.get(ways, 0.0) / usual_sum if usual_sum else float(i == 0)
        made.append(OutcomeComponent(ways, component.variance * share, share, component))
    return made
