"""What is behind a number of a run's evaluation: the rows of which frame. Pure functions of settings and addresses.

Rates are counted from these rows: a win rate is the share of ``arm_votes`` in contests that nobody forfeited, the rate of a probe the share
of labels that are 1 among those that are 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from analysis.ui.address import PageAddress
from analysis.ui.data.doors import rows_url
from learning.arms.arm import arms_of, bases_of
from learning.arms.markets import BASE
from learning.settings.audiences import name_of, recorded_audiences

Side = Literal["base", "after", "both"]


def contests_url(address: PageAddress, config: Mapping[str, Any], arm: str, epoch: int, other: str = "") -> str:
    """Return where the contests are that a win rate is of; those of ``other``, too, where it is a difference."""
    return rows_url(address, "contests", **_place(config, arm, epoch, other), **_voters(config))


def votes_url(address: PageAddress, config: Mapping[str, Any], arm: str, epoch: int) -> str:
    """Return where the votes are that it is of."""
    return rows_url(address, "votes", **_place(config, arm, epoch), **_voters(config))


def verdicts_url(
    address: PageAddress, config: Mapping[str, Any], arm: str, epoch: int, probe: str, side: Side, other: str = ""
) -> str:
    """Return where the verdicts are that a probe's rate is of.

    Args:
        side: the base model's messages, the arm's, or both, as of a difference.
        other: the comparator, whose own messages count, too, as of a difference from it.
    """
    wrote = _writers(config, arm, side, other)
    return rows_url(address, "verdicts", **_place(config, arm, epoch, other), probe=probe, competitor=wrote)


def messages_url(address: PageAddress, config: Mapping[str, Any], arm: str, epoch: int, side: Side) -> str:
    """Return where the messages are that judges were asked about."""
    wrote = _writers(config, arm, side)
    return rows_url(address, "messages", **_place(config, arm, epoch), competitor=wrote)


def _place(config: Mapping[str, Any], arm: str, epoch: int, other: str = "") -> dict[str, Any]:
    return {"phase": "evaluate", "epoch": epoch, "arm": (arm, other) if other else arm}


def _voters(config: Mapping[str, Any]) -> dict[str, str]:
    """Return whose votes count where evaluation audiences vote, too: the run's own."""
    own = name_of(str(config.get("audience", "")))
    return {"audience": own} if recorded_audiences(config.get("evaluation_audiences")) else {}


def _writers(config: Mapping[str, Any], arm: str, side: Side, other: str = "") -> str | tuple[str, ...] | None:
    if side == "both":
        return None
    if side == "base":
        return bases_of(config, arms_of(config)).get(arm, BASE)
    return (arm, other) if other else arm
