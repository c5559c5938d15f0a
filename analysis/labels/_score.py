"""What labels say of a run's or a study's rates: how often the rater errs, and rates and differences without its errors.

Raw numbers come first. Then, each with what it assumes: the correction by errors that all arms share, by each arm's own, and the
prediction-powered estimate, which assumes nothing of the rater. Where an arm has too few labels of its own, a tipping point says how far
its errors would have to be from the others' to cancel the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.labels._population import LabelledRun
from analysis.labels._sample import LabelCounts, LabelledSample, Unsure, labelled_sample
from analysis.statistics.agreement import Pair
from analysis.statistics.estimates import Estimate, plain
from analysis.statistics.misclassification import (
    LEAST_LABELLED,
    Misclassification,
    TippingPoint,
    corrected_draws,
    percentiles,
    tipping_point,
)
from analysis.statistics.prediction_powered import prediction_powered
from analysis.statistics.two_phase import Floats, Linear, Resampled
from learning.arms.base_models import is_base

Method = Literal["raw", "common correction", "own correction", "prediction-powered"]
POOLED = "all"
"""In place of a writer: all of them together."""


class RaterErrors(NamedTuple):
    """How often the rater errs on a writer's messages.

    Attributes:
        positives, negatives: messages that people labelled yes and no.
        refused: why nothing is corrected by it.
    """

    writer: str
    positives: int
    negatives: int
    sensitivity: Estimate
    specificity: Estimate
    youden: Estimate
    refused: str


class CorrectedRow(NamedTuple):
    """A rate or a difference, by one method.

    Attributes:
        measure: ``rate``, ``from_base`` or ``from_comparator``.
        compared_with: whose rate is taken away; empty for a rate.
        bootstrap: the same with the percentile interval of the bootstrap over anchors, which holds trainings fixed; of corrections only.
        refused: why there is no number.
    """

    writer: str
    measure: str
    compared_with: str
    method: Method
    estimate: Estimate
    bootstrap: Estimate
    refused: str


@dataclass(frozen=True)
class LabelScore:
    """What labels say of one probe.

    Attributes:
        over: what intervals cluster on.
        tipping: of each difference between arms whose own labels do not suffice: writer, comparator and the point.
    """

    probe: str
    rater: str
    counts: LabelCounts
    over: tuple[str, ...]
    errors: Sequence[RaterErrors]
    rows: Sequence[CorrectedRow]
    tipping: Sequence[tuple[str, str, TippingPoint]]
    agreement: Sequence[tuple[str, str, Pair]]
    notes: Sequence[str]

    @property
    def scope(self) -> str:
        """What intervals speak of; those of the bootstrap always of these adapters."""
        return "new trainings and anchors" if "seeds" in self.over else "these adapters"

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping; numbers that do not exist are None."""
        return {
            "probe": self.probe,
            "rater": self.rater or "the run's own probe",
            "counts": plain_counts(self.counts),
            "over": list(self.over),
            "scope": self.scope,
            "errors": [{name: plain(value) for name, value in each._asdict().items()} for each in self.errors],
            "rows": [{name: plain(value) for name, value in each._asdict().items()} for each in self.rows],
            "tipping": [{"writer": w, "compared_with": other} | plain(point) for w, other, point in self.tipping],
            "agreement": [{"first_name": a, "second_name": b} | plain(found) for a, b, found in self.agreement],
            "notes": list(self.notes),
        }


def plain_counts(counts: LabelCounts) -> dict[str, int]:
    """Return counts as a mapping."""
    return {name: int(value) for name, value in vars(counts).items()}


def score(runs: Sequence[LabelledRun], probe: str, *, rater: str = "", unsure: Unsure = "left out") -> LabelScore:
    """Return what the labels of the runs' messages say.

    Args:
        rater: whose errors are measured and corrected: empty for the run's own probe, else a judge's name.

    Raises:
        InputError: nothing was drawn or labelled, or the rater was not asked.
        LogError: a run, or its log of labels, cannot be read.
    """
    found = labelled_sample(runs, probe, rater, unsure)
    by = _Scored(found, found.sample.draws(probe, rater))
    return LabelScore(
        probe,
        rater,
        found.counts,
        found.over,
        list(by.errors()),
        list(by.rows()),
        list(by.tipping()),
        found.agreement,
        found.notes,
    )


_NONE = Estimate(float("nan"), float("nan"), float("nan"), 0)


