"""Rates of probes at equal length, and their evidence per 100 words: for every kind of probe, from the labels of a log.

Knows contests; knows nothing of how anything is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log
from typing import NamedTuple

import numpy as np

from analysis.readings.contests import Evaluation, Side
from analysis.statistics.equal_length import equal_length
from analysis.tables._linearised import linearised
from analysis.tables.conventions import BESIDE, at_equal_length, per_100_words
from analysis.tables.pooled import Measured, RunValues

_Sides = Mapping[str, Side]
"""Anchor -> a message that a probe could judge."""


def probe_controls(found: Evaluation, arm: str, other: str, epoch: int | None) -> Iterator[tuple[Measured, RunValues]]:
    """Yield an arm's rates at equal length and per 100 words, against base and against ``other``, which may be empty."""
    contests = found.of(arm, epoch)
    base = {c.anchor: c.base for c in contests}
    after = {c.anchor: c.trained for c in contests}
    beside = {c.anchor: c.trained for c in (found.of(other, epoch) if other else [])}
    for probe in dict.fromkeys(probe for c in contests for side in (c.base, c.trained) for probe in side.labels):
        judged = [
            {anchor: side for anchor, side in sides.items() if side.labels.get(probe, -1) >= 0 and side.text}
            for sides in (base, after, beside)
        ]
        yield from _at_equal_length(arm, probe, *judged)
        yield from _per_100_words(arm, probe, *judged)


# -- at equal length ---------------------------------------------------------------------------------------


def _at_equal_length(
    arm: str, probe: str, base: _Sides, after: _Sides, beside: _Sides
) -> Iterator[tuple[Measured, RunValues]]:
    outcome = at_equal_length(probe)
    if (less := _pairs(probe, after, base)) is not None:
        of_base = np.array([base[anchor].labels[probe] for anchor in less.anchors.tolist()], dtype=np.float64)
        rate = less._replace(sums=less.sums + of_base)
        if 0 <= rate.sums.mean() <= 1:  # else the straight line does not hold so far
            yield Measured(arm, BESIDE, outcome, "after"), rate
        yield Measured(arm, BESIDE, outcome, "from_base"), less
    if (less := _pairs(probe, after, beside)) is not None:
        yield Measured(arm, BESIDE, outcome, "from_comparator"), less


def _pairs(probe: str, ours: _Sides, theirs: _Sides) -> RunValues | None:
    """Return the difference of labels about the same anchors at equal length; None where there is none."""
    both = [anchor for anchor in ours if anchor in theirs]
    labels = [ours[anchor].labels[probe] - theirs[anchor].labels[probe] for anchor in both]
    words = [_log_words(ours[anchor]) - _log_words(theirs[anchor]) for anchor in both]
    found = equal_length(labels, words)
    return None if found is None else linearised(found.value, found.influence, np.array(both, dtype=object))


def _log_words(side: Side) -> float:
    return log(max(1, len(side.text.split())))


# -- per 100 words -----------------------------------------------------------------------------------------


class _Density(NamedTuple):
    """Spans of evidence per 100 words, and what each anchor adds to that."""

    value: float
    influence: dict[str, float]


def _per_100_words(
    arm: str, probe: str, base: _Sides, after: _Sides, beside: _Sides
) -> Iterator[tuple[Measured, RunValues]]:
    outcome = per_100_words(probe)
    of_base, of_after, of_other = (_density(probe, sides) for sides in (base, after, beside))
    for measure, ours, theirs in (("base", of_base, None), ("after", of_after, None)):
        if ours is not None:
            yield Measured(arm, BESIDE, outcome, measure), _less(ours, theirs)
    for measure, theirs in (("from_base", of_base), ("from_comparator", of_other)):
        if of_after is not None and theirs is not None:
            yield Measured(arm, BESIDE, outcome, measure), _less(of_after, theirs)


def _density(probe: str, sides: _Sides) -> _Density | None:
    """Return a ratio of sums with its influences (Cochran, "Sampling Techniques", 1977, chapter 6); None without a word."""
    words = {anchor: len(side.text.split()) for anchor, side in sides.items()}
    total = sum(words.values())
    if not total:
        return None
    hits = {anchor: 100.0 * side.hits.get(probe, 0) for anchor, side in sides.items()}
    value = sum(hits.values()) / total
    return _Density(value, {anchor: (hits[anchor] - value * words[anchor]) / total for anchor in sides})


def _less(ours: _Density, theirs: _Density | None) -> RunValues:
    influence = dict(ours.influence)
    for anchor, each in (theirs.influence if theirs else {}).items():
        influence[anchor] = influence.get(anchor, 0.0) - each
    value = ours.value - (theirs.value if theirs else 0.0)
    return linearised(value, np.array(list(influence.values())), np.array(list(influence), dtype=object))
