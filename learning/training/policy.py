"""The loss of group relative policy optimisation, from rewards of messages that were written before. Knows examples; knows no contest.

For token t of completion i, with r_it = p(t) / p_start(t) the ratio to the probability that it had at the training's start and A_i the reward
of the completion less the mean of its group (Shao et al., arXiv 2402.03300, eq. 3; the KL by the estimator of eq. 4, times r_it, since
tokens were drawn at the start: without that it is biased as soon as the model has moved):

    l_it = -min(r_it A_i, clip(r_it, 1 - epsilon, 1 + epsilon) A_i) + beta r_it (p_base(t) / p(t) - log(p_base(t) / p(t)) - 1)

All probabilities are those at the temperature at which messages were drawn. How the l_it become one number is ``loss_type``, by TRL's names.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from learning.training.examples import Example, Unit
from learning.training.step import TrainingStep

if TYPE_CHECKING:
    import torch

SPREAD = 1e-4
"""Added to a group's standard deviation, as TRL does."""


def policy(step: TrainingStep) -> Iterator[torch.Tensor]:
    """Yield the parts of a step's loss.

    Options: ``beta``, ``epsilon``, ``loss_type``, ``scale_rewards``: see :class:`learning.methods.grpo.GRPO`; ``temperature`` (1 without it)
    and ``max_tokens`` (the longest completion of the step without it) of the messages.
    """
    import torch

    options: dict[str, Any] = step.options
    temperature, epsilon, beta = options.get("temperature", 1.0), options["epsilon"], options["beta"]
    start, base = step.fixed("start", temperature), step.fixed("base", temperature)
    step.figures.add({"clip_share": 0.0, "kl": 0.0}, 0)
    for units in step.passes():
        rows = [row for unit in units for row in unit]
        tokens = torch.tensor([row.learnt for row in rows], device=step.model.device)
        advantages = tokens.new_tensor(advantages_of(units, options["scale_rewards"]), dtype=torch.float32)
        advantages = advantages.repeat_interleave(tokens)
        now = step.token_log_likelihoods(rows, temperature)
        ratios = (now - start.tokens(rows)).exp()
        clipped = ratios.clamp(1 - epsilon, 1 + epsilon)
        apart = base.tokens(rows) - now
        divergence = (apart.exp() - apart - 1) * ratios
        losses = beta * divergence - torch.minimum(ratios * advantages, clipped * advantages)
        cut = (ratios * advantages > clipped * advantages).detach()
        step.figures.add({"clip_share": float(cut.sum()), "kl": float(divergence.detach().sum())}, len(now))
        counts = losses.new_tensor(token_weights(rows, step.rows, options)).repeat_interleave(tokens)
        yield (counts * losses).sum()


def advantages_of(units: Sequence[Unit], scale: str) -> list[float]:
    """Return each row's reward, its weight, less the mean of its unit; with scale ``group`` by the unit's standard deviation."""
    found: list[float] = []
    for unit in units:
        rewards = [row.weight for row in unit]
        mean = statistics.fmean(rewards)
        spread = statistics.stdev(rewards) + SPREAD if scale == "group" and len(rewards) > 1 else 1.0
        found += [(reward - mean) / spread for reward in rewards]
    return found


def token_weights(rows: Sequence[Example], step: Sequence[Example], options: dict[str, Any]) -> list[float]:
    """Return what a token of each row counts for in the loss of a step.

    Args:
        step: all rows of the step.
    """
    if options["loss_type"] == "grpo":
        return [1 / (len(step) * row.learnt) for row in rows]
    if options["loss_type"] == "dapo":
        return [1 / sum(row.learnt for row in step)] * len(rows)
    most = options.get("max_tokens") or max(row.learnt for row in step)
    return [1 / (len(step) * most)] * len(rows)
