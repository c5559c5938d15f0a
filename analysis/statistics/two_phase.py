"""A rater has rated everything, people have labelled a random part of it: two-phase sampling, of which corrections are made.

The labelled messages are a simple random sample within each stratum. Strata are split once more by what the rater found, so that within
one the rater says one thing, and a mean of labels is a mean over strata, each with its share of the population (Neyman, "Contribution to
the theory of sampling human populations", JASA 1938; of two raters: Tenenbein, "A double sampling scheme for estimating from binomial data
with misclassifications", JASA 1970). Everything else is a smooth function of such means.

Two ways to an interval stand side by side. :meth:`TwoPhaseSample.estimate` linearises: each message's influence, summed within anchors (and
seeds), as :mod:`analysis.statistics.multiway` has it. :meth:`TwoPhaseSample.draws` is Rubin's bootstrap ("The Bayesian bootstrap", Annals of
Statistics 1981) over anchors: an anchor's weight holds for all that was written, rated and labelled about it. A stratum whose labels agree
says little of its spread when it is small, so that both add something there: the first a variance with one yes and one no more (Agresti &
Coull, American Statistician 1998), the second Jeffreys's prior.

Knows arrays; knows nothing of messages, arms or probes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.estimates import Estimate, student
from analysis.statistics.multiway import Labels, multiway_mean
from moloch import keyed

Floats = NDArray[np.float64]
DRAWS = 2000


@dataclass(frozen=True)
class Linear:
    """A number, and how it moves with what it is made of.

    Attributes:
        influence: shape (n,), what each unit adds to it beyond its value; sums to 0.
        gains: shape (strata,), by how much it moves with each stratum's share of yes.
    """

    value: float
    influence: Floats
    gains: Floats

    def minus(self, other: Linear) -> Linear:
        """Return the difference of two numbers of one sample."""
        return Linear(self.value - other.value, self.influence - other.influence, self.gains - other.gains)


class TwoPhaseSample:
    """Units that a rater has rated, some of them labelled.

    Args:
        found: shape (n,), what the rater found: 0 or 1.
        truth: shape (n,), the label, in 0 .. 1 (a share where labellers differ); NaN where there is none.
        strata: shape (n,), equal ones are one stratum of the draw.
        ways: shape (n,) each, what units hang together by; the first one is what the bootstrap draws: anchors.

    Attributes:
        stratum: shape (n,), the stratum of each unit, 0 .. H - 1, split by what the rater found.
        said: shape (H,), what the rater found there: 0 or 1.
        labelled: shape (n,), whether there is a label.
    """

    def __init__(self, found: ArrayLike, truth: ArrayLike, strata: ArrayLike, ways: Sequence[Labels]) -> None:
        self.found, self.truth = np.asarray(found, dtype=np.float64), np.asarray(truth, dtype=np.float64)
        self.labelled = ~np.isnan(self.truth)
        self._ways = ways
        _, drawn = np.unique(np.asarray(strata), return_inverse=True)
        both, self.stratum = np.unique(drawn * 2 + self.found.astype(np.int64), return_inverse=True)
        self.said = (both % 2).astype(np.float64)
        self._yes = np.where(self.labelled, self.truth, 0.0)

    def __len__(self) -> int:
        return len(self.found)

    def lacks_labels(self, weights: Floats) -> NDArray[np.bool_]:
        """Return per stratum whether it counts and has no label, shape (H,): then no mean of labels exists."""
        return (self.sums(weights) > 0) & (self.sums(weights * self.labelled) <= 0)

    def rated(self, weights: Floats) -> Linear:
        """Return the weighted mean of what the rater found.

        Args:
            weights: shape (n,), not negative; 0 leaves a unit out.
        """
        total = weights.sum()
        value = float(weights @ self.found / total)
        return Linear(value, weights * (self.found - value) / total, np.zeros(len(self.said)))

    def true(self, weights: Floats) -> Linear:
        """Return the weighted mean that labels of all units would have, from those that have one.

        NaN where a stratum lacks labels.
        """
        total, pseudo = weights.sum(), self.pseudo(weights)
        value = float(weights @ pseudo / total)
        return Linear(value, weights * (pseudo - value) / total, self.sums(weights) / total)

    def pseudo(self, weights: Floats) -> Floats:
        """Return what stands for each unit's label, shape (n,): the stratum's mean, and for a labelled unit its deviation,
        inflated by how many it stands for. Its weighted mean is that of :meth:`true`; its spread has both phases in it."""
        part, mean = self.sums(weights * self.labelled), self._means(weights)
        counts = self.sums(np.asarray((weights > 0) & self.labelled, dtype=np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = self.sums(weights) / part * np.sqrt(counts / np.maximum(counts - 1, 1))
        of = self.stratum
        inflated = np.where(self.labelled & (weights > 0), factor[of] * (self._yes - mean[of]), 0.0)
        return np.where(weights > 0, mean[of] + inflated, 0.0)

    def estimate(self, linear: Linear, level: float = 0.95) -> Estimate:
        """Return a number with Student's interval, clustered on all ways; ``p`` is against 0."""
        around = multiway_mean(len(self) * linear.influence, self._ways)
        groups = around.clusters
        if np.isnan(linear.value) or not groups or min(groups) < 2:
            return Estimate(linear.value, float("nan"), float("nan"), len(self), groups)
        variance = around.se**2 + float(linear.gains**2 @ self._unseen)
        dof = min(groups) - 1 if np.isnan(around.dof) else around.dof
        return student(linear.value, variance, dof, len(self), groups, 0.0, level, around.parts)

    def draws(self, *place: keyed.Part, draws: int = DRAWS) -> Resampled:
        """Return the bootstrap of this sample over the first of its ways.

        Args:
            place: names where the randomness is used, as :func:`moloch.keyed.generator` takes it.
        """
        return Resampled(self, np.asarray(self._ways[0]), keyed.generator("two phases", *place), draws)

    def sums(self, values: Floats) -> Floats:
        """Return the sum over each stratum, shape (H,)."""
        return np.bincount(self.stratum, values, minlength=len(self.said)).astype(np.float64, copy=False)

    def _means(self, weights: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            means = self.sums(weights * self._yes) / self.sums(weights * self.labelled)
        return np.where(self.sums(weights) > 0, means, 0.0)

    @cached_property
    def complete(self) -> NDArray[np.bool_]:
        """Whether all units of a stratum are labelled, shape (H,)."""
        return self.sums(self.labelled.astype(float)) == self.sums(np.ones(len(self)))

    @cached_property
    def _unseen(self) -> Floats:
        """Variance of each stratum's share of yes that its own labels, being few, do not show; shape (H,)."""
        n, yes = self.sums(self.labelled.astype(float)), self.sums(self._yes)
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = (self.sums(self._yes**2) - yes**2 / n) / np.maximum(n - 1, 1)
            share = (yes + 1) / (n + 2)
            more = np.maximum(0.0, share * (1 - share) - np.maximum(shown, 0.0)) / n
        return np.where(self.complete | (n == 0), 0.0, more)


class Resampled:
    """Bootstrap draws of a sample: each gives every cluster a weight and every stratum a prior, which all means of the draw share."""

    def __init__(self, sample: TwoPhaseSample, clusters: NDArray, random: np.random.Generator, draws: int) -> None:
        names, self._cluster = np.unique(clusters, return_inverse=True)
        self._sample, self._groups, self._strata = sample, len(names), len(sample.said)
        self._weights = random.standard_exponential((draws, self._groups))
        prior = random.standard_gamma(0.5, (2, draws, self._strata))
        self._prior = np.where(sample.complete, 0.0, prior)

    def rated(self, weights: Floats) -> Floats:
        """Return :meth:`TwoPhaseSample.rated` of each draw, shape (draws,)."""
        parts = self._sums(weights)
        return parts @ self._sample.said / parts.sum(axis=1)

    def true(self, weights: Floats) -> Floats:
        """Return :meth:`TwoPhaseSample.true` of each draw, shape (draws,)."""
        parts = self._sums(weights)
        return np.where(parts > 0, parts * self._shares(weights), 0.0).sum(axis=1) / parts.sum(axis=1)

    def errors(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the rater's sensitivity and specificity in each draw, shape (draws,) each."""
        parts, shares, said = self._sums(weights), self._shares(weights), self._sample.said
        yes, no = (np.where(parts > 0, parts * share, 0.0) for share in (shares, 1 - shares))
        with np.errstate(divide="ignore", invalid="ignore"):
            return yes @ said / yes.sum(axis=1), no @ (1 - said) / no.sum(axis=1)

    def _shares(self, weights: Floats) -> Floats:
        """Return each stratum's share of yes, shape (draws, H)."""
        labelled = weights * self._sample.labelled
        counts, total = self._sample.sums((labelled > 0).astype(float)), self._sample.sums(labelled)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(total > 0, counts / total, 0.0)  # a labelled unit counts one beside the prior
            yes = self._sums(labelled * np.nan_to_num(self._sample.truth)) * scale
            return (yes + self._prior[0]) / (self._sums(labelled) * scale + self._prior.sum(axis=0))

    def _sums(self, values: Floats) -> Floats:
        """Return the sum over each stratum, weighted by each draw, shape (draws, H)."""
        cell = self._cluster * self._strata + self._sample.stratum
        return self._weights @ np.bincount(cell, values, minlength=self._groups * self._strata).reshape(
            self._groups, -1
        )
