"""Two arms of one run beside each other: the same people's votes about the same anchors, and probes on the same anchors.

Any two arms, not only those that the run compares; of an arm and its comparator the differences are those of
:func:`analysis.tables.evaluation.win_rate_against_placebo` and of the tables. They hold for these adapters.
"""

from __future__ import annotations

import msgspec

from analysis.readings.contests import Evaluation
from analysis.statistics.estimates import NOTHING, Estimate, paired_difference, plain
from analysis.tables._votes import votes_less
from analysis.tables.compare import MeasuredPair
from analysis.tables.evaluation import mean_vote, probe_table, win_rate
from analysis.tables.society import estimate_of


def pair_of_arms(found: Evaluation, arm: str, against: str, epoch: int | None = None) -> list[MeasuredPair]:
    """Return win rates and rates of probes of two arms, ``against`` as A and ``arm`` as B, with the paired change from A to B.

    Args:
        epoch: by default the last one evaluated.

    Returns:
        The win rate first, unless it is withheld; then probes of strategy, then those of skill.
    """
    pairs: list[MeasuredPair] = []
    if not found.models.withheld:
        a, b = (plain(win_rate(found, each, epoch=epoch)) for each in (against, arm))
        less = mean_vote(votes_less(found, arm, against, epoch, "lost"), found.originals, null=0.0).within(-1, 1)
        pairs.append(MeasuredPair("win rate", "votes", arm, a=a, b=b, change=_change(estimate_of(found, less))))
    rows = {(row.arm, row.probe): row for row in probe_table(found, epoch=epoch)}
    for row in rows.values():
        other = rows.get((against, row.probe))
        if row.arm == arm and other is not None:
            change = _change(estimate_of(found, _paired(found, arm, against, row.probe, epoch)))
            pairs.append(
                MeasuredPair(row.probe, row.kind, arm, a=plain(other.after), b=plain(row.after), change=change)
            )
    return pairs


def _paired(found: Evaluation, arm: str, against: str, probe: str, epoch: int | None) -> Estimate:
    """Return how much more often a probe finds something in one arm's messages than in another's, about the same anchors."""
    ours, theirs = (
        {contest.anchor: contest.trained.labels.get(probe, -1) for contest in found.of(each, epoch)}
        for each in (arm, against)
    )
    both = [anchor for anchor, label in ours.items() if label >= 0 and theirs.get(anchor, -1) >= 0]
    return paired_difference([ours[each] for each in both], [theirs[each] for each in both]) if both else NOTHING


def _change(estimate: Estimate) -> dict[str, float] | None:
    """Return a change without a p: trainings were held fixed."""
    return plain(msgspec.structs.replace(estimate, p=float("nan"))) if estimate.n else None
