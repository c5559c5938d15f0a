"""The headline outcomes of a run by other conventions, beside them: forfeits, ties, equal length and format.

- win rates with forfeits left out, and contests won with ties left out or halved;
- win rates at equal length and format (:mod:`analysis.statistics.controlled_shares`), and the part that length and format predict;
- rates of probes at the base's lengths (:mod:`analysis.statistics.equal_length`), and their evidence per 100 words.

Length and format lie on the path from learning to winning: they are mediators. What is controlled for answers another question than the
headline does, and never takes its place. Values are :class:`analysis.tables.pooled.RunValues` like the headline's, so that runs, seeds,
anchors and people are clustered by the same code.

Knows evaluations; knows nothing of how anything is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from analysis.readings.contests import Evaluation, EvaluationContest
from analysis.readings.evaluation import read_evaluation
from analysis.readings.reading import frame_of
from analysis.statistics.estimates import NOTHING, Estimate, plain
from analysis.statistics.multiway import multiway_mean
from analysis.statistics.ratios import fieller
from analysis.tables._linearised import of_anchors
from analysis.tables._probe_controls import probe_controls
from analysis.tables._style_rates import NO_FIT, StyleFit, scales, slope_values, style_fit, style_part, style_values
from analysis.tables._votes import votes_less, votes_of
from analysis.tables.conventions import (
    BESIDE,
    CONTESTS_WON,
    SHARES,
    TIES_HALF,
    WIN_RATE,
    WITHOUT_FORFEITS,
    bounds_of,
    null_of,
)
from analysis.tables.evaluation import Events, comparator, majority_of
from analysis.tables.pooled import Measured, RunValues, values_of_votes

if TYPE_CHECKING:
    import polars as pl


class ControlledRow(msgspec.Struct, frozen=True):
    """One outcome of one arm by another convention.

    Attributes:
        outcome, measure: as in :mod:`analysis.tables.conventions` and :class:`analysis.tables.pooled.Measured`.
        estimate: clustered on anchors and, of votes, on people: of these adapters. From the comparator it has no p, each being one training.
        compared_with: the arm that ``from_comparator`` is from; empty for none.
    """

    arm: str
    outcome: str
    measure: str
    compared_with: str
    estimate: Estimate


class GainRow(msgspec.Struct, frozen=True):
    """What length and format have to do with the votes that an arm gained; forfeits are left out.

    Attributes:
        compared_with: over whom: the comparator, or empty for base (then the raw gain is the win rate less one half).
        raw, controlled, from_style: the gain, what is left of it at equal length and format, and the rest; raw = controlled + from_style.
        share: ``from_style / raw`` with Fieller's interval; nothing where the raw gain may be none.
        why: why nothing could be controlled for; empty where it could.
    """

    arm: str
    compared_with: str
    raw: Estimate
    controlled: Estimate
    from_style: Estimate
    share: Estimate
    why: str


class ControlRow(msgspec.Struct, frozen=True):
    """What the audience pays for one control.

    Attributes:
        sd: standard deviation of the difference between the messages of a contest, in words, list items, emoji, bold spans, numbers.
        slope: log-odds of a vote when ``tanh(difference / sd)`` grows by 1; nothing for a control that never differs.
    """

    control: str
    sd: float
    slope: Estimate


def controlled_values(found: Evaluation, run: str, epoch: int | None = None) -> dict[Measured, RunValues]:
    """Return what was measured in a run by other conventions, by anchor and person; see :func:`forfeit_values` for forfeits.

    Args:
        run: its name, distinct among those that are put together.
        epoch: by default the last one evaluated.
    """
    fit = style_fit(found, run, epoch)
    values: dict[Measured, RunValues] = {}
    for arm in found.arms():
        values |= dict(_contests(found, arm, epoch))
        values |= dict(probe_controls(found, arm, comparator(found, arm), epoch))
    return values | (style_values(fit, found) if fit is not None else {})


def forfeit_values(
    found: Evaluation, run: str, lost: Mapping[Measured, RunValues], epoch: int | None = None
) -> dict[Measured, RunValues]:
    """Return win rates without contests that somebody could not write for.

    Args:
        lost: as :func:`analysis.tables.pooled.run_values` has them, forfeits being lost: the very same where there are none.
        run, epoch: as there.
    """
    ids = np.array(found.originals.ids(run), dtype=object)
    values: dict[Measured, RunValues] = {}
    for of in [of for of in lost if of.name == WIN_RATE]:
        other = comparator(found, of.arm) if of.measure != "rate" else ""
        if not any(c.forfeited_by for arm in (of.arm, other) if arm for c in found.of(arm, epoch)):
            values[of._replace(name=WITHOUT_FORFEITS)] = lost[of]
            continue
        votes = (
            votes_less(found, of.arm, other, epoch, "left out") if other else votes_of(found, of.arm, epoch, "left out")
        )
        if votes:
            values[of._replace(name=WITHOUT_FORFEITS)] = values_of_votes(found, votes, ids)
    return values


def _contests(found: Evaluation, arm: str, epoch: int | None) -> Iterator[tuple[Measured, RunValues]]:
    """Yield the contests that an arm won, by both conventions of ties; forfeits are lost, void contests left out."""
    other = comparator(found, arm)
    ours, theirs = (_won(found.of(each, epoch) if each else []) for each in (arm, other))
    for outcome, left_out in ((CONTESTS_WON, 0.5), (TIES_HALF, None)):
        rate, beside = ({a: won for a, won in each.items() if won != left_out} for each in (ours, theirs))
        less = {anchor: won - beside[anchor] for anchor, won in rate.items() if anchor in beside}
        for measure, each in (("rate", rate), ("from_comparator", less)):
            if each:
                yield Measured(arm, BESIDE, outcome, measure), of_anchors(each)


def _won(contests: Sequence[EvaluationContest]) -> dict[str, float]:
    won = {contest.anchor: majority_of(contest) for contest in contests}
    return {anchor: share for anchor, share in won.items() if share is not None}


# -- of a run ----------------------------------------------------------------------------------------------


def estimate_of(values: RunValues, *, null: float = 0.0) -> Estimate:
    """Return the mean of a run's values, clustered on anchors and, of votes, on people: of these adapters."""
    ways = [values.anchors, *([values.people] if values.people is not None else [])]
    return multiway_mean(values.sums, ways, counts=values.counts, null=null)


