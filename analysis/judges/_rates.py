"""Rates of judged misbehaviour by arm: against base, against the arm's comparator, and both at equal length.

Evaluations go through the statistics of the run's own probes (:func:`analysis.tables.evaluation.probe_table`), with a judge's
labels in place of theirs. Training messages have no base to be paired with: arms are compared with their comparators only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import log
from typing import Any

import msgspec
import numpy as np

from analysis.judges._verdicts import VerdictRow
from analysis.readings.contests import Evaluation, EvaluationContest, Side
from analysis.statistics.equal_length import at_equal_length
from analysis.statistics.estimates import NOTHING, Estimate, clustered_mean, mean_of, rate
from analysis.tables.evaluation import probe_table
from learning.arms.arm import comparators
from learning.arms.base_models import is_base

NAN = float("nan")


class RateRow(msgspec.Struct, frozen=True):
    """One probe in one arm, by one judge.

    Attributes:
        base, after: share of judged messages that misbehave; of training messages there is only ``after``.
        difference, relative: after against base, paired by anchor.
        placebo: after against the after of the arm that it is compared with, paired by anchor.
        equal_length, placebo_equal_length: the same differences at equal length; see :mod:`analysis.statistics.equal_length`.
        p_holm: of ``difference``, corrected over this judge's probes and arms.
        words_base, words_after: mean words of judged messages.
        asked: messages of both sides; ``invalid``, ``refused``, ``failed`` are shares of them that have no verdict, by reason.
        unjudged_base, unjudged_after: shares of each side's messages that have no verdict: where they differ, the rates
            are of different messages.
        compared_with: the arm that ``placebo`` is a difference from; empty for none.
    """

    judge: str
    probe: str
    arm: str
    base: Estimate
    after: Estimate
    difference: Estimate
    relative: Estimate
    p_holm: float
    placebo: Estimate
    equal_length: Estimate
    placebo_equal_length: Estimate
    words_base: float
    words_after: float
    asked: int
    invalid: float
    refused: float
    failed: float
    unjudged_base: float
    unjudged_after: float
    compared_with: str = ""


def rates(rows: Sequence[VerdictRow], evaluation: Evaluation | None, config: Mapping[str, Any]) -> list[RateRow]:
    """Return one row per judge, probe and arm.

    Args:
        rows: of one phase and epoch.
        evaluation: the run's, where ``rows`` are of its evaluation; None for training messages.
        config: the run's settings, which say what each arm is compared with.
    """
    compared = comparators(config, [row.arm for row in rows])
    rate_rows: list[RateRow] = []
    for judge in dict.fromkeys(row.judge for row in rows):
        of_judge = [row for row in rows if row.judge == judge]
        rate_rows += (
            _evaluated(judge, of_judge, evaluation, compared)
            if evaluation is not None
            else _trained(judge, of_judge, compared)
        )
    return rate_rows


# -- evaluation: base against trained ----------------------------------------------------------------------


def _evaluated(
    judge: str, rows: Sequence[VerdictRow], evaluation: Evaluation, compared: Mapping[str, str]
) -> list[RateRow]:
    rate_rows = []
    for row in probe_table(relabelled(rows, evaluation)):
        of_arm, other = [r for r in rows if r.probe == row.probe and r.arm == row.arm], compared.get(row.arm)
        sides = {
            "base": {r.anchor: r for r in of_arm if is_base(r.competitor) and r.label >= 0},
            "after": {r.anchor: r for r in of_arm if not is_base(r.competitor) and r.label >= 0},
        }
        placebo = {
            r.anchor: r
            for r in rows
            if r.probe == row.probe and r.arm == other and not is_base(r.competitor) and r.label >= 0
        }
        rate_rows.append(
            RateRow(
                judge=judge,
                probe=row.probe,
                arm=row.arm,
                base=row.base,
                after=row.after,
                difference=row.difference,
                relative=row.relative,
                p_holm=row.p_holm,
                placebo=row.placebo,
                equal_length=_equal(sides["after"], sides["base"]),
                compared_with=other or "",
                placebo_equal_length=_equal(sides["after"], placebo) if other else NOTHING,
                words_base=_mean(sides["base"].values()),
                words_after=_mean(sides["after"].values()),
                **_without(
                    of_arm,
                    [r for r in of_arm if is_base(r.competitor)],
                    [r for r in of_arm if not is_base(r.competitor)],
                ),
            )
        )
    return rate_rows


def relabelled(
    rows: Sequence[VerdictRow], evaluation: Evaluation, spans: Mapping[tuple[str, str], int] | None = None
) -> Evaluation:
    """Return the judged contests with these labels in place of those in the log.

    Args:
        spans: (message, probe) -> spans of evidence of a verdict of misbehaviour; by default one each.
    """
    counts = spans or {}
    by_contest: dict[str, list[VerdictRow]] = {}
    for row in rows:
        by_contest.setdefault(row.contest, []).append(row)
    contests = []
    for contest in evaluation.contests:
        if contest.contest in by_contest:
            of_contest = by_contest[contest.contest]
            base = _side(contest.base, [r for r in of_contest if is_base(r.competitor)], counts)
            trained = _side(contest.trained, [r for r in of_contest if not is_base(r.competitor)], counts)
            contests.append(
                EvaluationContest(
                    contest.contest, contest.epoch, contest.arm, contest.anchor, base, trained, outcome="judged"
                )
            )
    return replace(evaluation, contests=contests)


def _side(side: Side, rows: Sequence[VerdictRow], spans: Mapping[tuple[str, str], int]) -> Side:
    labels = {row.probe: row.label for row in rows}
    hits = {row.probe: spans.get((row.message, row.probe), 1) if row.label == 1 else 0 for row in rows}
    return Side(side.text, side.rejected, labels, hits)


def _equal(after: dict[str, VerdictRow], before: dict[str, VerdictRow]) -> Estimate:
    both = [anchor for anchor in after if anchor in before]
    return at_equal_length(
        [after[a].label - before[a].label for a in both],
        [log(max(1, after[a].words) / max(1, before[a].words)) for a in both],
    )


# -- training messages -------------------------------------------------------------------------------------


def _trained(judge: str, rows: Sequence[VerdictRow], compared: Mapping[str, str]) -> list[RateRow]:
    rate_rows = []
    for probe in dict.fromkeys(row.probe for row in rows):
        by_arm: dict[str, list[VerdictRow]] = {}
        for row in rows:
            if row.probe == probe:
                by_arm.setdefault(row.arm, []).append(row)
        for arm, of_arm in by_arm.items():
            labelled = [row for row in of_arm if row.label >= 0]
            placebo = [row for row in by_arm.get(compared.get(arm, ""), []) if row.label >= 0]
            labels, words = (_paired(labelled, placebo, value) for value in (_label, _log_words))
            rate_rows.append(
                RateRow(
                    judge=judge,
                    probe=probe,
                    arm=arm,
                    base=NOTHING,
                    after=clustered_mean([row.label for row in labelled], [row.anchor for row in labelled]),
                    difference=NOTHING,
                    relative=NOTHING,
                    p_holm=NAN,
                    placebo=msgspec.structs.replace(mean_of(labels), p=NAN),  # of these adapters
                    compared_with=compared.get(arm, ""),
                    equal_length=NOTHING,
                    placebo_equal_length=at_equal_length(labels, words),
                    words_base=NAN,
                    words_after=_mean(labelled),
                    **_without(of_arm, [], of_arm),
                )
            )
    return rate_rows


def _paired(
    rows: Sequence[VerdictRow], others: Sequence[VerdictRow], value: Callable[[VerdictRow], float]
) -> list[float]:
    """Return the differences of means by anchor, over anchors that both have."""
    ours, theirs = _by_anchor(rows, value), _by_anchor(others, value)
    return [float(np.mean(ours[anchor]) - np.mean(theirs[anchor])) for anchor in ours if anchor in theirs]


def _by_anchor(rows: Sequence[VerdictRow], value: Callable[[VerdictRow], float]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for row in rows:
        values.setdefault(row.anchor, []).append(value(row))
    return values


def _label(row: VerdictRow) -> float:
    return float(row.label)


def _log_words(row: VerdictRow) -> float:
    return log(max(1, row.words))


# ----------------------------------------------------------------------------------------------------------


def _without(rows: Sequence[VerdictRow], base: Sequence[VerdictRow], after: Sequence[VerdictRow]) -> dict[str, Any]:
    """Return how many messages have no verdict, and why."""
    return {
        "asked": len(rows),
        "invalid": rate([row.status == "invalid" for row in rows]).value,
        "refused": rate([row.status == "refused" for row in rows]).value,
        "failed": rate([row.status == "error" for row in rows]).value,
        "unjudged_base": rate([row.label < 0 for row in base]).value,
        "unjudged_after": rate([row.label < 0 for row in after]).value,
    }


def _mean(rows: Iterable[VerdictRow]) -> float:
    words = [row.words for row in rows]
    return float(np.mean(words)) if words else NAN
