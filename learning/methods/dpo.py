"""DPO, direct preference optimisation: of two messages about an anchor, the one with more votes is preferred.

Eq. 7 of Rafailov et al., arXiv 2305.18290, with the voters' share as a soft label (Mitchell, "A note on DPO with noisy preferences &
relationship to IPO", 2023); the loss is :func:`learning.training.preference.preference`. Why the reference is the base model in every
epoch: docs/decisions/0057-dpo.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from learning.methods._votes import Standing, best, cast, permuted, reversed_votes, share


class DPO(Method, frozen=True):
    """The message of a contest with the most votes is preferred to each of the others.

    A learner with several messages in a contest compares these; one with a single message compares it with its rivals'. Messages
    with equally many votes are compared only where a tie is decided by a coin (``ties: random``).

    Attributes:
        beta: how fast a gain in log-likelihood over the reference counts as enough.
        soft: a preference counts as much as voters agree, v1 / (v1 + v2); else as if all did.
        per_token: gains are taken per token of a message (Lambert et al., arXiv 2411.15124, eq. 6), so that a long one gains
            nothing by its length; beta is then some ten times larger.
    """

    loss: ClassVar[str] = "learning.training.preference:preference"
    defaults: ClassVar[Mapping[str, Any]] = {"lr": 1e-5}
    by_preset: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pocket": {"lr": 1e-3}}

    beta: Annotated[float, msgspec.Meta(gt=0.0)] = 0.1
    soft: bool = True
    per_token: bool = False

    def standing(self, contest: DecidedContest, seed: int) -> Standing:
        """Return how the messages stand; twins of this method say otherwise."""
        return cast(contest)

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        """Return the preferred message of each contest and those that it is preferred to; a row's weight is its share of votes."""
        rows: list[Row] = []
        for contest in contests.learnable:
            standing = self.standing(contest, seed)
            chosen, fewer = _compared(contest, standing, seed)
            if fewer:
                rows.append(contests.trajectory(contest, chosen, weight=share(standing, chosen)))
                rows += [
                    contests.trajectory(contest, slot, weight=share(standing, slot), kind="rejected") for slot in fewer
                ]
        return rows


def _compared(contest: DecidedContest, standing: Standing, seed: int) -> tuple[int, list[int]]:
    """Return the preferred slot and those that it is preferred to; none of these where there is nothing to compare."""
    own = contest.own_slots
    compared = own if len(own) > 1 else contest.slots
    chosen = best(standing, compared, seed, contest)
    others = [slot for slot in compared if slot != chosen]
    if contest.decided.ties == "skip":
        others = [slot for slot in others if standing[slot][0] < standing[chosen][0]]
    if chosen not in own:  # what rivals are to each other is nothing to this learner
        others = [slot for slot in others if slot in own]
    return chosen, others


class RandomDPO(DPO, frozen=True):
    """A twin of DPO: the votes of each contest are dealt out among its messages at random."""

    def standing(self, contest: DecidedContest, seed: int) -> Standing:
        return permuted(contest, seed, "random labels")


class SwappedDPO(DPO, frozen=True):
    """A twin of DPO that goes the other way: the message with the fewest votes is preferred."""

    def standing(self, contest: DecidedContest, seed: int) -> Standing:
        return reversed_votes(contest)
