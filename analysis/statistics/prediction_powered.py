"""Prediction-powered inference: a rater's verdicts on everything make the labels of a random part worth more.

Angelopoulos et al., "Prediction-powered inference" (Science 2023, arXiv 2301.09633): the mean of the verdicts plus the mean of what labels
say beyond them. Within strata of the verdict (Fisch et al., "Stratified prediction-powered inference", arXiv 2406.04291) each verdict is a
constant, so that the weight that PPI++ (arXiv 2311.01453) would tune drops out, and the estimate is that of double sampling:
``sum over strata of (share of the population) x (mean label)``. It assumes nothing of the rater. A bad one costs width, not truth.

Where labels were drawn by the rater's own verdict within each arm, Rogan and Gladen's estimator with the arm's own sensitivity and specificity
is the same number (a test); what :mod:`analysis.statistics.misclassification` adds is the correction that arms share.

Knows samples; knows nothing of messages, arms or probes.
"""

from __future__ import annotations

from analysis.statistics.estimates import Estimate
from analysis.statistics.two_phase import Floats, Linear, TwoPhaseSample


def prediction_powered(sample: TwoPhaseSample, weights: Floats, less: Floats | None = None) -> Estimate:
    """Return the mean that labels of all units would have, or the difference of two such means.

    Args:
        weights: shape (n,), of the units whose mean it is; not negative, 0 leaves a unit out.
        less: of those whose mean is taken away.

    Returns:
        The estimate, with the interval of :meth:`TwoPhaseSample.estimate`; its value is NaN where a stratum that counts has no label.
        A rate's interval is cut off at 0 and 1, a difference's at -1 and 1.
    """
    linear = sample.true(weights) if less is None else sample.true(weights).minus(sample.true(less))
    return sample.estimate(linear).within(0.0 if less is None else -1.0, 1.0)


def rectifier(sample: TwoPhaseSample, weights: Floats) -> Linear:
    """Return what labels say beyond the rater: the mean label less the mean verdict."""
    return sample.true(weights).minus(sample.rated(weights))
