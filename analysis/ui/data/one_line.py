"""What a run or a study came to in one line of a list: what its first arm wins beyond its comparator, and its first probe's change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analysis.answers.words import outcome_words
from analysis.formats import short
from analysis.ui.data.forest import Mark, shown_estimate

LONGEST = 32
"""Characters of a name in a line."""


class ResultLine(NamedTuple):
    """One line.

    Attributes:
        arm: of which it is; empty for nothing. ``beyond``: what it is compared with.
        wins, probe: estimates with their intervals, as text; ``found``: which probe.
        wins_value, probe_value: the same in percentage points, for an order.
    """

    arm: str = ""
    beyond: str = ""
    wins: str = ""
    found: str = ""
    probe: str = ""
    wins_value: float | None = None
    probe_value: float | None = None


NOTHING = ResultLine()
"""Nothing was evaluated, or it cannot be read."""


def arm_name(name: str) -> str:
    """Return an arm as a line has it: under the name that it has on all pages."""
    return short(name, LONGEST)


def probe_name(name: str) -> str:
    """Return a probe as a line has it."""
    return short(outcome_words(name), LONGEST)


def result_line(marks: Sequence[Mark]) -> ResultLine:
    """Return the line of a forest plot's marks: of the arm and the levels that stand first."""
    if not marks:
        return NOTHING
    first = next((mark for mark in marks if mark["outcome"] == "win_rate"), marks[0])
    alike = [mark for mark in marks if mark["arm"] == first["arm"] and mark["levels"] == first["levels"]]
    wins = next((mark for mark in alike if mark["outcome"] == "win_rate"), None)
    probe = next((mark for mark in alike if mark["outcome"] != "win_rate" and mark["measure"] != "rivalry"), None)
    return ResultLine(
        arm=first["arm"],
        beyond=first["compared_with"] or "base",
        wins=shown_estimate(wins) if wins else "",
        found=probe["outcome"] if probe else "",
        probe=shown_estimate(probe) if probe else "",
        wins_value=wins["value"] if wins else None,
        probe_value=probe["value"] if probe else None,
    )
