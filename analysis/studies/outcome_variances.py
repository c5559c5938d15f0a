"""How much an outcome varies, of pilots where there are some, else as usual: the components that a study is planned with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from analysis.statistics.components import Component, Ways, subsets
from analysis.studies.pilots import PilotRun, measured_components
from analysis.studies.usual_variances import usual
from analysis.tables.pooled import Measured

Origin = Literal["pilot", "pilot, parted as usual", "default"]
NAMES = ("training", "anchor", "person")
"""Of the ways, in order. What belongs to a seed is called after its training."""
DEFAULT_SAID = "default, not from your pilot"


@dataclass(frozen=True)
class OutcomeComponent:
    """One component of an outcome's variance.

    Attributes:
        variance: of shares, 0 to 1, squared; ``low``, ``high``: 95 % of what a pilot says of it, equal to it where nothing is said.
        negative: whether the pilot's own equations gave less than 0.
    """

    ways: Ways
    variance: float
    low: float
    high: float
    origin: Origin
    negative: bool = False

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
                    "low": _points(each.low),
                    "high": _points(each.high),
                    "origin": each.origin,
                    "negative": each.negative,
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
            each.arm for pilot in there for each in pilot.values if each[1:] == measured[1:] and each.arm != measured.arm
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
    said = f"pilot ({of}, {seeds} seed{'s' if seeds > 1 else ''})"
    if lacking := [each.name(ways) for each in made if each.origin == "default"]:
        said += f"; {', '.join(lacking)}: {DEFAULT_SAID}"
    if negative := [each.name(ways) for each in made if each.negative]:
        said += f"; {', '.join(negative)}: the estimate was below 0, taken as 0"
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
        variance, raw, low, high = (
            sum(getattr(one, name) for one in same) / len(same) for name in ("variance", "raw", "low", "high")
        )
        means.append(Component(each.ways, variance, raw, low, high, each.merged))
    return means


def _default(ways: Ways, variances: dict[Ways, float]) -> OutcomeComponent:
    variance = variances.get(ways, 0.0)
    return OutcomeComponent(ways, variance, variance, variance, "default")


def _parted(component: Component, default: dict[Ways, float]) -> list[OutcomeComponent]:
    """Return a component by combination of ways: in the usual proportions, where a pilot cannot part them."""
    together = (component.ways, *component.merged)
    usual_sum = sum(default.get(ways, 0.0) for ways in together)
    origin: Origin = "pilot, parted as usual" if component.merged else "pilot"
    made = []
    for i, ways in enumerate(together):
        share = default.get(ways, 0.0) / usual_sum if usual_sum else float(i == 0)
        bounds = component.variance * share, component.low * share, component.high * share
        made.append(OutcomeComponent(ways, *bounds, origin, component.raw < 0))
    return made
