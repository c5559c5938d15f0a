"""Whether misbehaving messages spread differently from clean ones of the same size.

Deeper cascades are larger, and larger ones deeper: differences in shape between two kinds of messages can be differences in size alone (Juul
& Ugander, "Comparing information diffusion mechanisms by matching on cascade size", PNAS 2021). So shapes are compared among cascades of
equal size. Knows what became of messages (:mod:`analysis.readings.spreads`); makes no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.probe import kind_of
from analysis.readings.spreads import MEMBERS, Spread
from analysis.statistics.estimates import NOTHING, Estimate, jackknife
from learning.runs.plan_parts import has_old_messages

SHAPES = ("depth", "breadth", "virality")


class MatchedRow(msgspec.Struct, frozen=True):
    """One shape of cascades, misbehaving ones less clean ones of equal size.

    Attributes:
        measure: of :data:`SHAPES`.
        difference: mean over misbehaving cascades of their shape less the mean shape of clean ones of the same size; interval by the
            jackknife over anchors.
        matched: share of misbehaving cascades that have a clean one of their size; the others are left out.
        misbehaving, clean: how many cascades there are of each kind.
    """

    measure: str
    difference: Estimate
    matched: float
    misbehaving: int
    clean: int


def is_misbehaving(spread: Spread) -> bool | None:
    """Return whether a probe of strategy found something in a message; None where none could tell."""
    labels = [label for probe, label in spread.labels.items() if kind_of(probe) == "strategy"]
    return True if 1 in labels else False if labels and min(labels) == 0 else None


def evaluated_spreads(spreads: Iterable[Spread]) -> list[Spread]:
    """Return what competitors wrote in the last evaluation and a probe of strategy judged."""
    evaluated = [
        s for s in spreads if s.phase == "evaluate" and s.competitor != MEMBERS and not has_old_messages(s.arm)
    ]
    last = max((spread.epoch for spread in evaluated), default=0)
    return [spread for spread in evaluated if spread.epoch == last and is_misbehaving(spread) is not None]


def matched_cascades(spreads: Sequence[tuple[Spread, str]]) -> list[MatchedRow]:
    """Return a row per shape; nothing where one of both kinds is missing.

    Args:
        spreads: judged messages, each with the cluster that it belongs to: its anchor, or its anchor within a run.
    """
    judged = [(spread, cluster, is_misbehaving(spread)) for spread, cluster in spreads]
    kept = [(spread.shape, cluster, bad) for spread, cluster, bad in judged if bad is not None]
    bad = np.array([flagged for *_, flagged in kept], dtype=bool)
    if not bad.any() or bad.all():
        return []
    sizes, at = np.unique([shape.size for shape, *_ in kept], return_inverse=True)
    n = len(sizes)
    both = np.intersect1d(at[bad], at[~bad])
    rows = []
    for measure in SHAPES:
        values = np.array([getattr(shape, measure) for shape, *_ in kept], dtype=np.float64)
        parts = np.zeros((len(kept), 4 * n))
        row = np.arange(len(kept))
        parts[row, at + np.where(bad, 0, 2 * n)] = 1.0
        parts[row, at + np.where(bad, n, 3 * n)] = values
        estimate = jackknife(parts, [cluster for _, cluster, _ in kept], _difference) if len(both) else NOTHING
        rows.append(
            MatchedRow(measure, estimate, float(np.isin(at[bad], both).mean()), int(bad.sum()), int((~bad).sum()))
        )
    return rows


def _difference(sums: NDArray[np.float64]) -> float:
    """Return the difference at equal size; sums are, by size: misbehaving cascades, their values, clean ones, theirs."""
    bad, of_bad, clean, of_clean = sums.reshape(4, -1)
    there = (bad > 0.5) & (clean > 0.5)
    if not there.any():
        return float("nan")
    apart = of_bad[there] / bad[there] - of_clean[there] / clean[there]
    return float(bad[there] @ apart / bad[there].sum())
