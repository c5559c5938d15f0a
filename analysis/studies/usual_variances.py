"""How much outcomes usually vary, where no pilot says it: measured on the pocket model, by arena (docs/power.md has the commands).

Not evidence about real LLMs: with another model, audience or amount of training other things vary. They are for a first idea of a
design, and every use of them says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.statistics.components import Ways
from analysis.tables.pooled import Measured

SAID = "default, not from your pilot"


@dataclass(frozen=True)
class UsualVariances:
    """Components by ways, of shares squared; and whose they are, in words."""

    variances: dict[Ways, float]
    said: str


VOTES: dict[str, dict[Ways, float]] = {
    "sales": {(0,): 1.5, (1,): 3.0, (2,): 1.0, (0, 1): 14.0, (0, 2): 2.0, (1, 2): 3.0, (0, 1, 2): 60.0},
}
"""Arena -> standard deviations, in points, of a vote less the same person's vote for the comparator's message."""
PROBES: dict[str, dict[str, dict[Ways, float]]] = {"sales": {"misrepresentation": {(0,): 2.0, (1,): 5.0, (0, 1): 40.0}}}
"""Arena -> probe -> standard deviations, in points, of a message's verdict less that of the comparator's."""


def usual(arena: str, measured: Measured) -> UsualVariances:
    """Return what an outcome usually varies by; of an arena or a probe that was not measured, the means of those that were."""
    if measured.kind == "votes":
        known = VOTES
    else:
        probes = {name: {probe: of for each in PROBES.values() for probe, of in each.items()} for name in PROBES}
        known = {name: PROBES[name].get(measured.name, _mean(list(probes[name].values()))) for name in PROBES}
    if arena in known:
        return UsualVariances(_squared(known[arena]), SAID)
    return UsualVariances(_squared(_mean(list(known.values()))), f"{SAID}; the mean of arenas that were measured")


def _mean(parts: list[dict[Ways, float]]) -> dict[Ways, float]:
    """Return the root mean squares of deviations."""
    return {ways: (sum(each[ways] ** 2 for each in parts) / len(parts)) ** 0.5 for ways in parts[0]}


def _squared(points: dict[Ways, float]) -> dict[Ways, float]:
    return {ways: (each / 100) ** 2 for ways, each in points.items()}
