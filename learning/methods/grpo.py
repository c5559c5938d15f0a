"""GRPO, group relative policy optimisation: each message is reinforced by its share of the votes above the mean of its group.

Shao et al., arXiv 2402.03300, without its normalisations by length and spread (Liu et al., "Dr. GRPO", arXiv 2503.20783), which are
settings; the loss is :func:`learning.training.policy.policy`. What was chosen and why: docs/decisions/0058-grpo.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from learning.methods._votes import Standing, cast, permuted, share


class GRPO(Method, frozen=True):
    """All of a learner's messages in a contest are learnt, those with fewer votes than its mean to be written less.

    Attributes:
        beta: weight of the KL divergence to the base model.
        epsilon: ratios of probabilities to those at the epoch's start count within 1 - epsilon .. 1 + epsilon.
        loss_type: over what the loss is a mean: ``dr_grpo``: messages, each by the bound on its tokens; ``grpo``: messages, each by its own
            tokens; ``dapo``: the tokens of the step.
        scale_rewards: ``group``: an advantage is divided by the standard deviation of its group; ``none``: it is not.
    """

    loss: ClassVar[str] = "learning.training.policy:policy"
    defaults: ClassVar[Mapping[str, Any]] = {"lr": 1e-5}
    by_preset: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pocket": {"lr": 1e-3}}
    least_messages: ClassVar[int] = 4
    draws: ClassVar[bool] = True
    rewarded: ClassVar[bool] = True

    beta: Annotated[float, msgspec.Meta(ge=0.0)] = 0.04
    epsilon: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)] = 0.2
    loss_type: Literal["dr_grpo", "grpo", "dapo"] = "dr_grpo"
    scale_rewards: Literal["none", "group"] = "none"

    def standing(self, contest: DecidedContest, seed: int) -> Standing:
        """Return how the messages stand; a twin of this method says otherwise."""
        return cast(contest)

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        """Return a row per message of the learner; its weight is the reward, its share of the contest's votes."""
        rows: list[Row] = []
        for contest in contests.learnable:
            standing, own = self.standing(contest, seed), contest.own_slots
            if len(own) > 1:
                rows += [contests.trajectory(contest, slot, weight=share(standing, slot)) for slot in own]
        return rows

    def loss_options(self, contests: Contests) -> dict[str, Any]:
        """Return the settings, and how the messages were drawn: ``temperature`` and ``max_tokens``."""
        return super().loss_options(contests) | contests.sampling


class PermutedGRPO(GRPO, frozen=True):
    """A twin of GRPO: the votes of each contest are dealt out among its messages at random."""

    def standing(self, contest: DecidedContest, seed: int) -> Standing:
        return permuted(contest, seed, "permuted rewards")
