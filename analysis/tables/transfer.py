"""Whether winning transfers: each arm's win rate before other audiences than the one that it learnt from, on the same messages.

An arm that learnt what one audience likes may win before that audience alone. Differences are of the same people's votes about the
same anchors. Pure functions of evaluations; knows nothing of how anybody votes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from abm.events import Event
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import read
from analysis.readings.transfer import TransferReading
from analysis.statistics.estimates import Estimate, plain
from analysis.tables._votes import votes_before, votes_of
from analysis.tables.evaluation import comparator, mean_vote, win_rate, win_rate_against_placebo

OWN = ""
"""The run's own audience in a row."""


class TransferRow(msgspec.Struct, frozen=True):
    """One arm before one audience.

    Attributes:
        audience: by its name; empty: the run's own, which votes are learnt from.
        reader: the model that plays the personas; empty where none does.
        win_rate: of the arm over base, clustered on anchors and people; null 0.5.
        without_forfeits: the same where contests that one side could not write for are left out.
        difference: ``win_rate`` less that before the run's own audience, over votes of the same people about the same anchors; null 0.
        from_comparator: ``win_rate`` less that of what the arm is compared with, before this audience.
        withheld: why the audience's votes are evidence of nothing; empty where they may be.
    """

    arm: str
    audience: str
    reader: str
    win_rate: Estimate
    without_forfeits: Estimate
    difference: Estimate
    from_comparator: Estimate
    compared_with: str
    withheld: str


def transfer(events: Iterable[Event], *, epoch: int | None = None) -> list[TransferRow]:
    """Return a row per arm and audience; nothing where only the run's own audience votes."""
    own, others = EvaluationReading(), TransferReading()
    read(events, own, others)
    return transfer_rows(own.result(), others.result(), epoch=epoch)


def transfer_rows(own: Evaluation, others: Mapping[str, Evaluation], *, epoch: int | None = None) -> list[TransferRow]:
    """Return what :func:`transfer` returns, of evaluations that were read already: by arm, the run's own audience first.

    Args:
        epoch: by default the last one that the run's own audience voted on.
    """
    voted = {audience: found for audience, found in others.items() if found.contests}
    if not voted:
        return []
    chosen = epoch if epoch is not None else max(own.epochs, default=0)
    arms = [arm for arm in own.arms() if own.of(arm, chosen)]
    return [_row(own, found, arm, audience, chosen) for arm in arms for audience, found in ({OWN: own} | voted).items()]


def _row(own: Evaluation, found: Evaluation, arm: str, audience: str, epoch: int) -> TransferRow:
    less = votes_before(votes_of(found, arm, epoch, "lost"), votes_of(own, arm, epoch, "lost"))
    return TransferRow(
        arm=arm,
        audience=audience,
        reader=found.reader,
        win_rate=win_rate(found, arm, epoch=epoch),
        without_forfeits=win_rate(found, arm, epoch=epoch, forfeits="left out"),
        difference=mean_vote(less if audience else [], found.originals, null=0.0).within(-1, 1),
        from_comparator=win_rate_against_placebo(found, arm, epoch=epoch),
        compared_with=comparator(found, arm),
        withheld=found.models.withheld,
    )


def transfer_dicts(rows: Iterable[TransferRow]) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them."""
    return [plain(row) for row in rows]
