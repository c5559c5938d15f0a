"""What to print of a surrogate audience: its strongest weights, held-out votes, calibration. Computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.audience import feature_names
from analysis.formats import known, measured, number, number_bounds, percent, rate, signed
from analysis.statistics.estimates import Estimate, plain
from analysis.tables.surrogate import Assessment
from analysis.terminal.grid import add_row, new_table
from learning.surrogates.surrogate import Surrogate
from populations import TRAITS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SHOWN = 12
"""Weights that are printed."""
LEFT_OUT = {"invalid": "invalid", "saw_one": "had no choice", "repeated_contests": "contests were in two logs"}
HELD_OUT = ("votes", "agreement, 95 % CI", "predicted", "by position", "winners", "log loss", "gain, 95 % CI")


def render(surrogate: Surrogate, assessed: Assessment) -> list[RenderableType]:
    """Return what to print of a fit and its assessment, in order."""
    from rich.text import Text

    counts = surrogate.counts
    head = (
        f"{surrogate.audience}: {counts['votes']:,} votes of {counts['personas']} personas in {counts['contests']} contests "
        f"about {counts['anchors']} anchors; ridge {surrogate.ridge:g} by cross-validation"
    )
    left_out = "; ".join(f"{counts[key]:,} {why}" for key, why in LEFT_OUT.items() if counts[key])
    parts: list[RenderableType] = [Text(sentence(assessed), style="bold"), Text(head)]
    parts += [Text(f"left out: {left_out}")] if left_out else []
    parts += [_strongest(surrogate), _held_out(assessed), _calibration(assessed), Text(_caveats(assessed), style="dim")]
    return parts + ([Text(surrogate.note, style="bold yellow")] if surrogate.note else [])


def sentence(assessed: Assessment) -> str:
    """Return the answer in words: whether the fit says more of votes that it never saw than places do."""
    block = assessed.blocks[-1]
    gain = f"gain {_gain(block.gain)} nats a vote"
    learnt = "it has learnt something about messages" if block.gain.low > 0 else "nothing beyond places is shown"
    return (
        f"The surrogate predicts {rate(plain(block.agreement))} of votes that it never saw, the place of a message alone "
        f"{percent(block.position_agreement)}: {learnt} ({gain})."
    )


def _strongest(surrogate: Surrogate) -> Table:
    """Return the weights that exceed their standard errors most."""
    grid = new_table("Strongest weights", ["feature", "for", "weight", "standard error"])
    weights, errors, columns = surrogate.model.weights, surrogate.errors, ("everybody", *TRAITS)
    rows = [("standing first", "everybody", surrogate.model.first, surrogate.first_error)]
    rows += [
        (feature, column, float(weights[i, j]), float(errors[i, j]))
        for i, feature in enumerate(feature_names())
        for j, column in enumerate(columns)
    ]
    clear = [row for row in rows if abs(row[2]) > row[3]]
    for feature, column, weight, error in sorted(clear, key=lambda row: -abs(row[2] / row[3]))[:SHOWN]:
        add_row(grid, feature, column, signed(weight, 2), number(error, 2))
    return grid


def _held_out(assessed: Assessment) -> Table:
    grid = new_table("Held-out votes", ["new to the fit", *HELD_OUT])
    for block in assessed.blocks:
        agreement = rate(plain(block.agreement))
        shares = percent(block.predicted), percent(block.position_agreement), percent(block.winners.value)
        losses = number(block.log_loss, 3), _gain(block.gain)
        add_row(grid, block.name.removeprefix("new "), number(block.votes), agreement, *shares, *losses)
    return grid


def _gain(gain: Estimate) -> str:
    return f"{signed(gain.value, 3)} {number_bounds(plain(gain), 3)}".rstrip()


def _calibration(assessed: Assessment) -> Table:
    grid = new_table("Calibration", ["chance", "predicted", "chosen, 95 % CI", "n"])
    for point in assessed.curve:
        chances = f"{point.low:.2f} to {point.high:.2f}", percent(point.predicted)
        add_row(grid, *chances, rate(plain(point.chosen)), number(point.chosen.n))
    return grid


def _caveats(assessed: Assessment) -> str:
    slope = assessed.slope
    estimate = measured(plain(slope))
    if not known(slope.value):
        estimate = "not defined (chances all equal, or certain)"
    return (
        f"Calibration slope {estimate} (1: calibrated; below 1: too confident). Gain: log loss by position less the surrogate's, in nats "
        "a vote; without a gain the surrogate has learnt nothing about messages. Winners: contests whose majority it predicts."
    )
