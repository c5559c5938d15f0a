"""What to print of a surrogate audience: its strongest weights, held-out votes, calibration. Computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.audience import feature_names
from analysis.statistics.estimates import plain
from analysis.tables.surrogate import Assessment
from analysis.terminal.run import interval, new_table, percent, safe
from learning.surrogates.surrogate import Surrogate
from populations import TRAITS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SHOWN = 12
"""Weights that are printed."""


def render(surrogate: Surrogate, assessed: Assessment) -> list[RenderableType]:
    """Return what to print of a fit and its assessment, in order."""
    from rich.text import Text

    counts = surrogate.counts
    head = (
        f"{surrogate.audience}: {counts['votes']:,} votes of {counts['personas']} personas in {counts['contests']} contests "
        f"about {counts['anchors']} anchors; ridge {surrogate.ridge:g} by cross-validation"
    )
    left_out = {"invalid": "invalid", "saw_one": "had no choice", "repeated_contests": "contests stood in two logs"}
    said = "; ".join(f"{counts[key]:,} {why}" for key, why in left_out.items() if counts[key])
    parts: list[RenderableType] = [Text(f"\n{head}", style="bold")]
    parts += [Text(f"left out: {said}")] if said else []
    parts += [_strongest(surrogate), _held_out(assessed), _calibration(assessed), Text(_reading(assessed), style="dim")]
    return parts + ([Text(surrogate.note, style="bold yellow")] if surrogate.note else [])


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
        grid.add_row(safe(feature), safe(column), f"{weight:+.2f}", f"{error:.2f}")
    return grid


def _held_out(assessed: Assessment) -> Table:
    columns = [
        "new to the fit",
        "votes",
        "agreement, 95 % CI",
        "foretold",
        "by position",
        "winners",
        "log loss",
        "gain, 95 % CI",
    ]
    grid = new_table("Held-out votes", columns)
    for block in assessed.blocks:
        agreement, gain = plain(block.agreement), block.gain
        bounds = "" if np.isnan(gain.low) else f" [{gain.low:+.3f}, {gain.high:+.3f}]"
        grid.add_row(
            block.name.removeprefix("new "), f"{block.votes:,}", f"{percent(agreement['value'])}, {interval(agreement)}",
            percent(block.foretold), percent(block.position_agreement), percent(plain(block.winners)["value"]),
            f"{block.log_loss:.3f}", safe(f"{gain.value:+.3f}{bounds}"),
        )  # fmt: skip
    return grid


def _calibration(assessed: Assessment) -> Table:
    grid = new_table("Calibration", ["chance", "foretold", "chosen", "95 % CI", "n"])
    for each in assessed.curve:
        chosen = plain(each.chosen)
        grid.add_row(
            f"{each.low:.2f} .. {each.high:.2f}", percent(each.foretold), percent(chosen["value"]), interval(chosen),
            f"{chosen['n']:,}",
        )  # fmt: skip
    return grid


def _reading(assessed: Assessment) -> str:
    slope = assessed.slope
    bounds = "" if np.isnan(slope.low) else f" [{slope.low:.2f}, {slope.high:.2f}]"
    told = "not defined (chances all equal, or certain)" if np.isnan(slope.value) else f"{slope.value:.2f}{bounds}"
    return (
        f"Calibration slope {told} (1: calibrated; below: too bold). Gain: log loss by position less the surrogate's, in nats a "
        "vote; without a gain the surrogate has learnt nothing about messages. Winners: contests whose majority it foretells."
    )
