"""What to print of an explanation of votes: the answer in a sentence, the parts, and what probes say of the same votes. Computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.formats import DASH, difference, known, number, percent, signed
from analysis.statistics.estimates import plain
from analysis.tables.explained import PLACE, UNEXPLAINED, Explained, parts_of
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

NAMED = 3
"""Features that the sentence names."""


def render(found: Explained) -> list[RenderableType]:
    """Return what to print, in order."""
    from rich.text import Text

    tables = [_parts(found), *([_flagged(found)] if found.flagged else [])]
    lines = [Text(found.note, style="bold yellow")] if found.note else []
    return [Text(sentence(found), style="bold"), *tables, Text(caveats(found), style="dim"), *lines]


def sentence(found: Explained) -> str:
    """Return the answer in words."""
    gains = [part for part in parts_of(found) if part.name not in (PLACE, UNEXPLAINED)]
    named = [f"{part.name} {signed(100 * part.gain.value)}" for part in gains[:NAMED]]
    rest = sum(part.gain.value for part in gains[NAMED:])
    named += [f"{len(gains) - NAMED} other features {signed(100 * rest)}"] if len(gains) > NAMED else []
    named += [
        f"{part.name} {signed(100 * part.gain.value)}" for part in found.parts if part.name in (PLACE, UNEXPLAINED)
    ]
    return (
        f"{found.arm} wins {percent(found.win_rate.value)} of the votes against base (forfeits left out), "
        f"{signed(100 * (found.win_rate.value - 0.5))} points beyond one half: {', '.join(named)}."
    )


def _parts(found: Explained) -> Table:
    against = [f"from {found.compared_with}"] if found.compared_with else []
    grid = new_table(
        f"What the votes were for ({found.win_rate.n:,} votes of {found.personas} personas about {found.anchors} anchors)",
        ["feature", "more of it", "weight", "points", *against],
    )
    for part in parts_of(found):
        compared = [difference(plain(part.from_comparator))] if against else []
        size = signed(part.change, 2) if known(part.change) else DASH
        add_row(
            grid,
            part.name,
            size,
            signed(part.weight, 2) if known(part.weight) else DASH,
            difference(plain(part.gain)),
            *compared,
        )
    return grid


def _flagged(found: Explained) -> Table:
    grid = new_table("The same votes, by whose message a probe flags", ["probe", "flagged", "votes", "won", "points"])
    previous = ""
    for row in found.flagged:
        if previous and row.probe != previous:
            grid.add_section()
        name = "" if row.probe == previous else row.probe
        add_row(grid, name, row.whose, number(row.votes), percent(row.win_rate), difference(plain(row.gain)))
        previous = row.probe
    return grid


def caveats(found: Explained) -> str:
    """Return what the tables mean, and what they do not."""
    if found.fitted:
        gain = f"{signed(found.fit_gain.value, 3)} nats a vote better than by place alone, held out"
        rule = f"Rule: a choice model fitted to the votes of {found.audience} ({gain}; its weights are held at their values)."
    else:
        rule = f"Rule: the choice model {found.rule}, whose weights are declared."
    return (
        f"{rule} Points: shares of votes; a column adds up to the win rate less one half; intervals hold 95 %. More of it: the feature in the arm's message "
        "less that in base's, 0 to 1. Weight: in units of the noise. Unexplained: what no feature and no place accounts for, "
        "the noise of choices included. Contests that a probe flags differ in more than what it flags."
    )
