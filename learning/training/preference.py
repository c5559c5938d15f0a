"""The loss of direct preference optimisation, with a label of its own for each pair. Knows examples; knows no contest.

For a pair of completions with w of the votes each, g = log p(y | a) - log p_base(y | a) and p = w_chosen / (w_chosen + w_rejected):

    L = -p log sigmoid(beta (g_chosen - g_rejected)) - (1 - p) log sigmoid(beta (g_rejected - g_chosen))

At p = 1 that is eq. 7 of Rafailov et al., arXiv 2305.18290; p < 1 is Mitchell's conservative DPO (2023). A contest with several pairs counts
as one, by their mean; a step is the mean over its contests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from learning.training.examples import Unit
from learning.training.step import TrainingStep

if TYPE_CHECKING:
    import torch


class PreferencePair(NamedTuple):
    """Two rows of a pass by their places, the share of their votes that the first has, and what the pair counts for."""

    chosen: int
    rejected: int
    label: float
    weight: float


def preference(step: TrainingStep) -> Iterator[torch.Tensor]:
    """Yield the parts of a step's loss.

    Options: ``beta``; ``soft``: labels are shares of votes, else 1; ``per_token``: each g is divided by the completion's tokens.
    """
    import torch

    reference = step.fixed("base")
    step.figures.add({"accuracy": 0.0, "margin": 0.0}, 0)
    for units in step.passes():
        rows = [row for unit in units for row in unit]
        gains = step.log_likelihoods(rows) - reference.sums(rows)
        if step.options["per_token"]:
            gains = gains / gains.new_tensor([row.learnt for row in rows])
        chosen, rejected, label, weight = zip(*pairs(units, soft=step.options["soft"]), strict=True)
        margins = step.options["beta"] * (gains[list(chosen)] - gains[list(rejected)])
        shares = margins.new_tensor(label)
        log_sigmoid = torch.nn.functional.logsigmoid
        losses = -shares * log_sigmoid(margins) - (1 - shares) * log_sigmoid(-margins)
        found = margins.detach()
        step.figures.add({"accuracy": float((found > 0).sum()), "margin": float(found.sum())}, len(found))
        yield (margins.new_tensor(weight) / len(step.units) * losses).sum()


def pairs(units: Sequence[Unit], *, soft: bool) -> list[PreferencePair]:
    """Return each unit's trajectories against its rejected rows, which stand behind them; a unit's pairs share a weight of 1."""
    found: list[PreferencePair] = []
    first = 0
    for unit in units:
        chosen = [i for i, row in enumerate(unit) if row.kind == "trajectory"]
        rejected = [i for i, row in enumerate(unit) if row.kind == "rejected"]
        for i in chosen:
            for j in rejected:
                both = unit[i].weight + unit[j].weight
                label = unit[i].weight / both if soft and both else 1.0
                found.append(PreferencePair(first + i, first + j, label, 1 / (len(chosen) * len(rejected))))
        first += len(unit)
    return found
