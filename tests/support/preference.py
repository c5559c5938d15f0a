"""A method in one file, with rows, settings and a loss of its own: preference between winner and loser of a contest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec

from learning.methods import Contests, Method, Row
from learning.training import TrainingStep

if TYPE_CHECKING:
    import torch


class Preference(Method, frozen=True):
    """Prefer the winner of each contest to every message that lost; the base model is the reference.

    Attributes:
        beta: how fast a gain in log-likelihood over the reference counts as enough.
    """

    loss: ClassVar[str] = f"{__name__}:preference_loss"
    defaults: ClassVar[Mapping[str, Any]] = {"lr": 5e-3}

    beta: Annotated[float, msgspec.Meta(gt=0.0)] = 0.1

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        rows: list[Row] = []
        for contest in contests.learnable:
            rows.append(contests.trajectory(contest, contest.winner))
            losers = [slot for slot in contest.slots if slot != contest.winner]
            rows += [contests.trajectory(contest, slot, kind="rejected") for slot in losers]
        return rows


def preference_loss(step: TrainingStep) -> Iterator[torch.Tensor]:
    """Yield the parts of the mean of -log sigmoid(beta * (gain of the winner - mean gain of the losers))."""
    import torch

    for units in step.passes():
        rows = [row for unit in units for row in unit]
        gains = (step.log_likelihoods(rows) - step.reference(rows)).split([len(unit) for unit in units])
        margins = torch.stack([gain[0] - gain[1:].mean() for gain in gains])
        yield -torch.nn.functional.logsigmoid(step.options["beta"] * margins).sum() / len(step.units)


class Advantage(Method, frozen=True):
    """Learn every message of a contest, weighted by its share of the votes above the mean."""

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        rows: list[Row] = []
        for contest in contests.learnable:
            votes = {slot: contest.decided.votes[slot] for slot in contest.slots}
            mean = sum(votes.values()) / len(votes)
            for slot, cast in votes.items():
                rows.append(contests.trajectory(contest, slot, weight=(cast - mean) / sum(votes.values())))
        return rows