class _Scored:
    """All estimates of one sample; draws are made once and shared."""

    def __init__(self, found: LabelledSample, draws: Resampled) -> None:
        self._found, self._draws, self._sample = found, draws, found.sample
        self._writers = sorted(dict.fromkeys(found.writers.tolist()), key=lambda name: (not is_base(name), name))
        weights = {POOLED: found.everything()} | {name: found.of(name) for name in self._writers}
        self._errors = {
            name: Misclassification.of(self._sample, each)
            for name, each in weights.items()
            if not self._sample.lacks_labels(each).any()
        }
        self._drawn = {name: draws.errors(weights[name]) for name in self._errors}
        self._anchors = len(set(found.anchors.tolist()))

    def errors(self) -> Iterator[RaterErrors]:
        """Yield the rater's errors, over all messages and over each writer's."""
        for name in (POOLED, *self._writers):
            if name not in self._errors:
                mine = self._sample.truth[self._sample.labelled & ((self._found.writers == name) | (name == POOLED))]
                counts = int((mine > 0.5).sum()), int((mine < 0.5).sum())
                yield RaterErrors(name, *counts, _NONE, _NONE, _NONE, _LACKING)
                continue
            each, (found, passed) = self._errors[name], self._drawn[name]
            yield RaterErrors(
                name,
                each.positives,
                each.negatives,
                self._percentiles(each.sensitivity.value, found).within(0, 1),
                self._percentiles(each.specificity.value, passed).within(0, 1),
                self._percentiles(each.youden, found + passed - 1).within(-1, 1),
                each.refused,
            )

    def rows(self) -> Iterator[CorrectedRow]:
        """Yield each rate and difference by all methods, raw first."""
        for writer in self._writers:
            yield from self._methods(writer, "rate", "", self._found.of(writer), None)
        for writer, measure, other in self._contrasts():
            yield from self._methods(writer, measure, other, *self._found.both(writer, other))

    def tipping(self) -> Iterator[tuple[str, str, TippingPoint]]:
        """Yield the tipping point of each difference from a comparator that is not corrected by arms' own errors."""
        common = self._errors.get(POOLED)
        if common is None or common.refused:
            return
        for writer, _, other in self._contrasts():
            if not self._is_own(writer, other):
                ours, theirs = (self._sample.rated(each).value for each in self._found.both(writer, other))
                errors = common.sensitivity.value, common.specificity.value
                yield writer, other, tipping_point(ours, theirs, *errors)

    def _contrasts(self) -> Iterator[tuple[str, str, str]]:
        for writer in self._writers:
            if (base := self._found.base_of.get(writer, "")) in self._writers:
                yield writer, "from_base", base
        for writer in self._writers:
            other = self._found.compared_with.get(writer, "")
            if other in self._writers:
                yield writer, "from_comparator", other

    def _methods(
        self, writer: str, measure: str, other: str, weights: Floats, less: Floats | None
    ) -> Iterator[CorrectedRow]:
        place = writer, measure, other
        sample, low = self._sample, 0.0 if less is None else -1.0
        if not weights.any():
            yield CorrectedRow(*place, "raw", _NONE, _NONE, "no anchor on which both were judged")
            return
        raw = sample.rated(weights) if less is None else sample.rated(weights).minus(sample.rated(less))
        yield CorrectedRow(*place, "raw", sample.estimate(raw).within(low, 1), _NONE, "")
        yield self._corrected(place, "common correction", (POOLED, POOLED), weights, less)
        own = (writer, other or writer)
        yield self._corrected(place, "own correction", own, weights, less)
        lacks = sample.lacks_labels(weights).any() or (less is not None and sample.lacks_labels(less).any())
        powered = _NONE if lacks else prediction_powered(sample, weights, less)
        yield CorrectedRow(*place, "prediction-powered", powered, _NONE, _LACKING if lacks else "")

    def _corrected(
        self,
        place: tuple[str, str, str],
        method: Method,
        by: tuple[str, str],
        weights: Floats,
        less: Floats | None,
    ) -> CorrectedRow:
        """Return the row that is corrected by the errors on some messages: of all, or of each side's writer."""
        if refused := next(filter(None, map(self._refused, by)), ""):
            return CorrectedRow(*place, method, _NONE, _NONE, refused)
        sides = [(weights, by[0])] + ([] if less is None else [(less, by[1])])
        linear = [self._errors[name].corrected(self._sample.rated(each)) for each, name in sides]
        drawn = [corrected_draws(self._draws, each, self._drawn[name]) for each, name in sides]
        value: Linear = linear[0] if less is None else linear[0].minus(linear[1])
        spread: NDArray[np.float64] = drawn[0] if less is None else drawn[0] - drawn[1]
        low = 0.0 if less is None else -1.0
        estimate = self._sample.estimate(value).within(low, 1)
        return CorrectedRow(*place, method, estimate, self._percentiles(value.value, spread).within(low, 1), "")

    def _percentiles(self, value: float, drawn: Floats) -> Estimate:
        return percentiles(value, drawn, len(self._sample), self._anchors)

    def _is_own(self, *writers: str) -> bool:
        return not any(self._refused(writer) for writer in writers)

    def _refused(self, name: str) -> str:
        """Return why rates are not corrected by the errors on a writer's messages; empty where they are."""
        if name not in self._errors:
            return _LACKING
        each = self._errors[name]
        if name != POOLED and not each.is_own:
            need = f"{LEAST_LABELLED} of each are needed"
            return f"{each.positives} messages of {name} are labelled yes and {each.negatives} no; {need}"
        return each.refused


_LACKING = "a stratum has no label"
