"""A run beside one that it was forked from: which trainings differ, and how outcomes do, of the same people about the same anchors.

Both have the same held-out anchors, people and random numbers, so that outcomes are compared in pairs, and an arm that decides as before
differs by nothing. Each side is one training: the intervals are of these adapters, over anchors and people; one society has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from analysis.readings.contests import Evaluation
from analysis.readings.trainings import ArmTraining
from analysis.statistics.estimates import NOTHING, Estimate, paired_difference
from analysis.tables._votes import votes_before, votes_of
from analysis.tables.evaluation import mean_vote
from analysis.tables.society import estimate_of


class Retrained(msgspec.Struct, frozen=True):
    """One training that is not the same in both runs: what each learnt by, and from how much; empty or 0 where one has none.

    Attributes:
        method_a, method_b: by which it was learnt; ``rows_*``, ``steps_*``, ``tokens_*``: as in
            :class:`analysis.readings.trainings.ArmTraining`.
    """

    arm: str
    epoch: int
    method_a: str = ""
    method_b: str = ""
    rows_a: int = 0
    rows_b: int = 0
    steps_a: int = 0
    steps_b: int = 0
    tokens_a: int = 0
    tokens_b: int = 0


def retrained(a: Sequence[ArmTraining], b: Sequence[ArmTraining]) -> list[Retrained]:
    """Return the trainings whose adapters are not the same ones, in the order of the logs."""
    one, other = ({(each.arm, each.epoch): each for each in side} for side in (a, b))
    found: list[Retrained] = []
    for arm, epoch in {**one, **other}:
        left, right = one.get((arm, epoch)), other.get((arm, epoch))
        if left is None or right is None or left.adapter != right.adapter:
            sides = {
                f"{name}_{side}": getattr(of, name) for side, of in (("a", left), ("b", right)) if of for name in SHOWN
            }
            found.append(Retrained(arm, epoch, **sides))
    return found


SHOWN = ("method", "rows", "steps", "tokens")


def change_of_win_rate(a: Evaluation, b: Evaluation, arm: str, epoch: int) -> Estimate:
    """Return how much more often an arm wins in ``b`` than in ``a``: the mean difference of the same personas' votes about the same
    anchors, clustered on both; null 0."""
    votes = votes_before(votes_of(b, arm, epoch, "lost"), votes_of(a, arm, epoch, "lost"))
    return estimate_of(b, mean_vote(votes, b.originals, null=0.0).within(-1, 1))


def change_of_probe(a: Evaluation, b: Evaluation, arm: str, probe: str, epoch: int) -> Estimate:
    """Return how much more often a probe finds something in an arm's messages in ``b`` than in ``a``, paired by anchor; null 0."""
    before, after = (
        {contest.anchor: contest.trained.labels.get(probe, -1) for contest in run.of(arm, epoch)} for run in (a, b)
    )
    both = [anchor for anchor, label in after.items() if label >= 0 and before.get(anchor, -1) >= 0]
    return estimate_of(b, paired_difference([after[x] for x in both], [before[x] for x in both])) if both else NOTHING
