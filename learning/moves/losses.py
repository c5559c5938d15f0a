"""The losses of a moves model: those of :mod:`learning.training`, with a decision about one move in the place of a token.

Each returns the loss of one optimiser step and its gradient for ``delta``. With l_r the log-likelihood of row r's decisions, x_r its moves
and p_r their probabilities, d l_r / d delta = x_r - p_r. A step's mean is over decisions, M for each message.

    likelihood   sum_r w_r l_r, over the decisions of trajectories          (learning.training.losses)
    preference   DPO, with each pair's share of votes as label             (learning.training.preference)
    policy       GRPO, ratios clipped decision by decision                  (learning.training.policy)
    KL anchor    beta KL(policy || base), exact                             (learning.training.anchor)

Messages have equally many decisions, so that GRPO's loss types are one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from learning.methods import LossTerm
from learning.moves.examples import MovesBatch, sigmoid
from learning.moves.law import Numbers
from learning.training.examples import Unit
from learning.training.policy import advantages_of
from learning.training.preference import pairs
from moloch.errors import InputError

Options = Mapping[str, Any]


class MovesStep(NamedTuple):
    """One step's loss, its gradient, shape (moves,), and what it says beside its value: name -> (sum, count)."""

    loss: float
    gradient: Numbers
    figures: dict[str, tuple[float, int]]


Loss = Callable[[Sequence[Unit], Numbers, Numbers, Options], MovesStep]
"""Of the units of a step, what was learnt so far, what had been learnt at the training's start, and options."""


def likelihood(units: Sequence[Unit], delta: Numbers, start: Numbers, options: Options) -> MovesStep:
    """Return the weighted negative log-likelihood per decision of trajectories; ``start`` and ``options`` play no part."""
    batch = MovesBatch(units)
    decisions = max(1, int(batch.known[batch.trajectory].sum()))
    weights = batch.weights[:, None] / decisions
    loss = -float((weights * batch.log_likelihoods(delta)).sum())
    return MovesStep(loss, -(weights * batch.residuals(delta)).sum(0), {})


def preference(units: Sequence[Unit], delta: Numbers, start: Numbers, options: Options) -> MovesStep:
    """Return the loss of DPO; options ``beta``, ``soft`` and ``per_token`` are those of :class:`learning.methods.dpo.DPO`."""
    batch = MovesBatch(units)
    chosen, rejected, label, weight = (np.array(each) for each in zip(*pairs(units, soft=options["soft"]), strict=True))
    scale = 1.0 / batch.words if options["per_token"] else np.ones(len(batch.words))
    gains = (batch.log_likelihoods(delta) - batch.log_likelihoods(0.0)).sum(1) * scale
    slopes = batch.residuals(delta) * scale[:, None]
    margins = options["beta"] * (gains[chosen] - gains[rejected])
    likely = sigmoid(margins)
    loss = weight / batch.units * (label * np.logaddexp(0, -margins) + (1 - label) * np.logaddexp(0, margins))
    slope = weight / batch.units * options["beta"] * (likely - label)
    figures = {"accuracy": (float((margins > 0).sum()), len(margins)), "margin": (float(margins.sum()), len(margins))}
    return MovesStep(float(loss.sum()), (slope[:, None] * (slopes[chosen] - slopes[rejected])).sum(0), figures)


def policy(units: Sequence[Unit], delta: Numbers, start: Numbers, options: Options) -> MovesStep:
    """Return the loss of GRPO; options are those of :class:`learning.methods.grpo.GRPO`, and ``temperature`` of the messages."""
    batch, temperature = MovesBatch(units), options.get("temperature") or 1.0
    advantages = np.array(advantages_of(units, options["scale_rewards"]))[:, None]
    now = batch.log_likelihoods(delta, temperature)
    ratios = np.exp(now - batch.log_likelihoods(start, temperature))
    clipped = np.clip(ratios, 1 - options["epsilon"], 1 + options["epsilon"])
    cut = ratios * advantages > clipped * advantages
    apart = batch.log_likelihoods(0.0, temperature) - now
    divergence = ratios * (np.exp(apart) - apart - 1)
    decisions = max(1, int(batch.known.sum()))
    gains = np.minimum(ratios * advantages, clipped * advantages)
    loss = float((options["beta"] * divergence - gains)[batch.known].sum()) / decisions
    # d/dx of r (e^a - a - 1), with dr = r dl and da = -dl, is -r a dl
    slope = np.where(cut, 0.0, -ratios * advantages) - options["beta"] * ratios * apart
    gradient = (slope * batch.residuals(delta, temperature) / temperature).sum(0) / decisions
    figures = {"clip_share": (float(cut[batch.known].sum()), decisions), "kl": (float(divergence.sum()), decisions)}
    return MovesStep(loss, gradient, figures)


def kl_to_base(units: Sequence[Unit], delta: Numbers, start: Numbers, options: Options) -> MovesStep:
    """Return ``beta`` times KL(policy || base) per decision of the messages; thoughts are about other prompts."""
    batch = MovesBatch(units)
    counted = batch.known & ~batch.thought[:, None]
    likely = sigmoid(batch.base + delta)
    divergence = np.where(counted, divergences(batch.base, delta), 0.0)
    decisions = max(1, int(counted.sum()))
    gradient = np.where(counted, likely * (1 - likely) * delta, 0.0).sum(0) / decisions
    total = float(divergence.sum())
    beta = options["beta"]
    return MovesStep(beta * total / decisions, beta * gradient, {"kl_anchor": (total, decisions)})


def divergences(base: Numbers, delta: Numbers) -> Numbers:
    """Return KL(policy || base) of each decision in nats, with the shape of ``base``."""
    logits = base + delta
    likely = sigmoid(logits)
    return likely * delta - np.logaddexp(0, logits) + np.logaddexp(0, base)


LOSSES: dict[str, Loss] = {
    "learning.training.step:likelihood": likelihood,
    "learning.training.preference:preference": preference,
    "learning.training.policy:policy": policy,
    "learning.training.anchor:kl_to_base": kl_to_base,
}
"""The loss of a training set -> what computes it."""


def loss_of(place: str, terms: Sequence[LossTerm] = ()) -> Loss:
    """Return a loss with the terms that mitigations add to it.

    Raises:
        InputError: a moves model does not have one of them.
    """
    for each in (place, *(term.place for term in terms)):
        if each not in LOSSES:
            raise InputError(
                f"the moves model does not know the loss {each}",
                where="arms",
                why="it computes its own losses, in place of those over tokens",
                fix=f"Use methods and mitigations with the losses {', '.join(LOSSES)}, or another model.",
            )

    def whole(units: Sequence[Unit], delta: Numbers, start: Numbers, options: Options) -> MovesStep:
        steps = [LOSSES[place](units, delta, start, options)]
        steps += [LOSSES[term.place](units, delta, start, term.options) for term in terms]
        return MovesStep(
            sum(step.loss for step in steps),
            np.sum([step.gradient for step in steps], axis=0),
            {name: figure for step in steps for name, figure in step.figures.items()},
        )

    return whole