def controlled_estimates(values: Mapping[Measured, RunValues]) -> dict[Measured, Estimate]:
    """Return a run's own estimates of its values."""
    return {of: _bounded(of, each) for of, each in values.items()}


def _bounded(of: Measured, values: RunValues) -> Estimate:
    share = of.measure in SHARES
    estimate = estimate_of(values, null=null_of(of.name, share=share)).within(*bounds_of(of.name, share=share))
    return _of_these_adapters(estimate) if of.measure == "from_comparator" else estimate


def _of_these_adapters(difference: Estimate) -> Estimate:
    """Return a difference between two arms without a p: each was trained once."""
    return msgspec.structs.replace(difference, p=nan)


def controlled_rows(events: Events, epoch: int | None = None) -> list[ControlledRow]:
    """Return a row per arm, outcome and measure by other conventions; win rates without forfeits are in the run's table itself."""
    found = read_evaluation(events)
    return [
        ControlledRow(of.arm, of.name, of.measure, comparator(found, of.arm), estimate)
        for of, estimate in controlled_estimates(controlled_values(found, "run", epoch)).items()
    ]


def controlled(events: Events, epoch: int | None = None) -> dict[str, Any]:
    """Return rows, gains and controls as JSON can hold them: a run's outcomes by other conventions.

    ``why`` says why style is not controlled for; empty where it is.
    """
    found = read_evaluation(events)
    fit = style_fit(found, "run", epoch)
    return {
        "rows": [plain(row) for row in controlled_rows(found, epoch)],
        "gains": [plain(row) for row in _gains(found, fit)],
        "controls": [plain(row) for row in _controls(fit)],
        "why": "" if fit is not None else NO_FIT,
    }


def _controls(fit: StyleFit | None) -> Iterator[ControlRow]:
    if fit is None:
        return
    slopes = slope_values(fit)
    for name, sd in scales(fit):
        yield ControlRow(name, sd, estimate_of(slopes[name]))
    for name in fit.model.constant:
        yield ControlRow(name, 0.0, NOTHING)


def _gains(found: Evaluation, fit: StyleFit | None) -> Iterator[GainRow]:
    for arm in fit.arms if fit is not None else ():
        assert fit is not None
        other = comparator(found, arm)
        for less in ["", *([other] if other in fit.arms else [])]:
            why = fit.why(arm) or (f"{less}: {fit.why(less)}" if less and fit.why(less) else "")
            yield _gain(fit, arm, less, why)


def _gain(fit: StyleFit, arm: str, less: str, why: str) -> GainRow:
    raw = style_part(fit, arm, less, raw=True)
    if not less:
        raw = raw._replace(sums=raw.sums - 0.5)
    gain = estimate_of(raw)
    if why:
        gain = _of_these_adapters(gain) if less else gain
        return GainRow(arm, less, gain, NOTHING, NOTHING, NOTHING, why)
    kept = style_part(fit, arm, less)
    if not less:
        kept = kept._replace(sums=kept.sums - 0.5)
    rest = raw._replace(sums=raw.sums - kept.sums)
    style, left = estimate_of(rest), estimate_of(kept)
    share = _share(style, gain, left)
    if less:
        gain, left, style = (_of_these_adapters(each) for each in (gain, left, style))
    return GainRow(arm, less, gain, left, style, share, why)


def _share(style: Estimate, gain: Estimate, left: Estimate) -> Estimate:
    """Return ``style / gain``, where ``gain - style`` is ``left``; nothing where the gain cannot be told from none."""
    found = fieller(style.value, gain.value, style.se**2, gain.se**2, left.se**2, gain.dof)
    if found.said or isnan(found.low):
        return NOTHING
    return Estimate(1 + found.value, 1 + found.low, 1 + found.high, gain.n, gain.clusters)


COLUMNS = {
    "arm": str, "outcome": str, "measure": str, "compared_with": str, "estimate": float, "low": float, "high": float, "se": float,
    "p": float, "n": int,
}  # fmt: skip


def controlled_frame(rows: Sequence[ControlledRow]) -> pl.DataFrame:
    """Return a row per arm, outcome and measure; None where there is no number."""
    table = []
    for row in rows:
        numbers = [plain(getattr(row.estimate, name)) for name in ("value", "low", "high", "se", "p")]
        table.append((row.arm, row.outcome, row.measure, row.compared_with, *numbers, row.estimate.n))
    return frame_of(table, COLUMNS)
