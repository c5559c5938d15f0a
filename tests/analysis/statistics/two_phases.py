"""Populations with a known truth that a rater with known errors rates, and of which a stratified sample is labelled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.statistics.two_phase import Floats, TwoPhaseSample


class RatedWorld(NamedTuple):
    """A sample, the truth of all units, and the weights of each arm."""

    sample: TwoPhaseSample
    truth: Floats
    arms: list[Floats]
    strata: np.ndarray


def world(
    seed: int,
    rates: tuple[float, ...] = (0.3, 0.15),
    anchors: int = 200,
    sensitivity: tuple[float, ...] | float = 0.75,
    specificity: float = 0.92,
    labels: int = 200,
    together: float = 0.5,
) -> RatedWorld:
    """Return a draw: arms write about the same anchors, whose difficulty they share; strata are arm x verdict, equally many of each."""
    random = np.random.default_rng(seed)
    found_each = sensitivity if isinstance(sensitivity, tuple) else (sensitivity,) * len(rates)
    common = random.random(anchors)
    own = [np.where(random.random(anchors) < together, common, random.random(anchors)) for _ in rates]
    truth = np.concatenate([each < rate for each, rate in zip(own, rates, strict=True)])
    arm = np.repeat(np.arange(len(rates)), anchors)
    luck = random.random(len(truth))
    found = np.where(truth, luck < np.repeat(found_each, anchors), luck > specificity).astype(int)
    strata = 2 * arm + found
    labelled = np.full(len(truth), np.nan)
    for stratum in np.unique(strata):
        units = random.permutation(np.flatnonzero(strata == stratum))[: labels // (2 * len(rates))]
        labelled[units] = truth[units]
    sample = TwoPhaseSample(found, labelled, strata, [np.tile(np.arange(anchors), len(rates))])
    return RatedWorld(sample, truth.astype(float), [(arm == a).astype(float) for a in range(len(rates))], strata)
